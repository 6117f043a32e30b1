"""Node's tests, each file a test of pytest's, so that they run beside the others."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.patience import PATIENCE_SECONDS
from web.node import NODE

FILES = sorted(Path(__file__).parent.glob("*.test.js"))
FAULTY = {
    "fails": "import test from 'node:test'; test('it', () => { throw new Error('planted'); });",
    "does not start": "import './nowhere.js';",
    "tests nothing": "",
}


def run(file: Path) -> None:
    """AssertionError with the report if a test of the file fails, or if there is none."""
    command = [*NODE, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    passed = re.search(r"^# pass ([1-9]\d*)$", done.stdout, re.MULTILINE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert passed, f"{file.name} tests nothing"


def test_there_are_files() -> None:
    assert len(FILES) > 10


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_it_passes(file: Path) -> None:
    run(file)


@pytest.mark.parametrize("fault", FAULTY)
def test_a_fault_is_seen(fault: str, tmp_path: Path) -> None:
    file = tmp_path / "faulty.test.mjs"
    file.write_text(FAULTY[fault], encoding="utf-8")
    with pytest.raises(AssertionError, match=r"planted|nowhere|tests nothing"):
        run(file)
