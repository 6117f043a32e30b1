"""A recording from the microphone; only Chromium has a fake one that plays a tone."""

from __future__ import annotations

import re
from pathlib import Path

from tests.browsers import open_browser
from tests.page_driver import PageDriver
from tests.stand_in import write_models
from web.build import build_site
from web.serve import SiteServer


def test_a_recording_from_the_microphone(tmp_path: Path) -> None:
    build_site(write_models(tmp_path / "models"), tmp_path / "site")
    with (
        SiteServer(tmp_path / "site") as server,
        open_browser("chromium") as browser,
        browser.new_context(permissions=["microphone"]) as context,
    ):
        driver = PageDriver(context, server.url)
        driver.page.click("#record")
        driver.wait("#record-text:has-text('Stop'):not(:has-text('0:00'))")
        driver.page.click("#record")
        driver.wait("#name:has-text('Recording')")
        assert driver.settle() in ("done", "empty")
        assert re.match(r"\d", driver.page.locator("#length").text_content() or "")
        assert driver.complaints == []
