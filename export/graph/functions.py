"""Layers of a network → functions of an ONNX file, one for every distinct body."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import onnx
from onnx import helper
from torch import Tensor, nn
from torch.export import Dim

from export.graph.exporter import write_program
from export.graph.simplify import simplify
from export.layers.function import DOMAIN, Function

_written: dict[tuple[object, ...], onnx.FunctionProto] = {}
"""By title, opset and buffers, which determine a body; tracing one takes seconds."""


class Body(nn.Module):
    """A layer's computation with its parameters among the inputs."""

    def __init__(self, layer: Function) -> None:
        super().__init__()
        self.network = layer

    def forward(self, *values: Tensor) -> Tensor:
        """Inputs and parameters → output."""
        return self.network.compute(*values)


def write_functions(
    network: nn.Module, titles: Iterable[str], opset: int
) -> Iterator[onnx.FunctionProto]:
    """One function per title, from a layer of the network with that title."""
    layers = {layer.title: layer for layer in network.modules() if isinstance(layer, Function)}
    for title in sorted(titles):
        yield write_function(layers[title], opset)


def write_function(layer: Function, opset: int) -> onnx.FunctionProto:
    """A layer's body, traced once for all networks that share it."""
    key = (layer.title, opset, *(buffer.numpy().tobytes() for buffer in layer.buffers()))
    if key not in _written:
        _written[key] = trace_function(layer, opset)
    return _written[key]


def trace_function(layer: Function, opset: int) -> onnx.FunctionProto:
    """Trace a layer's body; values that derive from its buffers alone are left to the runtime."""
    inputs = layer.sample()
    names = [name for name, _ in layer.named_parameters(recurse=False)]
    values = (*inputs, *layer.parameters(recurse=False))
    lengths = [{x.ndim - 1: Dim.DYNAMIC} for x in inputs] + [None] * len(names)
    dynamic = (tuple(lengths),) if lengths else None
    names = [*"x" * len(inputs), *names]
    written, _ = write_program(Body(layer).eval(), values, names, ["y"], dynamic, opset)
    stored = tuple(f"network.{name}" for name, _ in layer.named_buffers(recurse=False))
    graph = simplify(written, stored).graph
    constants = [
        helper.make_node("Constant", [], [tensor.name], value=tensor)
        for tensor in graph.initializer
    ]
    return helper.make_function(
        DOMAIN,
        layer.title,
        [value.name for value in graph.input],
        [value.name for value in graph.output],
        [*constants, *graph.node],
        [helper.make_opsetid("", opset)],
    )
