"""The page in WebKit, in which half of all phones live: as far as WebDriver goes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.patience import PATIENCE_SECONDS
from tests.stand_in import TUNE, write_tune
from tests.webkit import WebKitPage
from verify.runtimes.driver import webdriver
from web.build import build_single_file
from web.serve import SiteServer

SETTLED = "html:is([data-state=done],[data-state=empty],[data-state=error])"
pytestmark = pytest.mark.usefixtures("browsing")


@pytest.fixture
def page() -> Iterator[WebKitPage]:
    if not webdriver.is_installed():
        pytest.skip("needs WebKit (make browsers), which is not here")
    page = WebKitPage()
    try:
        yield page
    finally:
        page.close()


def check_tune(page: WebKitPage) -> None:
    notes = page.read("window.transcription.notes")
    assert [note["pitch"] for note in notes] == [pitch for _, _, pitch, _ in TUNE]
    for note, (start, end, _, _) in zip(notes, TUNE, strict=True):
        assert abs(note["start"] - start) < 0.05
        assert abs(note["end"] - end) < 0.1


def transcribe(page: WebKitPage, file: Path) -> None:
    page.pick("#file", file)
    page.wait("html:is([data-state=loading],[data-state=working],[data-state=done])")
    page.wait(SETTLED)
    assert page.read("document.documentElement.dataset.state") == "done"
    check_tune(page)


def test_the_example_by_timbre_and_its_playback(page: WebKitPage, folder: Path) -> None:
    with SiteServer(folder / "site", isolated=True) as server:
        page.open(server.url, PATIENCE_SECONDS)
        page.click("label:has(input[value=timbre])")
        page.click("#example")
        page.wait(SETTLED)
        assert page.read("document.documentElement.dataset.state") == "done"
        assert page.read("window.transcription.facts.model") == "septimbre"
        assert page.read("window.transcription.notes.length") > 0
        page.click("#play")
        page.wait("#play[aria-pressed=true]")
        page.wait("#scroller[aria-valuenow='1']")
        page.click("#play")
        page.wait("#play[aria-pressed=false]")


def test_threads_if_the_host_sends_the_headers_and_an_mp3_comes_in_time(
    page: WebKitPage, folder: Path, tmp_path: Path
) -> None:
    with SiteServer(folder / "site", isolated=True) as server:
        page.open(server.url, PATIENCE_SECONDS)
        assert page.read("crossOriginIsolated && 'SharedArrayBuffer' in globalThis")
        transcribe(page, folder / "tune.wav")
        cores = page.read("navigator.hardwareConcurrency")
        most = min(4, max(min(2, cores), (cores + 1) // 2))
        assert page.read("window.transcription.facts.threads") == most
        # Some WebKitGTK leave what the encoder added: 138 ms at 8 kHz.
        page.pick("#file", write_tune(tmp_path / "tune.mp3", rate_hz=8000))
        page.wait("html:is([data-state=loading],[data-state=working])")
        page.wait(SETTLED)
        assert page.read("document.querySelector('#name').textContent") == "tune.mp3"
        check_tune(page)


def test_offline_after_the_first_visit(page: WebKitPage, folder: Path) -> None:
    with SiteServer(folder / "site", prefix="/some/deep/path/") as server:
        page.open(server.url, PATIENCE_SECONDS)
        page.wait("html[data-offline=ready]")
    page.reload()  # nobody answers at this address now
    transcribe(page, folder / "tune.wav")


def test_single_file_from_disk(page: WebKitPage, folder: Path, tmp_path: Path) -> None:
    build_single_file(folder / "models", tmp_path / "tiny-amt.html")
    page.open((tmp_path / "tiny-amt.html").as_uri(), PATIENCE_SECONDS)
    transcribe(page, folder / "tune.wav")
