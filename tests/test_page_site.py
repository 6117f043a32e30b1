"""The site as a thing on a host: any path, any headers, no network, no server at all."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Locator

from export.manifest import FILE_NAME
from tests.page_driver import PageDriver
from tests.stand_in import TUNE, write_models, write_tune
from web.build import build_single_file, build_site
from web.serve import SiteServer

AXE = Path(__file__).parents[1] / "web" / "node_modules" / "axe-core" / "axe.min.js"

_REGISTER_LATE = """
const register = navigator.serviceWorker.register.bind(navigator.serviceWorker);
navigator.serviceWorker.register = async (path) => {
    const registration = await register(path);
    while (!registration.waiting) await new Promise((resume) => setTimeout(resume, 100));
    return registration;
};
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    build_site(write_models(folder / "models"), folder / "site")
    write_tune(folder / "tune.wav")
    return folder


def check_tune(driver: PageDriver) -> None:
    assert [note["pitch"] for note in driver.notes] == [pitch for _, _, pitch, _ in TUNE]


def test_offline_after_the_first_visit_under_any_path(browser: Browser, folder: Path) -> None:
    context = browser.new_context()
    with SiteServer(folder / "site", prefix="/some/deep/path/") as server:
        first = PageDriver(context, server.url)
        first.wait("html[data-offline=ready]")
        assert server.requests.count("/some/deep/path/") == 1, "the page reloaded itself"
        assert not [path for path in server.requests if "asyncify" in path]
        assert first.complaints == []
        url = server.url
        first.page.close()
    second = PageDriver(context, url)  # nobody answers at this address now
    assert second.transcribe(folder / "tune.wav") == "done"
    check_tune(second)
    second.page.click("#example")
    second.wait("#name:has-text('Example')")
    assert second.settle() == "done"
    context.close()


def test_threads_where_the_host_sends_the_headers_and_else_from_the_second_visit(
    browser: Browser, folder: Path
) -> None:
    for isolated in (True, False):
        context = browser.new_context()
        with SiteServer(folder / "site", isolated=isolated) as server:
            driver = PageDriver(context, server.url)
            assert driver.page.evaluate("crossOriginIsolated") is isolated
            assert driver.transcribe(folder / "tune.wav") == "done"
            check_tune(driver)
            cores = driver.page.evaluate("navigator.hardwareConcurrency")
            most = min(4, cores)
            check_threads(driver, most if isolated else 1)
            if not isolated:
                driver.wait("html[data-offline=ready]")
                driver.page.reload()
                assert driver.page.evaluate("crossOriginIsolated")
                driver.requests.clear()
                assert driver.transcribe(folder / "tune.wav") == "done"
                check_tune(driver)
                check_threads(driver, most)
                asked = [url.rpartition("/")[2] for url in driver.requests if "/ort/" in url]
                assert asked.count("ort-wasm-simd-threaded.mjs") == 1, "threads ask for nothing"
            assert driver.complaints == []
            driver.page.close()
        context.close()


def check_threads(driver: PageDriver, count: int) -> None:
    """In Firefox a thread may never get its first message; the library then does without."""
    facts = driver.facts
    browser = driver.page.context.browser
    if facts["stalled"] and browser and browser.browser_type.name == "firefox":
        assert facts["threads"] == 1
    else:
        assert (facts["threads"], facts["stalled"]) == (count, False)


def test_threads_that_do_not_start_are_done_without(
    browser: Browser, folder: Path, tmp_path: Path
) -> None:
    site = shutil.copytree(folder / "site", tmp_path / "site")
    glue = site / "ort" / "ort-wasm-simd-threaded.mjs"
    replace_once(glue, "isPthread&&ortWasmThreaded()", "isPthread&&0")
    replace_once(site / "lib" / "session.js", "START_MS = 10_000", "START_MS = 1")
    context = browser.new_context(service_workers="block")
    with SiteServer(site, isolated=True) as server:
        driver = PageDriver(context, server.url)
        if driver.page.evaluate("navigator.hardwareConcurrency") == 1:
            pytest.skip("one core: no threads that could stall")
        assert driver.transcribe(folder / "tune.wav") == "done"
        check_tune(driver)
        assert (driver.facts["threads"], driver.facts["stalled"]) == (1, True)
        assert "1 thread, since more did not start" in driver.page.inner_text("#facts")
        driver.page.close()
    context.close()


def replace_once(path: Path, old: str, new: str) -> None:
    content = path.read_text(encoding="utf-8")
    assert content.count(old) == 1, f"{path.name} has changed"
    path.write_text(content.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize("late", [False, True])
def test_a_newer_version_takes_over_with_the_next_visit(
    late: bool, browser: Browser, folder: Path, tmp_path: Path
) -> None:
    """Also where the page hears of its registration after the newer version is installed."""

    def versions(driver: PageDriver) -> list[str]:
        names: list[str] = driver.page.evaluate("caches.keys()")
        return names

    shutil.copytree(folder / "models", tmp_path / "models")
    build_site(tmp_path / "models", tmp_path / "site")
    context = browser.new_context()
    with SiteServer(tmp_path / "site") as server:
        driver = PageDriver(context, server.url)
        driver.wait("html[data-offline=ready]")
        (before,) = versions(driver)
        manifest = tmp_path / "models" / "manifest.json"
        manifest.write_text(
            manifest.read_text(encoding="utf-8").replace('"stand-in": "1"', '"stand-in": "2"'),
            encoding="utf-8",
        )
        build_site(tmp_path / "models", tmp_path / "site")
        if late:
            driver.page.add_init_script(_REGISTER_LATE)
        driver.page.reload()
        driver.wait("#offline:has-text('newer version')")
        assert driver.transcribe(folder / "tune.wav") == "done"  # still whole: the old one
        driver.page.close()
        driver = PageDriver(context, server.url)
        driver.wait("html[data-offline=ready]")
        (after,) = versions(driver)
        assert after != before
        assert driver.transcribe(folder / "tune.wav") == "done"
        driver.page.close()
    context.close()


def test_a_damaged_file_is_not_kept(browser: Browser, folder: Path, tmp_path: Path) -> None:
    build_site(folder / "models", tmp_path / "site")
    path = tmp_path / "site" / "models" / "basicamt_44100.notes.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    context = browser.new_context()
    with SiteServer(tmp_path / "site") as server:
        driver = PageDriver(context, server.url)
        driver.pick(folder / "tune.wav")
        driver.wait("html[data-state=error]")
        assert "did not arrive" in driver.message
        assert "damaged" in driver.message
        driver.wait("html[data-offline=failed]")
        driver.page.close()
    context.close()


def test_single_file_from_disk(browser: Browser, folder: Path, tmp_path: Path) -> None:
    build_single_file(folder / "models", tmp_path / "tiny-amt.html")
    context = browser.new_context()
    driver = PageDriver(context, (tmp_path / "tiny-amt.html").as_uri())
    assert driver.transcribe(folder / "tune.wav") == "done"
    check_tune(driver)
    driver.page.click("#example")
    driver.wait("#name:has-text('Example')")
    assert driver.settle() == "done"
    assert driver.complaints == []
    asked = [url for url in driver.requests if url.startswith("http")]
    assert asked == []
    context.close()


def test_without_a_gpu_it_runs_on_the_cpu_and_says_so(browser: Browser, folder: Path) -> None:
    context = browser.new_context()
    with SiteServer(folder / "site") as server:
        driver = PageDriver(context, server.url)
        driver.page.select_option("#backend", "webgpu")
        assert driver.transcribe(folder / "tune.wav") == "done"
        check_tune(driver)
        facts = driver.facts
        if facts["backend"] == "wasm":
            assert facts["fallback"]
            assert facts["fallback"] in driver.message
            assert not [path for path in server.requests if "asyncify" in path], "27 MB for nothing"
        driver.page.close()
    context.close()


def test_models_that_are_not_for_the_gpu_run_on_the_cpu_and_say_so(
    browser: Browser, folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(folder / "models", tmp_path / "models")
    manifest = tmp_path / "models" / FILE_NAME
    content = json.loads(manifest.read_text(encoding="utf-8"))
    for stage in content["stages"]:
        stage["recommended_for"] = ["wasm"]
    manifest.write_text(json.dumps(content), encoding="utf-8")
    build_site(tmp_path / "models", tmp_path / "site")
    context = browser.new_context()
    with SiteServer(tmp_path / "site") as server:
        driver = PageDriver(context, server.url)
        driver.page.select_option("#backend", "webgpu")
        assert driver.transcribe(folder / "tune.wav") == "done"
        check_tune(driver)
        assert driver.facts["backend"] == "wasm"
        assert "made for the CPU" in driver.message
        assert not [path for path in server.requests if "asyncify" in path]
        driver.page.close()
    context.close()


def test_a_gpu_that_does_not_start_is_done_without(
    browser: Browser, folder: Path, tmp_path: Path
) -> None:
    site = shutil.copytree(folder / "site", tmp_path / "site")
    library = site / "lib" / "session.js"
    replace_once(library, 'if (!gpu) return "this browser has no WebGPU";', 'return "";')
    broken = '[this.backend === "webgpu" ? "none" : "wasm"]'
    replace_once(library, "[this.backend],", f"{broken},")
    context = browser.new_context(service_workers="block")
    with SiteServer(site) as server:
        driver = PageDriver(context, server.url)
        driver.page.select_option("#backend", "webgpu")
        assert driver.transcribe(folder / "tune.wav") == "done"
        check_tune(driver)
        assert driver.facts["backend"] == "wasm"
        assert driver.facts["fallback"] in driver.message
        assert [path for path in server.requests if "asyncify" in path], "it was not tried"
        driver.page.close()
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_finding_of_axe(
    browser: Browser, folder: Path, scheme: Literal["light", "dark"]
) -> None:
    # The audit is injected, which the page's own policy rightly forbids.
    context = browser.new_context(bypass_csp=True, color_scheme=scheme)
    with SiteServer(folder / "site") as server:
        driver = PageDriver(context, server.url)
        if driver.page.locator("html").get_attribute("data-theme") != scheme:
            driver.page.click("#theme")  # Firefox's WebDriver BiDi cannot emulate the system's
        driver.wait(f"html[data-theme={scheme}]")
        check_accessibility(driver)
        driver.by_timbre("2")
        assert driver.transcribe(folder / "tune.wav") == "done"
        check_accessibility(driver)
        driver.page.close()
    context.close()


def check_accessibility(driver: PageDriver) -> None:
    driver.page.evaluate(AXE.read_text(encoding="utf-8"))
    found = driver.page.evaluate("axe.run()")
    assert len(found["passes"]) > 10, "the audit did not run"
    serious = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
    assert serious == [], json.dumps(serious, indent=1)[:3000]


def test_the_language_is_the_browsers_and_can_be_changed(browser: Browser, folder: Path) -> None:
    context = browser.new_context(locale="zh-CN")
    with SiteServer(folder / "site") as server:
        driver = PageDriver(context, server.url)
        heading = driver.page.locator("h1")
        assert heading.text_content() == "从声音到音符"
        driver.transcribe(folder / "tune.wav")
        assert driver.page.locator("#summary").text_content() == "12 个音符，C4 至 D5"
        driver.page.click("#language")
        assert heading.text_content() == "From sound to notes"
        assert driver.page.locator("#summary").text_content() == "12 notes, C4 to D5"
        assert driver.page.locator("html").get_attribute("lang") == "en"
        driver.page.reload()
        assert heading.text_content() == "From sound to notes"
        assert driver.complaints == []
        driver.page.close()
    context.close()


def test_playback_by_keyboard_and_mouse(browser: Browser, folder: Path) -> None:
    context = browser.new_context()
    with SiteServer(folder / "site") as server:
        driver = PageDriver(context, server.url)
        driver.by_timbre("2")
        driver.transcribe(folder / "tune.wav")
        page = driver.page
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
        page.click("#zoom-in")
        assert width_of(span) > 1.3 * before
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
        assert driver.complaints == []
        driver.page.close()
    context.close()


def width_of(element: Locator) -> float:
    box = element.bounding_box()
    assert box
    return box["width"]


def test_a_phone_shows_everything_within_its_width(browser: Browser, folder: Path) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740})
    with SiteServer(folder / "site") as server:
        driver = PageDriver(context, server.url)
        driver.by_timbre("4")
        driver.transcribe(folder / "tune.wav")
        widths = driver.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert widths[0] <= widths[1]
        driver.page.close()
    context.close()
