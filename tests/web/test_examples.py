"""The two examples, as a reader would set them up: plain HTML and the packed npm package."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.patience import PATIENCE_SECONDS
from tests.stand_in import TUNE, write_models, write_tune
from web.assets import NODE_MODULES, RUNTIME, WEB
from web.build import build_site
from web.serve import SiteServer


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"))


def notes_of(chromium: Browser, folder: Path, file: Path) -> list[dict[str, float]]:
    with SiteServer(folder) as server, chromium.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(1000 * PATIENCE_SECONDS)
        page.goto(server.url)
        page.set_input_files("#file", file)
        page.wait_for_selector("#notes:not(:empty)")
        text = page.locator("#notes").text_content() or ""
        assert text.startswith("["), text
        notes: list[dict[str, float]] = json.loads(text)
        return notes


def test_plain_html(chromium: Browser, models: Path, tmp_path: Path) -> None:
    build_site(models, tmp_path / "site")
    shutil.copy(WEB / "examples" / "plain" / "index.html", tmp_path / "site" / "index.html")
    notes = notes_of(chromium, tmp_path / "site", write_tune(tmp_path / "tune.wav"))
    assert [note["pitch"] for note in notes] == [pitch for _, _, pitch, _ in TUNE]


def test_bundler_and_package(chromium: Browser, models: Path, tmp_path: Path) -> None:
    pack = ["npm", "pack", "--pack-destination", str(tmp_path), "--loglevel=error"]
    subprocess.run(pack, cwd=WEB, check=True, capture_output=True)
    project = tmp_path / "project"
    shutil.copytree(WEB / "examples" / "bundler", project)
    with tarfile.open(next(tmp_path.glob("tiny-amt-*.tgz"))) as archive:
        archive.extractall(project / "node_modules", filter="data")
    package = project / "node_modules" / "tiny-amt"
    (project / "node_modules" / "package").rename(package)
    assert (package / "types" / "index.d.ts").is_file()
    command = (WEB / "examples" / "bundler" / "main.js").read_text(encoding="utf-8")
    line = next(line for line in command.splitlines() if line.startswith("//   esbuild "))
    arguments = line.removeprefix("//   esbuild ").split()
    esbuild = str(NODE_MODULES / ".bin" / "esbuild")
    subprocess.run([esbuild, *arguments, "--log-level=error"], cwd=project, check=True)
    shutil.copytree(models, project / "models")
    (project / "ort").mkdir()
    for name in RUNTIME["wasm"]:
        shutil.copy(NODE_MODULES / "onnxruntime-web" / "dist" / name, project / "ort" / name)
    notes = notes_of(chromium, project, write_tune(tmp_path / "tune.wav"))
    assert [(note["pitch"], note["timbre"]) for note in notes] == [
        (pitch, voice) for _, _, pitch, voice in TUNE
    ]
