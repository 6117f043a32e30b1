"""How much a graph computes: multiply-adds for each second of audio."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper, shape_inference
from onnx.inliner import inline_local_functions

from export.catalog import RATE_HZ
from verify.bisect.expose import run_exposed, tensor_names
from verify.runtimes.runners import NativeRunner

Shapes = dict[str, tuple[int, ...]]
SECONDS = 4
"""Length on which is counted: what is not proportional to it hardly counts."""


def count_multiply_adds(file: Path) -> float:
    """Multiply-adds in convolutions, matrix products and LSTMs for each second of audio.

    What depends on stored numbers alone is computed once and not counted. Raises ValueError where
    a shape is not known, RunnerError where the file does not run.
    """
    model = open_scans(inline_local_functions(onnx.load(file)))
    try:
        shapes = infer_shapes(model)
        return _sum_up(model.graph, shapes)
    except (ValueError, KeyError, shape_inference.InferenceError):
        return _sum_up(model.graph, observe_shapes(model))  # beyond inference: STFT, sizes computed


def count_or_none(file: Path) -> float | None:
    """The same, None where a shape is not known."""
    try:
        return count_multiply_adds(file)
    except (ValueError, shape_inference.InferenceError):
        return None


def open_scans(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy, in which the only block of SECONDS (``export.blocks``) is no Scan any more."""
    opened = onnx.ModelProto()
    opened.CopyFrom(model)
    graph = opened.graph
    del graph.node[:]
    for node in model.graph.node:
        if node.op_type != "Scan":
            graph.node.append(node)
            continue
        body = next(attribute.g for attribute in node.attribute if attribute.name == "body")
        first = numpy_helper.from_array(np.array(0), body.input[0].name)
        graph.initializer.append(first)
        graph.node.extend(body.node)
        for given, name in zip(body.output, node.output, strict=True):
            graph.node.append(helper.make_node("Identity", [given.name], [name]))
    return opened


def infer_shapes(model: onnx.ModelProto) -> Shapes:
    """Shapes of all tensors for SECONDS of audio, as onnx infers them; 0 is an unknown size."""
    sized = onnx.ModelProto()
    sized.CopyFrom(model)
    sized.graph.input[0].type.tensor_type.shape.dim[-1].dim_value = SECONDS * RATE_HZ
    for output in sized.graph.output:
        output.type.tensor_type.shape.dim[-1].Clear()
    graph = shape_inference.infer_shapes(sized, strict_mode=True, data_prop=True).graph
    shapes = _stored_shapes(graph)
    for value in (*graph.value_info, *graph.input, *graph.output):
        shapes[value.name] = tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
    return shapes


def observe_shapes(model: onnx.ModelProto) -> Shapes:
    """The same, seen in a run."""
    audio = np.random.default_rng(0).normal(0, 0.1, (1, 1, SECONDS * RATE_HZ)).astype(np.float32)
    inputs = {model.graph.input[0].name: audio}
    with NativeRunner("off") as runner:
        seen = run_exposed(runner, model, inputs, tensor_names(model))
    return _stored_shapes(model.graph) | {name: x.shape for name, x in (inputs | seen).items()}


def _stored_shapes(graph: onnx.GraphProto) -> Shapes:
    return {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}


def _sum_up(graph: onnx.GraphProto, shapes: Shapes) -> float:
    stored = {tensor.name for tensor in graph.initializer}  # what derives from it is, too
    total = 0
    for node in graph.node:
        if stored.issuperset(name for name in node.input if name):
            stored.update(node.output)
        elif node.op_type.removesuffix("Integer") in ("Conv", "MatMul", "Gemm", "LSTM"):
            total += _count(node, shapes)
    return total / SECONDS


def _count(node: onnx.NodeProto, shapes: Shapes) -> int:
    output, first, second = (shapes[name] for name in (node.output[0], *node.input[:2]))
    if not all(output) or not all(first):
        raise ValueError(f"{node.name}: the shape of {node.op_type} is not known")
    if node.op_type.startswith("Conv"):
        return math.prod(output) * math.prod(second[1:])
    if node.op_type == "LSTM":
        recurrence = shapes[node.input[2]]
        return first[0] * first[1] * (math.prod(second) + math.prod(recurrence))
    return math.prod(output) * first[-1]
