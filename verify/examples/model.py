"""Write model.onnx and case.npz: stands for your own export, and your framework's outputs."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOOR = np.float32(1e-6)


def level(audio: np.ndarray) -> np.ndarray:
    """What the model computes, in float64."""
    return np.asarray(np.log(np.abs(audio.astype(np.float64)) + FLOOR))


def main() -> None:
    """Write both files into the current folder."""
    nodes = [
        helper.make_node("Abs", ["audio"], ["size"]),
        helper.make_node("Add", ["size", "floor"], ["guarded"]),
        helper.make_node("Log", ["guarded"], ["level"]),
    ]
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["samples"])
        for name in ("audio", "level")
    ]
    weights = [numpy_helper.from_array(np.array(FLOOR), "floor")]
    graph = helper.make_graph(nodes, "level", ports[:1], ports[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, "model.onnx")
    audio = np.linspace(-1, 1, 101, dtype=np.float32)
    np.savez("case.npz", audio=audio, level=level(audio))


if __name__ == "__main__":
    main()
