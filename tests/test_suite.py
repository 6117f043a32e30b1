"""The suite about itself: what is quick stays quick, and what needs a browser is known by it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import look, make_once
from tests.paths import ROOT, TESTS

HEAVY = ("torch", "onnx", "onnxruntime", "playwright", "scipy", "sklearn")
IMPORTS = "import sys, tests.conftest; print(*sorted(set(sys.argv[1:]) & set(sys.modules)))"


def test_nobody_pays_for_what_another_imports() -> None:
    """A numpy test takes a blink: conftest imports neither torch nor Playwright."""
    command = [sys.executable, "-c", IMPORTS, *HEAVY, "numpy"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["numpy"]


CASES = """
import pytest

@pytest.fixture(scope="module")
def site(browser):
    return browser

def test_through_another_fixture(site): pass
def test_export_of_all(models): pass
@pytest.mark.usefixtures("exporting")
def test_export_of_its_own(): pass
def test_quick(tmp_path): pass
"""


PRINT_MARKERS = """
def pytest_collection_finish(session):
    for item in session.items:
        marks = {mark.name for mark in item.iter_markers()}
        print(item.name, *sorted(marks & {"browser", "export"}))
"""


def test_tests_of_a_file_run_in_one_process(request: pytest.FixtureRequest) -> None:
    """So that they share its fixtures, browsers among them."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        pytest.skip("all tests run in one process")
    assert request.node.nodeid.endswith("@tests/test_suite.py")


def test_markers_come_from_fixtures(tmp_path: Path) -> None:
    conftest = (TESTS / "conftest.py").read_text(encoding="utf-8") + PRINT_MARKERS
    (tmp_path / "conftest.py").write_text(conftest, encoding="utf-8")
    (tmp_path / "test_it.py").write_text(CASES, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "."]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    printed = [line for line in done.stdout.splitlines() if line.startswith("test_")]
    assert sorted(line for line in printed if "::" not in line) == [
        "test_export_of_all export",
        "test_export_of_its_own export",
        "test_quick",
        "test_through_another_fixture[chromium] browser",
        "test_through_another_fixture[firefox] browser",
    ], done.stdout + done.stderr


def test_what_is_shared_is_made_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    calls: list[Path] = []

    def make(folder: Path) -> None:
        calls.append(folder)
        folder.mkdir()
        (folder / "file").write_text("made")

    for _ in range(2):
        made = make_once(tmp_path_factory, f"once-{os.getpid()}", make)
        assert (made / "file").read_text() == "made"
    assert len(calls) == 1


def test_what_was_half_made_is_made_again(tmp_path_factory: pytest.TempPathFactory) -> None:
    def fail(folder: Path) -> None:
        folder.mkdir()
        raise RuntimeError("planted")

    name = f"half-{os.getpid()}"
    with pytest.raises(RuntimeError, match="planted"):
        make_once(tmp_path_factory, name, fail)
    assert make_once(tmp_path_factory, name, Path.mkdir).is_dir()


def test_who_writes_into_what_all_share_is_seen(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"1")
    before = look(tmp_path)
    assert look(tmp_path) == before
    (tmp_path / "model.onnx").write_bytes(b"12")
    assert look(tmp_path) != before
