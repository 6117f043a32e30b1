"""Models as other people have them: a few nodes each, of any type, with weights inside or out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from verify.compare import Array

FLOAT = TensorProto.FLOAT


def value(
    name: str, shape: Sequence[int | str] | None, element: int = FLOAT
) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, element, shape)


def write(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    weights: dict[str, Array] | None = None,
    opset: int = 19,
) -> Path:
    """A file of these nodes."""
    constants = [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()]
    graph = helper.make_graph(nodes, "foreign", inputs, outputs, constants)
    opsets = [helper.make_opsetid("", opset)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    path.write_bytes(model.SerializeToString())
    return path


def write_unary(path: Path, operator: str, element: int = FLOAT, size: int = 3) -> Path:
    """One node, x to y."""
    ports = value("x", [size], element), value("y", None, element)
    return write(path, [helper.make_node(operator, ["x"], ["y"])], ports[:1], ports[1:])


def write_outside(path: Path, **stated: str) -> Path:
    """x + w, where w = (1, 2, 3) lies in weights.bin beside the file, or where it is stated."""
    (path.parent / "weights.bin").write_bytes(np.array([1, 2, 3], np.float32).tobytes())
    add = helper.make_node("Add", ["x", "w"], ["y"])
    write(path, [add], [value("x", [3])], [value("y", [3])], {"w": np.zeros(3, np.float32)})
    model = onnx.load(path)
    (weights,) = model.graph.initializer
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    for key, text in {"location": "weights.bin", "length": "12", **stated}.items():
        weights.external_data.add(key=key, value=text)
    path.write_bytes(model.SerializeToString())
    return path
