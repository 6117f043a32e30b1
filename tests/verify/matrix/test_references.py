"""A reference is kept, and made again when anything that it depends on has changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from export.catalog import MODELS
from export.manifest import ModelFile, TensorInfo
from verify.matrix import references
from verify.matrix.references import References
from verify.runtimes.runners import Tensors, TorchRunner

AUDIO = {"audio": np.linspace(-1, 1, 600, dtype=np.float32).reshape(1, 1, -1)}


class Doubling(nn.Module):
    def forward(self, audio: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return 2 * audio, audio / 3


class Counting(TorchRunner):
    runs = 0

    def run(self, inputs: object) -> Tensors:
        self.runs += 1
        return super().run(inputs)  # type: ignore[arg-type]  # as the protocol has it


@pytest.fixture
def runner() -> Counting:
    return Counting("float64", lambda file: (Doubling(), ("onset", "frame")))


@pytest.fixture
def entry() -> ModelFile:
    onset = TensorInfo("onset", "float32", (1, 84, "frames"))
    return ModelFile(
        model="basicamt", variant="fp32", stage=None, path="basicamt.onnx", bytes=1, sha256="0",
        nodes=1, nodes_inlined=1, parameters=1, opset=17, ir_version=8,
        inputs=(TensorInfo("audio", "float32", (1, 1, "samples")),),
        outputs=(onset, replace(onset, name="frame")), halo_frames=None, gathers=(),
        rate_hz=44_100, network_rate_hz=22_050, hop_samples=256, lowest_pitch=24,
        thresholds=MODELS["basicamt"].thresholds, weights="bundled", checkpoint_sha256="a",
        epsilon=1e-6, recipe="", guards=(), error={}, precision="float32", recommended_for=(),
    )  # fmt: skip


def make(runner: TorchRunner, folder: Path, entry: ModelFile, inputs: Tensors = AUDIO) -> Tensors:
    return References(runner, folder).make(folder, entry, inputs)


def test_what_was_not_used_for_longest_goes(
    runner: Counting, entry: ModelFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loud, quiet = ({"audio": gain * AUDIO["audio"]} for gain in (np.float32(2), np.float32(0.5)))
    for moment, inputs in enumerate((AUDIO, loud)):
        make(runner, tmp_path, entry, inputs)
        for path in tmp_path.glob("*.npz"):
            os.utime(path, (moment, moment))
    make(runner, tmp_path, entry)  # used again
    size = next(tmp_path.glob("*.npz")).stat().st_size
    monkeypatch.setattr(references, "MOST_BYTES", 2 * size)
    make(runner, tmp_path, entry, quiet)
    assert runner.runs == 3
    make(runner, tmp_path, entry)
    assert runner.runs == 3
    make(runner, tmp_path, entry, loud)
    assert runner.runs == 4


def test_what_is_kept_is_the_same(runner: Counting, entry: ModelFile, tmp_path: Path) -> None:
    first, second = (make(runner, tmp_path, entry) for _ in range(2))
    assert runner.runs == 1
    for name in ("onset", "frame"):
        assert first[name].dtype == second[name].dtype == np.float64
        assert np.array_equal(first[name], second[name])
    variant = replace(entry, variant="fp16", path="other.onnx", sha256="1")
    make(runner, tmp_path, variant)  # of the same network
    assert runner.runs == 1


CHANGES: dict[str, Callable[[ModelFile, Tensors], tuple[ModelFile, Tensors]]] = {
    "weights": lambda entry, inputs: (replace(entry, checkpoint_sha256="b"), inputs),
    "epsilon": lambda entry, inputs: (replace(entry, epsilon=1e-9), inputs),
    "model": lambda entry, inputs: (replace(entry, model="septimbre"), inputs),
    "signal": lambda entry, inputs: (entry, {"audio": inputs["audio"] * np.float32(1.01)}),
    "shape": lambda entry, inputs: (entry, {"audio": inputs["audio"].reshape(1, 2, -1)}),
}


@pytest.mark.parametrize("change", [*CHANGES, "version", "code"])
def test_a_change_makes_it_again(
    change: str,
    runner: Counting,
    entry: ModelFile,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code = tmp_path / "net.py"
    code.write_text("code")
    monkeypatch.setattr(references, "CODE", (*references.CODE, code))
    make(runner, tmp_path, entry)
    if change == "version":
        monkeypatch.setattr(references, "version", lambda name: "9")
    if change == "code":
        code.write_text("other")
    changed = CHANGES[change](entry, AUDIO) if change in CHANGES else (entry, AUDIO)
    make(runner, tmp_path, *changed)
    assert runner.runs == 2


def test_the_code_is_that_of_every_network() -> None:
    names = {path.name for path in references.CODE}
    assert {"catalog.py", "front_end.py", "basicamt.py", "septimbre.py", "runners.py"} <= names


def test_half_a_file_is_made_again(runner: Counting, entry: ModelFile, tmp_path: Path) -> None:
    make(runner, tmp_path, entry)
    (kept,) = tmp_path.glob("*.npz")
    kept.write_bytes(kept.read_bytes()[:300])
    assert np.array_equal(make(runner, tmp_path, entry)["onset"], 2 * AUDIO["audio"])
    assert runner.runs == 2


def test_nothing_is_kept_without_a_folder(
    runner: Counting, entry: ModelFile, tmp_path: Path
) -> None:
    for _ in range(2):
        References(runner, None).make(tmp_path, entry, AUDIO)
    assert runner.runs == 2
    assert not list(tmp_path.iterdir())
