"""Ten minutes and ten thousand notes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page

from tests.page_driver import PageDriver
from tests.patience import wait_until
from tests.stand_in import write_tune
from web.serve import SiteServer

CHORD = (55, 59, 62, 66, 69, 73, 76, 80, 83, 87)


def test_ten_minutes_and_ten_thousand_notes(
    chromium: Browser, folder: Path, tmp_path: Path
) -> None:
    random = np.random.default_rng(0)
    tune = [
        (0.1 + 0.25 * beat, 0.27 + 0.25 * beat, int(pitch), 0)
        for beat in range(2400)
        for pitch in random.choice(CHORD, 5, replace=False)
    ]
    file = write_tune(tmp_path / "long.wav", tune=tune, gain=0.1)
    with (
        SiteServer(folder / "site") as server,
        chromium.new_context() as context,
    ):
        driver = PageDriver(context, server.url)
        driver.pick(file)
        # While the network runs: how far it is, and the notes so far.
        driver.wait("#result.provisional:not([hidden])")
        done = int(driver.page.locator("#bar").get_attribute("aria-valuenow") or 0)
        assert 0 < done < 100
        assert "of 10 min" in (driver.page.locator("#stage").text_content() or "")
        assert driver.page.locator("#download-mid").is_hidden()
        assert driver.settle() == "done"
        assert driver.page.locator("#result.provisional").count() == 0
        assert len(driver.notes) > 10_000
        assert driver.notes[-1]["end"] > 590
        page = driver.page
        for _ in range(4):
            page.click("#zoom-in")
        scroller = page.locator("#scroller")
        scroller.evaluate("(one) => { one.scrollLeft = one.scrollWidth / 2; }")
        # The drawing shows notes where it was scrolled to: the timbre's colour is on the sheet.
        wait_until(lambda: count_coloured(page) > 5_000, lambda: page.wait_for_timeout(50))
        before = len(driver.notes)
        driver.set_slider("frame-threshold", 0.9)
        page.wait_for_selector(f"#summary:not(:has-text('{before} notes'))")
        assert 0 < len(driver.notes) < before
        assert driver.complaints == []


def count_coloured(page: Page) -> int:
    """Pixels of the sheet with the first timbre's colour."""
    count: int = page.locator("#sheet").evaluate("""(sheet) => {
        const { data } = sheet.getContext("2d").getImageData(0, 0, sheet.width, sheet.height);
        let count = 0;
        for (let i = 0; i < data.length; i += 4) count += data[i] + 60 < data[i + 1];
        return count;
    }""")
    return count
