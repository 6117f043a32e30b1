"""Write web/screenshot.png, which the README shows: `python -m tests.make_screenshot`.

It shows dist/site (`make page`) with the bundled example, by timbre.
"""

from __future__ import annotations

from tests.browsers import open_browser
from tests.page_driver import PageDriver
from tests.paths import ROOT
from web.serve import SiteServer


def main() -> None:
    """Open the page, transcribe the example, and take the picture."""
    with (
        SiteServer(ROOT / "dist" / "site") as server,
        open_browser("chromium") as browser,
        browser.new_context(viewport={"width": 1180, "height": 860}) as context,
    ):
        driver = PageDriver(context, server.url)
        driver.by_timbre("2")
        driver.page.click("#example")
        assert driver.settle() == "done"
        driver.wait("html[data-offline=ready]")
        box = driver.page.locator("#scroller").bounding_box()
        assert box
        driver.page.mouse.click(box["x"] + 0.31 * box["width"], box["y"] + 80)
        driver.page.wait_for_timeout(500)
        driver.page.screenshot(path=ROOT / "web" / "screenshot.png", full_page=True)


if __name__ == "__main__":
    main()
