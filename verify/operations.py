"""How much a graph computes: multiply-adds for each second of audio."""

from __future__ import annotations

import math
from pathlib import Path

import onnx
from onnx import shape_inference
from onnx.inliner import inline_local_functions

from export.catalog import RATE_HZ

SECONDS = 8
"""Length on which is counted: what is not proportional to it hardly counts."""


def count_multiply_adds(file: Path) -> float:
    """Multiply-adds in convolutions and matrix products for each second of audio.

    What depends on stored numbers alone is computed once and not counted. Raises ValueError where
    a shape cannot be inferred.
    """
    model = inline_local_functions(onnx.load(file))
    model.graph.input[0].type.tensor_type.shape.dim[-1].dim_value = SECONDS * RATE_HZ
    for output in model.graph.output:
        output.type.tensor_type.shape.dim[-1].Clear()
    graph = shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.value_info, *graph.input, *graph.output):
        shapes[value.name] = tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
    stored = {tensor.name for tensor in graph.initializer}  # what derives from it is, too
    total = 0
    for node in graph.node:
        if stored.issuperset(name for name in node.input if name):
            stored.update(node.output)
        elif node.op_type in ("Conv", "MatMul", "Gemm", "LSTM"):
            total += _count(node, shapes)
    return total / SECONDS


def _count(node: onnx.NodeProto, shapes: dict[str, tuple[int, ...]]) -> int:
    output, first, second = (shapes[name] for name in (node.output[0], *node.input[:2]))
    if not all(output) or not all(first):
        raise ValueError(f"{node.name}: the shape of {node.op_type} is not known")
    if node.op_type == "Conv":
        return math.prod(output) * math.prod(second[1:])
    if node.op_type == "LSTM":
        recurrence = shapes[node.input[2]]
        return first[0] * first[1] * (math.prod(second) + math.prod(recurrence))
    return math.prod(output) * first[-1]
