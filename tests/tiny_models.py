"""A network written by hand, with the shape of a deployed one, and faults to plant."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from verify.compare import Array
from verify.runtimes.runners import Tensors

HOP = 512
PITCHES = 84
EPSILON = 1e-6


def weights(seed: int = 0) -> Array:
    """(84, 1, 512): one random filter a pitch."""
    filters = np.random.default_rng(seed).normal(0, 0.05, (PITCHES, 1, HOP))
    return filters.astype(np.float32)


def write(
    path: Path,
    *,
    seed: int = 0,
    epsilon: float = EPSILON,
    gain: float = 0.5,
    half_log: bool = False,
) -> Path:
    """audio (1, 1, samples) to onset and frame (1, 84, frames): filters, log energy, sigmoid.

    Silence gives log(epsilon): with epsilon 0 that is -inf. With ``half_log`` the logarithm is
    taken in float16.
    """
    nodes = [
        helper.make_node("Conv", ["audio", "filters"], ["bands"], strides=[HOP], pads=[0, HOP - 1]),
        helper.make_node("Mul", ["bands", "bands"], ["energy"]),
        *(_half_log() if half_log else _log()),
        helper.make_node("Mul", ["level", "gain"], ["scaled"], name="scale"),
        helper.make_node("Sigmoid", ["scaled"], ["frame"]),
        helper.make_node("Sub", ["scaled", "level"], ["rise"]),
        helper.make_node("Sigmoid", ["rise"], ["onset"]),
    ]
    constants = {
        "filters": weights(seed),
        "epsilon": np.array(epsilon, np.float32),
        "gain": np.array(gain, np.float32),
    }
    shape: list[str | int | None] = [1, PITCHES, "frames"]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("audio", TensorProto.FLOAT, [1, 1, "samples"])],
        [
            helper.make_tensor_value_info("onset", TensorProto.FLOAT, shape),
            helper.make_tensor_value_info("frame", TensorProto.FLOAT, shape),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())
    return path


def _log() -> list[onnx.NodeProto]:
    return [
        helper.make_node("Add", ["energy", "epsilon"], ["guarded"]),
        helper.make_node("Log", ["guarded"], ["level"]),
    ]


def _half_log() -> list[onnx.NodeProto]:
    return [
        helper.make_node("Cast", ["energy"], ["energy16"], to=TensorProto.FLOAT16),
        helper.make_node("Cast", ["epsilon"], ["epsilon16"], to=TensorProto.FLOAT16),
        helper.make_node("Add", ["energy16", "epsilon16"], ["guarded16"]),
        helper.make_node("Log", ["guarded16"], ["level16"]),
        helper.make_node("Cast", ["level16"], ["level"], to=TensorProto.FLOAT),
    ]


def run(audio: Array, *, seed: int = 0, epsilon: float = EPSILON, gain: float = 0.5) -> Tensors:
    """The same in numpy and float64."""
    samples = audio.astype(np.float64).reshape(-1)
    frames = -(-len(samples) // HOP)
    padded = np.pad(samples, (0, frames * HOP - len(samples)))
    bands = weights(seed).astype(np.float64)[:, 0] @ padded.reshape(frames, HOP).T
    level = np.log(bands**2 + np.float64(np.float32(epsilon)))
    scaled = level * gain
    return {"onset": _sigmoid(scaled - level)[None], "frame": _sigmoid(scaled)[None]}


def _sigmoid(values: npt.NDArray[np.float64]) -> Array:
    return np.asarray(1 / (1 + np.exp(-values)))
