"""noteDigger is driven through its own page; here, a stand-in with the same menus and globals."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import onnx
import pytest
import soundfile
from onnx import helper

from export.catalog import RATE_HZ
from export.example import read_example
from tests.paths import ROOT, TESTS
from tests.verify.publish.test_publish import commit, git
from verify.__main__ import main
from verify.publish.checkout import FILES, FOLDER
from verify.runtimes.session import NODE_MODULES

pytestmark = pytest.mark.usefixtures("browsing")

APP = TESTS / "js" / "notedigger_app"
LIBRARY = ROOT / "web" / "lib"


@pytest.fixture(scope="module")
def checkout(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git checkout shaped like noteDigger, with our models as its own."""
    root = tmp_path_factory.mktemp("notedigger") / "app"
    shutil.copytree(APP, root)
    shutil.copytree(LIBRARY, root / "lib")
    shutil.copytree(NODE_MODULES / "onnxruntime-web-1.18" / "dist", root / "ort")
    (root / FOLDER / "dist").mkdir(parents=True)
    (root / FOLDER / "dist" / "bundle.min.js").write_text("//", encoding="utf-8")
    for name in FILES:
        shutil.copy(models / name, root / FOLDER)
    git(root, "init", "--quiet")
    commit(root)
    return root


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recording") / "tune.wav"
    soundfile.write(path, read_example(3.0)[0, 0], RATE_HZ)
    return path


def drive(checkout: Path, models: Path, recording: Path) -> int:
    return main(["notedigger", str(checkout), "--models", str(models), "--audio", str(recording)])


def test_the_same_files_give_the_same_notes(
    checkout: Path, models: Path, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert drive(checkout, models, recording) == 0
    printed = capsys.readouterr().out
    assert printed.count("1.000") == 2, printed
    assert "100.0%" in printed
    assert "finds the same notes" in printed
    assert (
        subprocess.run(
            ["git", "-C", str(checkout), "status", "--porcelain"], check=True, capture_output=True
        ).stdout
        == b""
    ), "the checkout was changed"


def test_other_notes_and_a_failing_app_are_seen(
    checkout: Path,
    models: Path,
    recording: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # One network has its pitches upside down; the other lacks an output that the app reads.
    flipped = onnx.load(models / FILES[0])
    for output in flipped.graph.output:
        for node in flipped.graph.node:
            node.output[:] = [f"{o}_up" if o == output.name else o for o in node.output]
        flipped.graph.node.append(
            helper.make_node("ReverseSequence", [f"{output.name}_up", "rows"], [output.name],
                             batch_axis=0, time_axis=1)
        )  # fmt: skip
    flipped.graph.initializer.append(helper.make_tensor("rows", onnx.TensorProto.INT64, [1], [84]))
    onnx.save(flipped, tmp_path / FILES[0])
    poor = onnx.load(models / FILES[1])
    del poor.graph.output[1]
    onnx.save(poor, tmp_path / FILES[1])

    assert drive(checkout, tmp_path, recording) == 1
    printed = capsys.readouterr().out
    assert "0.95 or more is required" in printed or "0.000" in printed, printed
    assert "differs" in printed


def test_another_app_is_refused(
    checkout: Path,
    models: Path,
    recording: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert drive(tmp_path, models, recording) == 2
    assert "is not a noteDigger checkout" in capsys.readouterr().err
    assert drive(checkout, models, tmp_path / "none.wav") == 2
    assert "none.wav" in capsys.readouterr().err
    assert drive(checkout, tmp_path, recording) == 2
    assert "basicamt_44100.onnx" in capsys.readouterr().err
