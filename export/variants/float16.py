"""ONNX → weights stored in half precision, everything computed in float32."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.variants.front_end import find_front_end

MANY_NUMBERS = 64
"""Smallest tensor worth storing as float16: a smaller one saves less than its Cast costs."""


def store_float16(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store each large tensor behind the front end in float16, and widen it by a Cast; in place.

    A runtime computes the Casts once, when a session starts. Raises onnx's ValidationError if the
    result is invalid.
    """
    graph = model.graph
    front = find_front_end(model)
    kept = {name for node in graph.node if node.name in front for name in node.input}
    casts = []
    for tensor in graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.dtype != np.float32 or array.size < MANY_NUMBERS or tensor.name in kept:
            continue
        wide, narrow = tensor.name, f"{tensor.name}.half"
        tensor.CopyFrom(numpy_helper.from_array(array.astype(np.float16), narrow))
        cast = helper.make_node("Cast", [narrow], [wide], f"{narrow}/cast", to=TensorProto.FLOAT)
        casts.append(cast)
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model, full_check=True)
    return model
