"""The page in use: its language, keyboard, mouse, phones and screen readers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator

from tests.page_driver import PageDriver
from tests.paths import ROOT
from tests.patience import wait_until
from web.serve import SiteServer

AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="module")
def visit(browser: Browser, folder: Path) -> Iterator[PageDriver]:
    """The tune, on one page for the tests that only look at it and listen."""
    context = browser.new_context(viewport={"width": 1000, "height": 800})
    with SiteServer(folder / "site") as server:
        driver = PageDriver(context, server.url)
        yield driver
        driver.page.close()
    context.close()


@pytest.fixture
def driver(visit: PageDriver, folder: Path) -> Iterator[PageDriver]:
    """That page, loaded again unless the last test left it as it was."""
    if not visit.page.locator("html[data-state=done][data-as-it-was]").count():
        visit.complaints.clear()
        visit.page.reload()
        assert visit.transcribe(folder / "tune.wav") == "done"
    visit.page.evaluate("delete document.documentElement.dataset.asItWas")
    yield visit
    assert visit.complaints == []


def leave_as_it_was(driver: PageDriver) -> None:
    """Say, at the end of a test, that the next one need not load the page again."""
    driver.page.evaluate("scrollTo(0, 0); document.documentElement.dataset.asItWas = ''")


def test_no_serious_finding_of_axe(browser: Browser, folder: Path) -> None:
    # The audit is injected, which the page's own policy rightly forbids.
    context = browser.new_context(bypass_csp=True, color_scheme="dark")
    with SiteServer(folder / "site") as server:
        driver = PageDriver(context, server.url)
        if browser.browser_type.name == "firefox":
            driver.page.click("#theme")  # its WebDriver BiDi cannot emulate the system's
        for scheme in ("dark", "light"):
            driver.wait(f"html[data-theme={scheme}]")
            check_accessibility(driver)
            driver.page.click("#theme")
        driver.by_timbre("2")
        assert driver.transcribe(folder / "tune.wav") == "done"
        for scheme in ("dark", "light"):
            driver.wait(f"html[data-theme={scheme}]")
            check_accessibility(driver)
            driver.page.click("#theme")
        driver.page.close()
    context.close()


def check_accessibility(driver: PageDriver) -> None:
    driver.page.evaluate(AXE.read_text(encoding="utf-8"))
    found = driver.page.evaluate("axe.run()")
    assert len(found["passes"]) > 10, "the audit did not run"
    serious = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
    assert serious == [], json.dumps(serious, indent=1)[:3000]


def test_the_roll_shrinks_again(driver: PageDriver) -> None:
    page = driver.page
    before = driver.draw("keys")
    driver.set_slider("frame-threshold", 0.02)
    driver.set_slider("onset-threshold", 0.02)
    driver.set_slider("minimum-length", 1)
    wait_until(lambda: driver.draw("keys") != before)
    page.click("#reset")
    wait_until(lambda: driver.draw("keys") == before)
    leave_as_it_was(driver)


def test_a_stretch_is_repeated_and_played_slowly(driver: PageDriver) -> None:
    page = driver.page
    box = page.locator("#scroller").bounding_box()
    assert box
    second = width_of(page.locator("#span")) / 6.15
    page.mouse.move(box["x"] + 2.1 * second, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 2.5 * second, box["y"] + 10)
    page.mouse.move(box["x"] + 2.7 * second, box["y"] + 10)
    page.mouse.up()
    assert page.locator("#scroller").get_attribute("aria-valuenow") == "0", "a drag is no click"
    page.locator("#loop[aria-pressed=true]").wait_for()
    page.evaluate(WATCH)
    page.click("#play")
    page.locator("#play[aria-pressed=true]").wait_for()
    wait_until(lambda: "323" in page.evaluate("heard.join('')"))
    assert set(page.evaluate("heard")) <= {"0", "2", "3"}
    page.locator("#play[aria-pressed=true]").wait_for()  # it goes on
    page.click("#loop")
    page.locator("#loop[aria-pressed=false]").wait_for()
    page.select_option("#speed", "0.5")
    page.evaluate("heard.length = 0; seenAt = {}")
    page.locator("#play[aria-pressed=false]").wait_for()
    assert {"3", "4", "5", "6"} <= set(page.evaluate("heard"))
    # Two seconds take four; a busy machine shows them late, but not by one.
    seen = page.evaluate("[seenAt['4'], seenAt['6']]")
    assert (seen[1] - seen[0]) / 1000 > 3
    page.select_option("#speed", "1")
    leave_as_it_was(driver)


def test_playback_by_keyboard_and_mouse(driver: PageDriver) -> None:
    page = driver.page
    driver.by_timbre("2")
    driver.wait(".chip:nth-child(2)")
    assert driver.settle() == "done"
    slider = page.locator("#scroller")
    playing = page.locator("#play[aria-pressed=true]")
    page.locator("#main").focus()
    page.keyboard.press("Space")
    playing.wait_for()
    page.locator("#scroller[aria-valuenow='1']").wait_for()
    for source in ("original", "notes", "both"):
        page.locator(f"input[value={source}]").check(force=True)
    page.locator(".mute").first.click()
    page.locator(".solo").last.click()
    page.locator("#main").focus()
    page.keyboard.press("Space")
    playing.wait_for(state="detached")
    slider.focus()
    page.keyboard.press("Home")
    assert slider.get_attribute("aria-valuenow") == "0"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "0:02 of 0:06"
    slider.click(position={"x": width_of(slider) / 2, "y": 80})
    assert slider.get_attribute("aria-valuenow") == "3"
    span = page.locator("#span")
    before = width_of(span)
    for _ in range(8):
        page.click("#zoom-in")
    assert width_of(span) > 3 * before
    at = slider.evaluate("(one) => one.scrollLeft / one.scrollWidth")
    part = slider.evaluate("(one) => one.clientWidth / one.scrollWidth")
    assert at < 3 / 6.15 < at + part, "the cursor was lost"
    slider.evaluate("(scroller) => { scroller.scrollLeft = scroller.scrollWidth; }")
    sheet, view = page.locator("#sheet").bounding_box(), slider.bounding_box()
    assert sheet
    assert view
    assert sheet["x"] == pytest.approx(view["x"], abs=1), "the drawing scrolled out of view"
    page.keyboard.press("Tab")
    page.locator("#main").focus()
    page.keyboard.press("Space")
    playing.wait_for()
    playing.wait_for(state="detached")  # it ends by itself
    assert slider.get_attribute("aria-valuenow") == "0"


def test_the_language_is_the_browsers_and_can_be_changed(
    browser: Browser, folder: Path, tmp_path: Path
) -> None:
    context = browser.new_context(locale="zh-CN")
    with SiteServer(folder / "site") as server:
        driver = PageDriver(context, server.url)
        heading = driver.page.locator("h1")
        assert heading.text_content() == "从声音到音符"
        driver.transcribe(folder / "tune.wav")
        assert driver.page.locator("#summary").text_content() == "12 个音符，C4 至 D5"
        (tmp_path / "notes.txt").write_text("no music")
        driver.pick(tmp_path / "notes.txt")
        driver.wait("html[data-state=error]")
        assert driver.message == "无法读取 notes.txt：里面是文字，不是声音。"
        driver.page.click("#language")
        assert heading.text_content() == "From sound to notes"
        assert driver.page.locator("#summary").text_content() == "12 notes, C4 to D5"
        assert driver.message == "notes.txt cannot be read: it holds text, not sound."
        assert driver.page.locator("html").get_attribute("lang") == "en"
        driver.page.reload()
        assert heading.text_content() == "From sound to notes"
        assert driver.complaints == []
        driver.page.close()
    context.close()


WATCH = """() => {
    window.heard = [];
    window.seenAt = {};
    const slider = document.querySelector("#scroller");
    const look = () => {
        const now = slider.getAttribute("aria-valuenow");
        if (now !== heard.at(-1)) heard.push(now);
        seenAt[now] ??= performance.now();
    };
    new MutationObserver(look).observe(slider, { attributeFilter: ["aria-valuenow"] });
}"""


def check_pinch(driver: PageDriver) -> None:
    """Two fingers on the roll zoom it, and not the page."""
    scroller = driver.page.locator("#scroller")
    scroller.scroll_into_view_if_needed()
    box = scroller.bounding_box()
    assert box
    before = width_of(driver.page.locator("#span"))
    x, y = box["x"] + box["width"] / 2, box["y"] + 60
    fingers = driver.page.context.new_cdp_session(driver.page)
    for kind, apart in (("touchStart", 20), ("touchMove", 30), ("touchMove", 60), ("touchEnd", 0)):
        points = [{"x": x - apart, "y": y}, {"x": x + apart, "y": y}] if apart else []
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    assert width_of(driver.page.locator("#span")) > 2 * before
    assert driver.page.evaluate("visualViewport.scale") == 1


def width_of(element: Locator) -> float:
    box = element.bounding_box()
    assert box
    return box["width"]


def test_the_focus_stays_with_who_has_no_mouse(browser: Browser, folder: Path) -> None:
    context = browser.new_context()
    with SiteServer(folder / "site") as server:
        driver = PageDriver(context, server.url)
        page = driver.page
        page.evaluate("""() => {
            window.focused = [];
            window.flashes = [];
            document.addEventListener("focusin", ({ target }) => focused.push(target.id));
            const width = (one) => one.getBoundingClientRect().width;
            const look = () => {
                const [bar] = document.querySelectorAll("#bar i");
                const known = bar.parentElement.getAttribute("aria-valuenow");
                const full = width(bar) > 0.9 * width(bar.parentElement);
                if (width(bar) > 0 && full && Number(known ?? 0) < 90) flashes.push(known);
                requestAnimationFrame(look);
            };
            look();
        }""")
        page.focus("#example")
        page.keyboard.press("Enter")
        assert driver.settle() == "done"
        driver.wait("#example:focus")
        assert page.evaluate("focused") == ["example", "cancel", "example"]
        assert page.evaluate("flashes") == []
        page.locator("#map").focus()
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        driver.wait("#scroller:focus-visible")
        ring = "getComputedStyle(document.querySelector('#roll'), '::after').borderTopWidth"
        assert page.evaluate(ring) == "2px"
        driver.page.close()
    context.close()


def test_a_phone_shows_everything_within_its_width(
    browser: Browser, folder: Path, tmp_path: Path
) -> None:
    unbroken = tmp_path / f"{'Toccata' * 20}.mp3"
    unbroken.write_bytes(b"")
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True)
    with SiteServer(folder / "site") as server:
        driver = PageDriver(context, server.url)
        driver.by_timbre("4")
        driver.pick(unbroken)
        driver.wait("html[data-state=error]")
        check_width(driver)
        driver.transcribe(folder / "tune.wav")
        check_width(driver)
        midi = driver.page.locator("#download-mid").bounding_box()
        assert midi
        assert midi["y"] + midi["height"] < 500, "the file is out of sight"
        assert midi["height"] < 50, "its words are broken"
        legend = driver.page.locator("#legend").bounding_box()
        assert legend
        assert legend["height"] < 80, "four timbres take more than two rows"
        if browser.browser_type.name == "chromium":
            check_pinch(driver)
        driver.page.close()
    context.close()


def check_width(driver: PageDriver) -> None:
    content, window = driver.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert content <= window
