"""Set-up: what is locked, what a stamp says, and links that nothing is written through."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.paths import ROOT

LOCK = (ROOT / "requirements.txt").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SET_UP_FROM = ("Makefile", "pyproject.toml", "requirements.txt")

FAKE_PYTHON = """#!/bin/sh
echo "python $*" >> "$CALLS"
if [ "$2" = venv ]; then mkdir -p "$3/bin" && cp "$0" "$3/bin/python"; fi
"""
FAKE_NPM = """#!/bin/sh
echo "npm $*" >> "$CALLS"
rm -rf web/node_modules/* && mkdir -p web/node_modules
"""


def normalise(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked() -> dict[str, str]:
    """The entries of the lock, by package."""
    entries = re.findall(r"^([\w.-]+)==(.+(?:\n +--hash=.+)*)", LOCK, re.MULTILINE)
    return {normalise(name): rest for name, rest in entries}


def wanted() -> set[str]:
    """The packages that the project requires, in all its extras."""
    project = PROJECT["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    return {normalise(re.split(r"[<>=\[; ]", one)[0]) for names in lists for one in names}


def test_everything_but_torch_is_locked_with_hashes() -> None:
    assert len(locked()) > 50
    assert wanted() - locked().keys() == {"torch"}
    assert [name for name, rest in locked().items() if "--hash=sha256:" not in rest] == []


def test_torch_has_one_version_and_its_cuda_libraries_are_not_locked() -> None:
    project = PROJECT["project"]
    extra = project["optional-dependencies"]["export"]
    assert any(re.fullmatch(r"torch==[\d.]+", one) for one in extra)
    assert not any(one.startswith("torch") for one in project["dependencies"])
    assert [name for name in locked() if name.startswith(("torch", "cuda", "nvidia"))] == []


def test_the_lock_names_no_host() -> None:
    assert "//" not in LOCK


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with nothing set up, and a python and an npm that only note their calls."""
    tree, tools = tmp_path / "tree", tmp_path / "tools"
    (tree / "web").mkdir(parents=True)
    tools.mkdir()
    for name in SET_UP_FROM:
        shutil.copy(ROOT / name, tree / name)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ROOT / "web" / name, tree / "web" / name)
    for name, script in {"python3": FAKE_PYTHON, "npm": FAKE_NPM}.items():
        (tools / name).write_text(script)
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    for name in ("MAKEFLAGS", "MAKELEVEL", "PYTHON"):
        monkeypatch.delenv(name, raising=False)
    return tree


def make(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "setup", *arguments]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)


def calls(tree: Path) -> list[str]:
    """The calls since the last look."""
    file = tree.parent / "calls"
    lines = file.read_text().splitlines() if file.exists() else []
    file.unlink(missing_ok=True)
    return lines


def stamps(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob(".ready*"))


def test_it_is_set_up_once(tree: Path) -> None:
    done = make(tree)
    assert done.returncode == 0, done.stderr
    called = calls(tree)
    assert any("--require-hashes -r requirements.txt" in call for call in called)
    assert any(re.search(r"install .*torch==[\d.]+$", call) for call in called)
    assert sum("npm" in call and " ci " in call for call in called) == 1
    assert len(stamps(tree / ".venv")) == len(stamps(tree / "web" / "node_modules")) == 1
    assert make(tree).returncode == 0
    assert calls(tree) == []


def test_a_checkout_that_changes_no_content_sets_nothing_up(tree: Path) -> None:
    make(tree)
    calls(tree)
    for name in SET_UP_FROM:
        (tree / name).touch()
    assert make(tree).returncode == 0
    assert calls(tree) == []


def test_a_stamp_does_not_outlive_its_folder(tree: Path) -> None:
    """There and back again: the second time is no less than the first."""
    lock = tree / "requirements.txt"
    before = lock.read_text()
    make(tree)
    for text in (before + "# another\n", before):
        lock.write_text(text)
        calls(tree)
        assert make(tree).returncode == 0
        assert any("-r requirements.txt" in call for call in calls(tree))
        assert len(stamps(tree / ".venv")) == 1


@pytest.mark.parametrize("name", [".venv", "web/node_modules"])
def test_nothing_is_written_through_a_link(name: str, tree: Path) -> None:
    make(tree)
    elsewhere = tree.parent / "elsewhere"
    (tree / name).rename(elsewhere)
    (elsewhere / "treasure").touch()
    (tree / name).symlink_to(elsewhere)
    calls(tree)
    assert make(tree).returncode == 0, "the same versions may be shared"
    assert calls(tree) == []
    source = "requirements.txt" if name == ".venv" else "web/package.json"
    (tree / source).write_text((tree / source).read_text() + "\n")
    refused = make(tree)
    assert refused.returncode != 0
    assert f"{name} is a link to {elsewhere}" in refused.stderr
    assert f"`rm {name}`" in refused.stderr
    assert calls(tree) == []
    assert (elsewhere / "treasure").exists()
    assert stamps(elsewhere)
    (tree / name).unlink()
    assert make(tree).returncode == 0, "as the line says"
    assert (elsewhere / "treasure").exists()


def test_a_python_that_is_too_old_is_refused(tree: Path) -> None:
    old = tree.parent / "old-python"
    old.write_text('#!/bin/sh\n[ "$1" != -c ]\n')
    old.chmod(0o755)
    refused = make(tree, f"PYTHON={old}")
    assert refused.returncode != 0
    assert "older than Python 3.11" in refused.stderr
    assert not (tree / ".venv").exists()
