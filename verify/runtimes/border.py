"""A model's border in types that every runtime can be fed: Casts around the rest, which stays.

Neither numpy nor a browser has bfloat16, 8-bit floats or 4-bit integers. float32 and int32 hold
every value of theirs, so that a Cast there and back changes nothing.
"""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper

from verify.runtimes.onnx_file import WIDE, OnnxFile

_TYPES = {"float32": TensorProto.FLOAT, "int32": TensorProto.INT32}
SUFFIX = "/wide"
"""Of the names at the border, as a runtime sees them; ours are the file's own."""


def widen(file: OnnxFile) -> tuple[bytes, frozenset[str]]:
    """A file's bytes with Casts where they are needed, and the inputs and outputs that have one."""
    inputs = [port.name for port in file.inputs if port.kind == "tensor" and port.stored in WIDE]
    outputs = [port.name for port in file.outputs if port.kind == "tensor" and port.stored in WIDE]
    if not inputs and not outputs:
        return file.content, frozenset()
    model = onnx.ModelProto()
    model.CopyFrom(file.model)
    graph = model.graph
    before, after = [], []
    for value in graph.input:
        if value.name in inputs:
            own = value.type.tensor_type.elem_type
            before.append(helper.make_node("Cast", [value.name + SUFFIX], [value.name], to=own))
            _widen(value)
    for value in graph.output:
        if value.name in outputs:
            wide = _TYPES[WIDE[TensorProto.DataType.Name(value.type.tensor_type.elem_type)]]
            after.append(helper.make_node("Cast", [value.name], [value.name + SUFFIX], to=wide))
            _widen(value)
    nodes = [*before, *graph.node, *after]
    del graph.node[:]
    graph.node.extend(nodes)
    return model.SerializeToString(), frozenset((*inputs, *outputs))


def _widen(value: onnx.ValueInfoProto) -> None:
    tensor = value.type.tensor_type
    tensor.elem_type = _TYPES[WIDE[TensorProto.DataType.Name(tensor.elem_type)]]
    value.name += SUFFIX
