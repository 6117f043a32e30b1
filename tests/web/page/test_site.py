"""The site on a host: any path, any headers, no network, no server at all."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.page_driver import PageDriver, check_tune, replace_once
from tests.paths import ROOT
from web.build import build_single_file, build_site
from web.serve import SiteServer

_REGISTER_LATE = """
const register = navigator.serviceWorker.register.bind(navigator.serviceWorker);
navigator.serviceWorker.register = async (path) => {
    const registration = await register(path);
    while (!registration.waiting) await new Promise((resume) => setTimeout(resume, 100));
    return registration;
};
"""


def visit(browser: Browser) -> BrowserContext:
    """A visitor who soon has everything saved: the page's rest before that lasts a moment."""
    script = (ROOT / "web" / "page" / "offline.js").read_text(encoding="utf-8")
    (rest_ms,) = re.findall(r"REST_MS = (\d+);", script)
    context = browser.new_context()
    context.add_init_script(
        f"""const wait = window.setTimeout;
        window.setTimeout = (then, ms) => wait(then, ms === {rest_ms} ? 50 : ms);"""
    )
    return context


def test_offline_after_the_first_visit_under_any_path(browser: Browser, folder: Path) -> None:
    context = visit(browser)
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
        context = visit(browser)
        with SiteServer(folder / "site", isolated=isolated) as server:
            driver = PageDriver(context, server.url)
            assert driver.page.evaluate("crossOriginIsolated") is isolated
            assert driver.transcribe(folder / "tune.wav") == "done"
            check_tune(driver)
            cores = driver.page.evaluate("navigator.hardwareConcurrency")
            firefox = browser.browser_type.name == "firefox"  # whose nested workers may hang
            most = 1 if firefox else min(4, max(min(2, cores), (cores + 1) // 2))
            assert driver.facts["threads"] == (most if isolated else 1)
            if not isolated:
                driver.wait("html[data-offline=ready]")
                driver.page.reload()
                assert driver.page.evaluate("crossOriginIsolated")
                driver.requests.clear()
                assert driver.transcribe(folder / "tune.wav") == "done"
                check_tune(driver)
                assert (driver.facts["threads"], driver.facts["stalled"]) == (most, False)
                asked = [url.rpartition("/")[2] for url in driver.requests if "/ort/" in url]
                assert asked.count("ort-wasm-simd-threaded.mjs") == 1, "threads ask for nothing"
            assert driver.complaints == []
            driver.page.close()
        context.close()


def test_threads_that_do_not_start_are_done_without(
    browser: Browser, folder: Path, tmp_path: Path
) -> None:
    site = shutil.copytree(folder / "site", tmp_path / "site")
    glue = site / "ort" / "ort-wasm-simd-threaded.mjs"
    replace_once(glue, "isPthread&&ortWasmThreaded()", "isPthread&&0")
    session = site / "lib" / "worker" / "session.js"
    replace_once(session, "START_MS = 10_000", "START_MS = 1")
    replace_once(session, "wanted === undefined &&", "false &&")  # Firefox would not try
    context = browser.new_context(service_workers="block")
    with SiteServer(site, isolated=True) as server:
        driver = PageDriver(context, server.url)
        if driver.page.evaluate("navigator.hardwareConcurrency") == 1:
            pytest.skip("one core: no threads that could stall")
        assert driver.transcribe(folder / "tune.wav") == "done"
        check_tune(driver)
        assert (driver.facts["threads"], driver.facts["stalled"]) == (1, True)
        assert "1 thread (more did not start)" in driver.page.inner_text("#facts")
        driver.page.close()
    context.close()


def test_a_newer_version_takes_over_with_the_next_visit(
    browser: Browser, folder: Path, tmp_path: Path
) -> None:
    """Also if the page gets its registration after the newer version is installed."""

    def versions(driver: PageDriver) -> list[str]:
        names: list[str] = driver.page.evaluate("caches.keys()")
        return names

    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    manifest = tmp_path / "models" / "manifest.json"
    context = visit(browser)
    with SiteServer(tmp_path / "site") as server:
        driver = PageDriver(context, server.url)
        driver.wait("html[data-offline=ready]")
        (before,) = versions(driver)
        for late in (False, True):
            replace_once(manifest, f'"stand-in": "{1 + late}"', f'"stand-in": "{2 + late}"')
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
            before = after
        assert driver.transcribe(folder / "tune.wav") == "done"
        driver.page.close()
    context.close()


def test_a_damaged_file_is_not_kept(browser: Browser, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "site", tmp_path / "site")
    path = tmp_path / "site" / "models" / "basicamt_44100.notes.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    context = visit(browser)
    with SiteServer(tmp_path / "site") as server:
        driver = PageDriver(context, server.url)
        driver.pick(folder / "tune.wav")
        driver.wait("html[data-state=error]")
        assert "did not load" in driver.message
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
