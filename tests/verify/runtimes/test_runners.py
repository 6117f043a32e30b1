"""PyTorch and native onnxruntime behind one protocol."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from tests import tiny_models
from verify.compare import DisagreementError, Tolerance, compare
from verify.matrix.signals import edges
from verify.runtimes.runners import NativeRunner, RunnerError, TorchRunner

TOLERANCES = dict.fromkeys(
    ("onset", "frame"),
    Tolerance(5e-6, "float32 sums of 512 products, under a log: measured 1.1e-6"),
)
FLOAT32 = dict.fromkeys(("onset", "frame"), "float32")
FINITE = [signal for signal in edges() if np.abs(signal.samples).max() < 10]


@pytest.mark.parametrize("optimization", ["off", "full"])
def test_native_agrees_with_numpy_on_every_finite_signal(optimization: str, tmp_path: Path) -> None:
    file = tiny_models.write(tmp_path / "tiny.onnx")
    with NativeRunner("off" if optimization == "off" else "full") as runner:
        runner.load(file)
        for signal in FINITE:
            audio = signal.samples.reshape(1, 1, -1)
            compare(runner.run({"audio": audio}), tiny_models.run(audio), TOLERANCES, FLOAT32)


def test_native_optimises_as_its_name_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    levels = []
    session = onnxruntime.InferenceSession

    def note(file: Path, options: onnxruntime.SessionOptions, **rest: object) -> object:
        levels.append(options.graph_optimization_level)
        return session(file, options, **rest)

    monkeypatch.setattr(onnxruntime, "InferenceSession", note)
    file = tiny_models.write(tmp_path / "tiny.onnx")
    for runner in (NativeRunner("off"), NativeRunner("full")):
        with runner:
            runner.load(file)
    level = onnxruntime.GraphOptimizationLevel
    assert levels == [level.ORT_DISABLE_ALL, level.ORT_ENABLE_ALL]


def test_another_checkpoint_disagrees(tmp_path: Path) -> None:
    audio = FINITE[0].samples.reshape(1, 1, -1) + np.float32(0.1)
    with NativeRunner("full") as runner:
        runner.load(tiny_models.write(tmp_path / "tiny.onnx", seed=1))
        with pytest.raises(DisagreementError, match="leaves the tolerance"):
            compare(runner.run({"audio": audio}), tiny_models.run(audio), TOLERANCES, FLOAT32)


def test_a_dropped_epsilon_is_seen_as_not_finite(tmp_path: Path) -> None:
    silence = np.zeros((1, 1, 1024), np.float32)
    with NativeRunner("full") as runner:
        # 0 * -inf: what log(0) becomes one node later.
        runner.load(tiny_models.write(tmp_path / "tiny.onnx", epsilon=0.0, gain=0.0))
        with pytest.raises(DisagreementError, match="not finite"):
            compare(runner.run({"audio": silence}), tiny_models.run(silence), TOLERANCES, FLOAT32)


def test_native_says_what_is_wrong(tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a model")
    with NativeRunner("off") as runner:
        with pytest.raises(RunnerError, match=r"native-off: no model is loaded"):
            runner.run({})
        with pytest.raises(RunnerError, match=r"native-off: cannot load broken\.onnx"):
            runner.load(broken)
        runner.load(tiny_models.write(tmp_path / "tiny.onnx"))
        with pytest.raises(RunnerError, match="native-off: cannot run"):
            runner.run({"audio": np.zeros((1, 1, 8), np.float64)})
        with pytest.raises(RunnerError, match="native-off: cannot run"):
            runner.run({"wave": np.zeros((1, 1, 8), np.float32)})


class Halves(nn.Module):
    """Weights that float32 and float64 round differently."""

    def __init__(self) -> None:
        super().__init__()
        self.third = nn.Parameter(torch.tensor(1 / 3))

    def forward(self, audio: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if audio.shape[-1] == 1:
            raise RuntimeError("one sample is too short")
        return audio * self.third, audio / 2


def test_torch_in_float64_widens_the_float32_weights(tmp_path: Path) -> None:
    audio = np.ones((1, 1, 4), np.float32)
    with TorchRunner("float64", lambda file: (Halves(), ("onset", "frame"))) as runner:
        runner.load(tmp_path / "any.onnx")
        outputs = runner.run({"audio": audio})
        assert outputs["onset"].dtype == np.float64
        assert outputs["onset"][0, 0, 0] == np.float64(np.float32(1 / 3))
        with pytest.raises(RunnerError, match="torch-float64: cannot run: one sample"):
            runner.run({"audio": audio[..., :1]})


def test_torch_with_another_number_of_outputs_is_an_error(tmp_path: Path) -> None:
    with TorchRunner("float32", lambda file: (Halves(), ("onset",))) as runner:
        runner.load(tmp_path / "any.onnx")
        with pytest.raises(RunnerError, match="gave 2 outputs"):
            runner.run({"audio": np.ones((1, 1, 4), np.float32)})
