"""A recording from the microphone; only Chromium has a fake one that plays a tone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.page_driver import PageDriver, check_tune
from tests.patience import wait_until
from web.serve import SiteServer

KEEP_STREAMS = """
const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
window.streams = [];
navigator.mediaDevices.getUserMedia = async (wishes) => {
    await new Promise((resolve) => setTimeout(resolve, 300));  // as if the browser asked its user
    const stream = await ask(wishes);
    window.streams.push(stream);
    return stream;
};
"""
LIVE = "streams.map((one) => one.getTracks().filter((track) => track.readyState === 'live').length)"


@pytest.fixture
def driver(chromium: Browser, folder: Path) -> Iterator[PageDriver]:
    with (
        SiteServer(folder / "site") as server,
        chromium.new_context(permissions=["microphone"]) as context,
    ):
        context.add_init_script(KEEP_STREAMS)
        driver = PageDriver(context, server.url)
        yield driver
        assert driver.complaints == []


def record(driver: PageDriver) -> None:
    """Begin a take, by an impatient double click."""
    driver.page.dblclick("#record")
    driver.wait("#record-text:has-text('Stop'):not(:has-text('0:00'))")
    assert driver.page.evaluate(LIVE) == [1], "one click, one stream"


def test_a_take_is_transcribed_and_can_be_downloaded(driver: PageDriver, tmp_path: Path) -> None:
    record(driver)
    driver.page.click("#record")
    driver.wait("#name:has-text('Recording')")
    assert driver.settle() in ("done", "empty")
    assert driver.page.evaluate(LIVE) == [0]
    assert re.match(r"\d", driver.page.locator("#length").text_content() or "")
    assert driver.take("take", tmp_path).stat().st_size > 1000


def test_another_recording_ends_the_take(driver: PageDriver, folder: Path) -> None:
    record(driver)
    assert driver.transcribe(folder / "tune.wav") == "done"
    check_tune(driver)
    assert driver.page.evaluate(LIVE) == [0]
    assert driver.page.locator("#download-take").is_visible()


def test_a_page_that_is_left_hears_nothing(driver: PageDriver) -> None:
    record(driver)
    driver.page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))")
    assert driver.page.evaluate(LIVE) == [0]
    driver.page.click("#record")  # and the permission comes when nobody is there any more
    driver.page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))")
    wait_until(
        lambda: len(driver.page.evaluate(LIVE)) == 2, lambda: driver.page.wait_for_timeout(50)
    )
    assert driver.page.evaluate(LIVE) == [0, 0]
    assert driver.page.locator("#record-text").text_content() == "Record"
