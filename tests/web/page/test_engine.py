"""The library on the engine, in browsers: the same notes for any number of workers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Browser, Page

from tests.page_driver import PageDriver
from tests.stand_in import make_tune, write_tune
from web.build import build_site
from web.serve import SiteServer

TRANSCRIBE = """async ([backend, threads]) => {
  const at = (path) => new URL(path, location.href).href;
  const { analyse } = await import(at("lib/transcribe.js"));
  const { decodeFile } = await import(at("lib/index.js"));
  const audio = await decodeFile(await (await fetch(at("example/example.flac"))).blob());
  const timbres = 2;
  const options = { models: at("models/"), runtime: at("ort/"), model: "septimbre", timbres };
  const analysis = await analyse(audio, { ...options, backend, threads });
  const { notes } = await analysis.makeNotes({ timbres });
  analysis.close();
  return { facts: analysis.facts, notes };
}"""


@pytest.fixture(scope="module")
def folder(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with the real networks, and a recording."""
    folder = tmp_path_factory.mktemp("engine")
    build_site(models, folder / "site")
    write_tune(folder / "tune.wav")
    return folder


def run(page: Page, backend: str | None, threads: int | None) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(TRANSCRIBE, [backend, threads])
    return found


def rough(notes: list[dict[str, float]]) -> list[tuple[float, ...]]:
    return [(one["start"], one["end"], one["pitch"], one["timbre"]) for one in notes]


def test_notes_and_timbres_are_those_of_onnxruntime_web(browser: Browser, folder: Path) -> None:
    page = browser.new_page()
    with SiteServer(folder / "site") as server:
        page.goto(server.url)
        alone = run(page, None, 1)
        assert (alone["facts"]["backend"], alone["facts"]["threads"]) == ("engine", 1)
        assert len(alone["notes"]) > 20
        for threads in (2, 3):
            several = run(page, None, threads)
            assert several["facts"]["threads"] == threads
            assert several["notes"] == alone["notes"]
        assert not [path for path in server.requests if "/ort/" in path]
        other = run(page, "wasm", 1)
        assert (other["facts"]["backend"], other["facts"]["relaxed"]) == ("wasm", False)
        assert rough(other["notes"]) == rough(alone["notes"])
    page.close()


def test_without_simd_onnxruntime_web_takes_over(browser: Browser, folder: Path) -> None:
    page = browser.new_page()
    page.add_init_script("WebAssembly.validate = () => false")
    with SiteServer(folder / "site") as server:
        page.goto(server.url)
        facts = run(page, None, 1)["facts"]
        assert (facts["backend"], facts["fallback"]) == ("wasm", "")
        asked = run(page, "engine", 1)["facts"]
        assert asked["backend"] == "wasm"
        assert "no SIMD" in asked["fallback"]
    page.close()


def test_the_page_says_what_ran_and_how_the_recording_was_tuned(
    browser: Browser, folder: Path, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "sharp.wav", make_tune(), round(44_100 * 2 ** (35 / 1200)))
    context = browser.new_context(locale="en-GB")
    with SiteServer(folder / "site") as server:
        driver = PageDriver(context, server.url)
        assert driver.transcribe(folder / "tune.wav") == "done"
        facts = driver.page.locator("#facts")
        assert "engine" in facts.inner_text()
        assert "cents" not in facts.inner_text()
        assert driver.page.locator("#tuning-field").is_hidden(), "it is in tune"
        driver.transcribe(tmp_path / "sharp.wav")
        driver.wait("#name:has-text('sharp.wav')")
        assert driver.facts["tuningCents"] == pytest.approx(35, abs=5)
        assert "cents sharp, corrected" in facts.inner_text()
        driver.page.uncheck("#tuning")
        driver.wait("#facts:has-text('not corrected')")
        assert driver.facts["tuningCents"] == 0
        driver.page.check("#tuning")
        driver.wait("#facts:has-text('sharp, corrected')")
        hiss = 3e-4 * np.random.default_rng(0).standard_normal(5 * 44_100)
        soundfile.write(tmp_path / "hiss.wav", hiss, 44_100, subtype="PCM_24")
        driver.pick(tmp_path / "hiss.wav")
        driver.wait("html[data-state=empty]")
        assert "mostly noise" in driver.message
        driver.page.close()
    context.close()
