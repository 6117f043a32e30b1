"""ONNX → variants: half precision, and eight-bit weights.

Both leave alone what a network hears with. The front end, up to the logarithm, spans energies from
1e-30 to 1e32, far outside float16 (6e-8 to 65 504), and eight bits would be heard as noise.
"""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from export.constants import FLOAT16_ROUNDING, FLOAT32_ROUNDING, read_scalars
from export.manifest import Variant
from export.simplify import infer_types, tidy

if TYPE_CHECKING:
    from export.nets.fast import Form

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
WEIGHTED_OPERATORS = ("Conv", "MatMul", "Gemm")


def keep_float32(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model as it is: every number in float32."""
    return model


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


def to_int8(model: onnx.ModelProto) -> onnx.ModelProto:
    """Weights in eight bits, activations quantised while running."""
    heard = find_front_end(model)
    with tempfile.TemporaryDirectory() as folder, _quiet():
        target = Path(folder) / "int8.onnx"
        quantize_dynamic(
            model,
            target,
            op_types_to_quantize=list(WEIGHTED_OPERATORS),
            nodes_to_exclude=sorted(heard),
            weight_type=QuantType.QUInt8,
        )
        return tidy(onnx.load(target))


VARIANTS: dict[Variant, Callable[[onnx.ModelProto], onnx.ModelProto]] = {
    "fp32": keep_float32,
    "fp16": to_float16,
    "int8": to_int8,
}
SHIPPED: tuple[Variant, ...] = ("fp32", "fp16")
"""What is made unless told otherwise. Measured 2026-11 on ten recordings (8 s each) and in
onnxruntime-web 1.30.0, wasm, one thread, basicamt and septimbre, beside rewritten fp32 (its time 1,
its notes F1 1): fp16 takes 2.0 and 3.1 of the time, F1 0.999 and 0.998. int8 takes 2.3 and 1.9 of
the time, F1 0.950 and 0.957: its notes are others, so it is made on demand only."""
FORMS: dict[Variant, Form] = {"fp32": "fast", "fp16": "compact", "int8": "compact"}
"""Where rewriting is asked for. The transforms of the fast form need float32's digits, and a kernel
that is derived when a session starts cannot be stored in eight bits."""
ROUNDING: dict[Variant, float] = {
    "fp32": FLOAT32_ROUNDING,
    "fp16": FLOAT16_ROUNDING,
    "int8": FLOAT32_ROUNDING,
}
"""How far a variant may round the constants that ``constants`` follows."""


def find_front_end(model: onnx.ModelProto) -> set[str]:
    """Names of the nodes that lead to a logarithm, the logarithm included."""
    makers = {output: node for node in model.graph.node for output in node.output}
    front: set[str] = set()
    waiting = [node for node in model.graph.node if node.op_type == "Log"]
    while waiting:
        node = waiting.pop()
        if node.name not in front:
            front.add(node.name)
            waiting.extend(makers[name] for name in node.input if name in makers)
    return front


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
    """Names of the nodes after the last sigmoid or convolution on the way to each output."""
    makers = {output: node for node in model.graph.node for output in node.output}
    last: set[str] = set()
    waiting = [makers[output.name] for output in model.graph.output]
    while waiting:
        node = waiting.pop()
        if node.name in last or node.op_type in ("Sigmoid", "Tanh", "Conv"):
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


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence advice that does not apply (to preprocess; about infer_shapes)."""
    logging.disable(logging.WARNING)
    with contextlib.redirect_stdout(io.StringIO()):
        yield
    logging.disable(logging.NOTSET)
