"""A git checkout shaped like noteDigger, that runs: its page, its workers, its onnxruntime-web."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.paths import TESTS
from verify.publish.app.checkout import FILES, FOLDER
from verify.runtimes.session import NODE_MODULES

APP = TESTS / "js" / "notedigger_app"
RUNTIME = NODE_MODULES / "onnxruntime-web-1.18" / "dist"


def make_app(root: Path, models: Path) -> Path:
    """The stand-in with models as its own, committed; return its root."""
    shutil.copytree(APP, root)
    (root / FOLDER / "dist").mkdir(parents=True)
    shutil.copy(RUNTIME / "ort.wasm.min.js", root / FOLDER / "dist" / "bundle.min.js")
    shutil.copy(RUNTIME / "ort-wasm-simd.wasm", root / FOLDER / "dist")
    for name in FILES:
        shutil.copy(models / name, root / FOLDER)
    git(root, "init", "--quiet")
    commit(root)
    return root


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    command = ["git", "-C", str(root), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def commit(root: Path) -> None:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "state")
