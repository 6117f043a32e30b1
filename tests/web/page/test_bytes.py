"""Bytes of a first visit: those for the first note come first, and no byte comes twice."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.page_driver import PageDriver
from tests.stand_in import write_tune
from web import build
from web.compress import compress_files
from web.serve import SiteServer

MOST = 250_000
"""Bytes to the first note, as transferred, headers included: page, library, engine and model."""


@pytest.fixture(scope="module")
def folder(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with the real networks and compressed siblings, as for a host."""
    folder = tmp_path_factory.mktemp("bytes")
    with pytest.MonkeyPatch.context() as patch:
        # onnxruntime-web, which nobody asks for before the first note, takes most of the time.
        patch.setattr(
            build, "compress_files", lambda files, before: compress_files(rest(files), before)
        )
        build.build_site(models, folder / "site", compressed=True)
    write_tune(folder / "tune.wav")
    return folder


def rest(files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {path: content for path, content in files.items() if not path.startswith("ort/")}


@pytest.fixture(scope="module")
def browser(chromium: Browser) -> Browser:
    """Chromium: Firefox takes brotli from secure origins only."""
    return chromium


def check_bytes(sent: Mapping[str, int]) -> None:
    assert not [path for path in sent if "/ort/" in path], "onnxruntime-web is not needed"
    assert any(path.endswith(".wasm") for path in sent), f"the engine was not counted: {sent}"
    total = sum(sent.values())
    assert 80_000 < total <= MOST, f"{total}: {sent}"


def test_the_first_note_comes_before_everything_else(browser: Browser, folder: Path) -> None:
    context = browser.new_context()
    with SiteServer(folder / "site") as server:
        driver = PageDriver(context, server.url)
        assert driver.transcribe(folder / "tune.wav") == "done"
        at_first_note = dict(server.sent)
        print(sum(at_first_note.values()), at_first_note)
        check_bytes(at_first_note)
        assert not [path for path in at_first_note if "septimbre" in path or "example" in path]
        driver.wait("html[data-offline=ready]")
        assert [path for path in server.sent if "septimbre" in path], "it was not saved"
        with pytest.raises(AssertionError):  # what was saved since is counted, and is too much
            check_bytes(server.sent)
        driver.page.close()
    context.close()


def test_who_only_looks_gets_it_offline_and_a_second_visit_transfers_nothing(
    browser: Browser, folder: Path
) -> None:
    context = browser.new_context()
    with SiteServer(folder / "site") as server:
        driver = PageDriver(context, server.url)
        assert driver.page.locator("html").get_attribute("data-offline") != "ready"
        driver.wait("html[data-offline=ready]")
        assert driver.state == "idle"
        driver.page.close()
        server.sent.clear()
        driver = PageDriver(context, server.url)
        assert driver.transcribe(folder / "tune.wav") == "done"
        driver.wait("html[data-offline=ready]")
        assert set(server.sent) <= {"/sw.js"}, "only a newer version is asked for"
        driver.page.close()
    context.close()
