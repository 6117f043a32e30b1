"""ONNX → half precision: computed in it, or only stored in it."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.graph.constants import FLOAT16_ROUNDING, read_scalars
from export.graph.simplify import infer_types, tidy
from export.variants.front_end import find_front_end

HALF, FLOAT = TensorProto.FLOAT16, TensorProto.FLOAT
HALF_OPERATORS = frozenset(
    (
        *("Conv", "MaxPool", "MatMul", "Gemm", "Add", "Mul"),
        *("Relu", "LeakyRelu", "PRelu", "Sigmoid", "Tanh"),
        *("Concat", "Slice", "Pad", "Squeeze", "Unsqueeze", "Transpose", "Reshape"),
    )
)
"""What float16 does well: values near 1. Sums over a recording overflow it, roots of small
variances vanish in it, and onnxruntime has no recurrent layers in it."""
BOUNDING_OPERATORS = frozenset(("Log", "Sigmoid", "Tanh", "LSTM"))
"""What comes out of them is near 1, however loud the audio."""
MANY_NUMBERS = 64
"""From which a tensor saves more than the node that widens it costs in the file."""


def to_float16(model: onnx.ModelProto) -> onnx.ModelProto:
    """Weights and activations of the convolutional part in float16; inputs and outputs float32.

    Written here, because onnxruntime.transformers.float16 (1.31) rounds the outputs of nodes that
    it was told to leave in float32, orders nodes wrongly, and moves small constants to 1e-7.
    """
    types = infer_types(model)
    kept = find_front_end(model) | _find_as_loud_as_audio(model, types)
    kept |= _find_normalisation(model) | _find_small_guards(model)
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes: list[onnx.NodeProto] = []
    names: dict[tuple[str, int], str] = {}  # a value's name in either type

    def convert(name: str, wanted: int) -> str:
        if (name, wanted) not in names:
            names[name, wanted] = f"{name}.{'half' if wanted == HALF else 'float'}"
            if name in weights:
                half = numpy_helper.to_array(weights[name]).astype(np.float16)
                model.graph.initializer.append(numpy_helper.from_array(half, names[name, wanted]))
            else:
                cast = helper.make_node("Cast", [name], [names[name, wanted]], to=wanted)
                cast.name = f"{names[name, wanted]}/cast"
                nodes.append(cast)
        return names[name, wanted]

    for node in model.graph.node:
        wanted = HALF if node.op_type in HALF_OPERATORS and node.name not in kept else FLOAT
        for index, name in enumerate(node.input):
            if types.get(name) in (HALF, FLOAT) and types[name] != wanted:
                node.input[index] = convert(name, wanted)
        for name in node.output:
            if types.get(name) == FLOAT:
                types[name] = wanted
        nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return tidy(model)


def store_float16(model: onnx.ModelProto) -> onnx.ModelProto:
    """Weights stored in float16, and everything computed in float32.

    Each large tensor behind the front end is widened by a Cast, which a runtime computes once, when
    a session starts. Raises onnx's ValidationError where the result is not a valid model.
    """
    graph = model.graph
    heard = find_front_end(model)
    kept = {name for node in graph.node if node.name in heard for name in node.input}
    casts = []
    for tensor in graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.dtype != np.float32 or array.size < MANY_NUMBERS or tensor.name in kept:
            continue
        wide, narrow = tensor.name, f"{tensor.name}.half"
        tensor.CopyFrom(numpy_helper.from_array(array.astype(np.float16), narrow))
        casts.append(helper.make_node("Cast", [narrow], [wide], f"{narrow}/cast", to=FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model, full_check=True)
    return model


def _find_as_loud_as_audio(model: onnx.ModelProto, types: dict[str, int]) -> set[str]:
    """Names of the nodes that a float reaches from the audio before anything has bounded it."""
    reached = {value.name for value in model.graph.input}
    nodes: set[str] = set()
    for node in model.graph.node:
        if reached.intersection(node.input):
            nodes.add(node.name)
            if node.op_type not in BOUNDING_OPERATORS:
                reached.update(name for name in node.output if types.get(name) == FLOAT)
    return nodes


def _find_normalisation(model: onnx.ModelProto) -> set[str]:
    """Names of the nodes after the last sigmoid or convolution before each output, and its own."""
    makers = {output: node for node in model.graph.node for output in node.output}
    ends = {output.name for output in model.graph.output}
    last: set[str] = set()
    waiting = [makers[name] for name in ends]
    while waiting:
        node = waiting.pop()
        inside = node.op_type in ("Sigmoid", "Tanh", "Conv") and ends.isdisjoint(node.output)
        if node.name in last or inside:
            continue
        last.add(node.name)
        waiting.extend(makers[name] for name in node.input if name in makers)
    return last


def _find_small_guards(model: onnx.ModelProto) -> set[str]:
    """Names of the nodes with a constant that float16 cannot hold."""
    scalars = read_scalars(model)
    with np.errstate(over="ignore"):  # too large becomes infinite, and is found by that
        lost = {
            name
            for name, value in scalars.items()
            if abs(float(np.float16(value)) - value) > FLOAT16_ROUNDING * abs(value)
        }
    return {node.name for node in model.graph.node if lost.intersection(node.input)}
