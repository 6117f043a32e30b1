"""The page without a graphics adapter, with one that fails, and with models that exclude it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from playwright.sync_api import Browser

from export.manifest import FILE_NAME
from tests.page_driver import PageDriver, check_tune, replace_once
from web.build import build_site
from web.serve import SiteServer


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
    for stage in content["files"]:
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
    library = site / "lib" / "worker" / "session.js"
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
