"""What other people copy works: the example's files, the fixture, the action."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests import foreign_models as models
from tests.paths import ROOT
from tests.patience import PATIENCE_SECONDS
from verify.__main__ import main
from verify.models import Model, _make
from verify.runtimes.child import ChildRunner
from verify.runtimes.runners import RunnerError

EXAMPLES = ROOT / "verify" / "examples"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Somebody's, with the example's files and nothing of ours."""
    return Path(shutil.copytree(EXAMPLES, tmp_path / "repository"))


def run(words: list[str], folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT), **more},
        capture_output=True, text=True, timeout=PATIENCE_SECONDS,
    )  # fmt: skip


@pytest.mark.usefixtures("browsing")
def test_the_example_works_as_its_readme_says(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository)
    readme = (repository / "README.md").read_text(encoding="utf-8")
    (made, judged, tested) = re.findall(
        r"^(python model|tiny-amt verify|pytest)(.*?)(?:#|$)", readme, re.M
    )
    assert run([sys.executable, "model.py"], repository).returncode == 0
    assert made[1].split() == [".py"]
    words = [*judged[1].split(), "--runtimes", "native-off", "--quiet"]
    assert main(words) == 0
    options = ["-p", "tiny_amt.plugin", "-p", "no:cacheprovider", "-q"]
    done = run([sys.executable, "-m", "pytest", *options, *tested[1].split()], repository)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_a_session_is_used_as_onnxruntimes(tmp_path: Path) -> None:
    x = np.array([1, 4], np.float32)
    log = models.write_unary(tmp_path / "log.onnx", "Log", size=2)
    root = models.write_unary(tmp_path / "root.onnx", "Sqrt", size=2)
    with ChildRunner("full") as runner:
        first, second = Model(runner, log), Model(runner, root)
        assert [port.name for port in first.get_inputs()] == ["x"]
        assert [port.name for port in first.get_outputs()] == ["y"]
        assert np.allclose(first.run(None, {"x": x})[0], np.log(x))
        assert second.run(["y"], {"x": x})[0].tolist() == [1, 2]
        assert np.allclose(first.run(["y"], {"x": x})[0], np.log(x)), "each keeps its own model"
        with pytest.raises(RunnerError, match="native-full: cannot run"):
            first.run(None, {"x": np.zeros(3, np.float32)})
        with pytest.raises(KeyError):
            first.run(["z"], {"x": x})


def test_a_runtime_that_there_is_not_is_said() -> None:
    with pytest.raises(ValueError, match="no runtime is called opera; there are: native-off"):
        _make("opera")


INPUTS = {
    "MODEL": "a model.onnx\n$(touch planted)\n", "REFERENCE": "one.npz\ntwo three.npz",
    "MAKE_REFERENCE": "false", "RUNTIMES": "native-*,chromium-wasm",
    "TOLERANCE": "1e-4 onset=1e-3", "RELATIVE": "0",
}  # fmt: skip


@pytest.mark.parametrize("status", [0, 1, 2])
def test_the_action_says_its_inputs_as_they_are_and_keeps_the_status(
    status: int, tmp_path: Path
) -> None:
    tool = tmp_path / "tiny-amt"
    tool.write_text(
        '#!/bin/sh\nprintf "%s\\n" "$@"\nmkdir -p "$OUT"\necho table > "$OUT/summary.md"\n'
        f"exit {status}\n"
    )
    tool.chmod(0o755)
    out, summary = tmp_path / "out", tmp_path / "summary"
    done = run(
        [str(EXAMPLES / "judge.sh")], tmp_path, PATH=f"{tmp_path}:{os.environ['PATH']}",
        OUT=str(out), GITHUB_STEP_SUMMARY=str(summary), **INPUTS,
    )  # fmt: skip
    assert done.returncode == status
    assert done.stdout.splitlines() == [
        "verify", "--out", str(out), "--model", "a model.onnx", "--reference", "one.npz",
        "--reference", "two three.npz", "--model", "$(touch planted)", "--runtimes",
        "native-*,chromium-wasm", "--tolerance", "1e-4", "onset=1e-3", "--relative", "0",
    ]  # fmt: skip
    assert not (tmp_path / "planted").exists()
    assert summary.read_text() == "table\n"


def test_the_action_hands_every_input_on() -> None:
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    declared = set(re.findall(r"^  ([\w-]+):$", text.partition("runs:")[0], re.M))
    used = set(re.findall(r"\$\{\{ inputs\.([\w-]+) \}\}", text))
    assert declared == used
    script = (EXAMPLES / "judge.sh").read_text(encoding="utf-8")
    assert {*INPUTS, "OUT"} == set(
        re.findall(r"^        ([A-Z_]+): \$", text.partition("Judge")[2], re.M)
    ) - {"HERE"}
    assert all(f"${name}" in script for name in INPUTS)
    workflow = (EXAMPLES / "verify.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"^          ([\w-]+):", workflow, re.M)) <= declared
    assert "${{" not in text.partition("run: |")[2].partition("- name")[0], "inputs are no code"
