"""The constants that a network needs, and the check that each survived a step.

A network's guards are numbers: the epsilon under a logarithm, the floor of a divisor, the epsilon
of a normalisation. A tool that drops or rounds one leaves a graph that looks right and gives NaN on
silence. So the constants are counted in the traced program (``trace.take_stock``), and counted
again in every graph made from it: each must still be there, in the same role.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.inliner import inline_local_functions

Role = Literal["add", "scale", "floor", "ceiling", "compare", "epsilon"]

LIMITS: tuple[Role, Role] = ("floor", "ceiling")
"""Roles of the second and third operand of a clamp."""
ROUNDING = 1e-6
"""Relative rounding of a constant that went through float32, perhaps as its reciprocal."""


class ConstantLostError(ValueError):
    """A step dropped or changed a constant; the message names value, layer and step."""


@dataclass(frozen=True)
class Constant:
    """A number that enters a network's arithmetic."""

    role: Role
    """``scale`` is a factor: a divisor counts as its reciprocal. ``epsilon`` is an attribute."""
    value: float
    layer: str
    """Where in the network, e.g. ``encoder.emb.0``; in a graph, the node's name."""

    def __str__(self) -> str:
        return f"{self.role} {np.float32(self.value)!s} in {self.layer or 'the deployed form'}"


def follow_constants(stock: Iterable[Constant], graph: onnx.ModelProto, step: str) -> None:
    """Check that a graph still has every constant of the stock, as often as the stock.

    Raises ConstantLostError, which names every missing constant, its layer, the step, and the
    value in its place.
    """
    found: dict[Role, list[Constant]] = {}
    for constant in find_constants(inline_local_functions(graph)):
        found.setdefault(constant.role, []).append(constant)
    lost = []
    for needed in stock:
        candidates = found.get(needed.role, [])
        nearest = min(candidates, key=lambda c: _distance(needed.value, c.value), default=None)
        if nearest is not None and _distance(needed.value, nearest.value) <= ROUNDING:
            candidates.remove(nearest)
            continue
        same_layer = [c for c in candidates if needed.layer and c.layer.startswith(needed.layer)]
        instead = f", now {np.float32(same_layer[0].value)!s}" if same_layer else ""
        lost.append(f"{needed}{instead}")
    if lost:
        counted = "; ".join(
            f"{text} (×{n})" if n > 1 else text for text, n in Counter(lost).items()
        )
        raise ConstantLostError(f"step {step!r} dropped or changed: {counted}")


def _distance(needed: float, found: float) -> float:
    if needed == found:
        return 0.0
    return abs(found - needed) / abs(needed) if needed else float("inf")


def find_constants(graph: onnx.ModelProto) -> Iterator[Constant]:
    """Every number that enters a graph's arithmetic, in graph order."""
    values = read_scalars(graph)
    for node in list_nodes(graph.graph):
        layer = node.name.rpartition("/")[0]
        numbers = [values.get(name) for name in node.input]
        if node.op_type in ("Add", "Max", "Min", "Mul", "Sub", "Div"):
            for index, value in enumerate(numbers):
                if value is not None:
                    yield Constant(*_read_operand(node.op_type, index, value), layer)
        elif node.op_type == "Clip":
            for role, value in zip(LIMITS, numbers[1:], strict=False):
                if value is not None:
                    yield Constant(role, value, layer)
        elif node.op_type in ("Greater", "GreaterOrEqual", "Less", "LessOrEqual"):
            for value in numbers:
                if value is not None:
                    yield Constant("compare", value, layer)
        for attribute in node.attribute:
            if attribute.name == "epsilon":
                yield Constant("epsilon", attribute.f, layer)


def _read_operand(operator: str, index: int, value: float) -> tuple[Role, float]:
    if operator == "Add" or (operator == "Sub" and index == 0):
        return "add", value
    if operator == "Sub":
        return "add", -value
    if operator in ("Max", "Min"):
        return ("floor" if operator == "Max" else "ceiling"), value
    if operator == "Div" and index == 1 and value:
        return "scale", 1 / value
    return "scale", value


def read_scalars(graph: onnx.ModelProto) -> dict[str, float]:
    """The floating-point constants of one element, by the name of their value."""
    nodes = list(list_nodes(graph.graph))
    tensors = {initializer.name: initializer for initializer in list_initializers(graph.graph)}
    for node in nodes:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            tensors[node.output[0]] = node.attribute[0].t
    scalars = {}
    for name, tensor in tensors.items():
        if np.prod(tensor.dims, dtype=int) == 1:
            array = numpy_helper.to_array(tensor)
            if array.dtype.kind == "f":
                scalars[name] = float(array.reshape(()))
    for node in nodes:
        if node.op_type in ("Cast", "CastLike", "Identity") and node.input[0] in scalars:
            value = scalars[node.input[0]]
            if node.op_type == "Cast" and node.attribute[0].i == onnx.TensorProto.FLOAT16:
                value = float(np.float16(value))
            scalars[node.output[0]] = value
    return scalars


def list_nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """A graph's nodes, including those of the graphs inside them."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            yield from list_nodes(attribute.g)


def list_initializers(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Tensors that a graph and the graphs inside its nodes store."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            yield from list_initializers(attribute.g)
