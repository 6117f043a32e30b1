"""A recording from the microphone; only Chromium has a fake one that plays a tone."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Browser

from tests.page_driver import PageDriver
from web.serve import SiteServer


def test_a_recording_from_the_microphone(chromium: Browser, folder: Path) -> None:
    with (
        SiteServer(folder / "site") as server,
        chromium.new_context(permissions=["microphone"]) as context,
    ):
        driver = PageDriver(context, server.url)
        driver.page.click("#record")
        driver.wait("#record-text:has-text('Stop'):not(:has-text('0:00'))")
        driver.page.click("#record")
        driver.wait("#name:has-text('Recording')")
        assert driver.settle() in ("done", "empty")
        assert re.match(r"\d", driver.page.locator("#length").text_content() or "")
        assert driver.complaints == []
