"""Loading ahead: while a recording is being chosen, and not if none is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.page_driver import PageDriver, check_tune
from tests.patience import wait_until
from tests.stand_in import TUNE
from web.serve import SiteServer

LAST = "/models/basicamt_44100.notes.onnx"
RUNTIME = "/ort/ort.wasm.min.mjs"
STEP_MS = 50


def hover(page: Page) -> None:
    page.hover("label[for=file]")


def focus(page: Page) -> None:
    page.focus("#file")


def drag(page: Page) -> None:
    page.evaluate(
        """() => {
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File(["x"], "x.wav"));
            const event = new DragEvent("dragenter", { bubbles: true, dataTransfer });
            document.body.dispatchEvent(event);
        }"""
    )


def heavy(server: SiteServer) -> list[str]:
    return [path for path in server.requests if path.startswith(("/ort/", "/models/"))]


def wait_for_request(driver: PageDriver, server: SiteServer, path: str) -> None:
    wait_until(lambda: path in server.requests, lambda: driver.page.wait_for_timeout(STEP_MS))


@pytest.mark.parametrize("reach", [hover, focus, drag])
def test_who_reaches_for_a_recording_finds_everything_there(
    browser: Browser, folder: Path, reach: Callable[[Page], None]
) -> None:
    context = browser.new_context(service_workers="block")  # nothing is saved for offline use
    with SiteServer(folder / "site") as server:
        driver = PageDriver(context, server.url)
        driver.page.wait_for_timeout(1000)
        assert heavy(server) == [], "who does nothing pays nothing"
        reach(driver.page)
        wait_for_request(driver, server, RUNTIME)
        assert driver.state == "idle"
        assert driver.transcribe(folder / "tune.wav") == "done"
        check_tune(driver)
        assert server.requests.count(LAST) == 1, "what was loaded ahead was not used"
        assert server.requests.count(RUNTIME) == 1
        driver.page.close()
    context.close()


def test_another_wish_in_the_meantime_is_heard(browser: Browser, folder: Path) -> None:
    context = browser.new_context(service_workers="block")
    with SiteServer(folder / "site") as server:
        driver = PageDriver(context, server.url)
        hover(driver.page)
        wait_for_request(driver, server, LAST)
        driver.by_timbre("2")
        assert driver.transcribe(folder / "tune.wav") == "done"
        assert driver.facts["model"] == "septimbre"
        assert [note["timbre"] for note in driver.notes] == [voice for _, _, _, voice in TUNE]
        driver.page.close()
    context.close()


def test_what_failed_ahead_is_tried_again(browser: Browser, folder: Path, tmp_path: Path) -> None:
    site = shutil.copytree(folder / "site", tmp_path / "site")
    (site / LAST[1:]).rename(tmp_path / "away")
    context = browser.new_context(service_workers="block")
    with SiteServer(site) as server:
        driver = PageDriver(context, server.url)
        hover(driver.page)
        wait_for_request(driver, server, LAST)
        assert driver.state == "idle"
        assert driver.message == ""
        (tmp_path / "away").rename(site / LAST[1:])
        assert driver.transcribe(folder / "tune.wav") == "done"
        assert RUNTIME in server.requests
        driver.page.close()
    context.close()
