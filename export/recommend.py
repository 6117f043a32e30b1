"""Which backends a file is the best choice on: the one rule, and what was measured for it.

On the CPU (``wasm``) it is fp32: fp16 takes about twice its time, and so does int8, with other
notes (F1 0.94). The README's table has the figures.

On ``webgpu`` it is fp32 too, where the file computes nothing in float64: onnxruntime-web has no
float64 there and refuses the file. fp16 was made for it, but nobody has timed it on a graphics
adapter: ``make bench`` and ``make verify ARGS=--gpu`` would, and then this rule may change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import onnx
from onnx import AttributeProto, TensorProto

from export.manifest import Backend, Variant


def recommend(variant: Variant, model: onnx.ModelProto) -> tuple[Backend, ...]:
    """The backends that a file ought to be taken for, where its model comes in several variants."""
    if variant != "fp32":
        return ()
    return ("wasm",) if computes_in_float64(model) else ("wasm", "webgpu")


def computes_in_float64(model: onnx.ModelProto) -> bool:
    """Whether a float64 is stored, declared or cast to anywhere, functions included."""
    return TensorProto.DOUBLE in {
        *_read_types(model.graph),
        *(dtype for function in model.functions for dtype in _read_node_types(function.node)),
    }


def _read_types(graph: onnx.GraphProto) -> Iterator[int]:
    yield from (tensor.data_type for tensor in graph.initializer)
    for value in (*graph.input, *graph.output, *graph.value_info):
        yield value.type.tensor_type.elem_type
    yield from _read_node_types(graph.node)


def _read_node_types(nodes: Iterable[onnx.NodeProto]) -> Iterator[int]:
    for node in nodes:
        for attribute in node.attribute:
            if attribute.type == AttributeProto.TENSOR:
                yield attribute.t.data_type
            elif attribute.type == AttributeProto.GRAPH:
                yield from _read_types(attribute.g)
            elif attribute.name in ("to", "dtype"):
                yield attribute.i
