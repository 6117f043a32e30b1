"""ONNX → smaller ONNX, the same function.

onnxsim folds constants; the passes here make that possible, and remove what it leaves over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxsim
from onnx import TensorProto, helper, numpy_helper
from onnx_ir.passes.common import (
    ClearMetadataAndDocStringPass,
    DeduplicateInitializersPass,
    RemoveUnusedNodesPass,
)

IR_VERSION = 10
"""The newest that onnxruntime-web 1.18.0 reads."""
PRODUCER = "tiny-amt"
HARMFUL = [
    # A mean in two steps is meant, for accuracy: in one, onnxruntime adds up 88 000 float32 values
    # one after the other.
    "fuse_consecutive_reduce",
    # A constant that is merged into a kernel can no longer be followed, and saves nothing.
    "fuse_mul_into_conv",
    "fuse_preceding_mul_into_conv",
]
"""Optimisers of onnxsim that change numbers, or hide them."""
MERGE_EQUAL = DeduplicateInitializersPass(size_limit=2**31)
"""Its usual limit is 1024 elements."""
DROP_UNUSED = RemoveUnusedNodesPass()


def simplify(graph: onnx.ModelProto, stored: tuple[str, ...] = ()) -> onnx.ModelProto:
    """The same function in fewer nodes and bytes, without metadata, with named dimensions.

    The inputs' dynamic dimensions keep their names, the outputs' is ``frames``. The initializers
    ``stored`` are kept, and values that derive from them are not computed here. Raises onnx's
    ValidationError if the result is invalid.
    """
    model = onnx.ModelProto()
    model.CopyFrom(graph)
    resolve_casts(model)
    run_passes(model, MERGE_EQUAL, DROP_UNUSED)  # then what derives from equals is merged too
    lent = lend(model, stored)
    model, _ = onnxsim.simplify(model, skipped_optimizers=HARMFUL)
    take_back(model, lent)
    return tidy(model)


def lend(model: onnx.ModelProto, names: tuple[str, ...]) -> list[onnx.TensorProto]:
    """Turn initializers into inputs, so that they are not folded as constants."""
    graph = model.graph
    lent = [tensor for tensor in graph.initializer if tensor.name in names]
    for tensor in lent:
        graph.initializer.remove(tensor)
        graph.input.append(
            helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        )
    return lent


def take_back(model: onnx.ModelProto, lent: list[onnx.TensorProto]) -> None:
    """Turn these inputs back into initializers."""
    names = {tensor.name for tensor in lent}
    _keep(model.graph.input, lambda value: value.name not in names)
    model.graph.initializer.extend(lent)


def tidy(model: onnx.ModelProto) -> onnx.ModelProto:
    """Clean a model up, in place, and check it."""
    store_constants(model)
    run_passes(model, MERGE_EQUAL)
    fix_reshapes(model)
    drop_zero_biases(model)
    run_passes(model, DROP_UNUSED, MERGE_EQUAL, ClearMetadataAndDocStringPass())
    shorten_names(model)
    strip_metadata(model)
    onnx.checker.check_model(model, full_check=True)
    return model


def run_passes(model: onnx.ModelProto, *passes: ir.passes.InPlacePass) -> None:
    """Run onnx_ir's passes over a model, in place."""
    cleaned = ir.passes.Sequential(*passes)(ir.from_proto(model)).model
    model.CopyFrom(ir.to_proto(cleaned))


def resolve_casts(model: onnx.ModelProto) -> None:
    """Replace CastLike by Cast where the type is known, so that it can be folded."""
    types = infer_types(model)
    for node in model.graph.node:
        if node.op_type == "CastLike":
            node.op_type = "Cast"
            node.attribute.append(helper.make_attribute("to", types[node.input[1]]))
            del node.input[1]


def fix_reshapes(model: onnx.ModelProto) -> None:
    """Write a reshape's one unknown size as -1 instead of computing it from the input's shape."""
    constants = read_constants(model)
    makers = {output: node for node in model.graph.node for output in node.output}
    for node in model.graph.node:
        maker = makers.get(node.input[1]) if node.op_type == "Reshape" else None
        if maker is None or maker.op_type != "Concat":
            continue
        parts = [constants.get(name) for name in maker.input]
        if sum(part is None for part in parts) != 1:
            continue
        sizes = np.concatenate([np.array([-1]) if part is None else part for part in parts])
        if (sizes == -1).sum() != 1:
            continue
        name = f"{node.name}.shape"
        model.graph.initializer.append(numpy_helper.from_array(sizes.astype(np.int64), name))
        node.input[1] = name
        del node.attribute[:]


def drop_zero_biases(model: onnx.ModelProto) -> None:
    """Leave out the bias of a convolution if it is zero."""
    constants = read_constants(model)
    for node in model.graph.node:
        if node.op_type == "Conv" and len(node.input) == 3:
            bias = constants.get(node.input[2])
            if bias is not None and not bias.any():
                del node.input[2]


def store_constants(model: onnx.ModelProto) -> None:
    """Turn Constant nodes into initializers; not those of inner graphs, as onnx_ir's pass does."""
    graph = model.graph
    for node in [node for node in graph.node if node.op_type == "Constant"]:
        tensor = node.attribute[0].t
        tensor.name = node.output[0]
        graph.initializer.append(tensor)
        graph.node.remove(node)


def strip_metadata(model: onnx.ModelProto) -> None:
    """Remove all else that does not compute, and name the dimensions; nodes are clean already."""
    graph = model.graph
    for field in ("value_info", "metadata_props", "quantization_annotation"):
        graph.ClearField(field)
    graph.ClearField("doc_string")
    for tensor in graph.initializer:
        tensor.ClearField("doc_string")
        tensor.ClearField("metadata_props")
    for value in (*graph.input, *graph.output):
        value.ClearField("doc_string")
        value.ClearField("metadata_props")
    for value in graph.output:
        value.type.tensor_type.shape.dim[-1].dim_param = "frames"
    graph.name = PRODUCER
    model.ClearField("metadata_props")
    model.ClearField("producer_version")
    model.producer_name = PRODUCER
    model.ir_version = IR_VERSION


def shorten_names(model: onnx.ModelProto) -> None:
    """Strip the deployed network's own prefix from the names of values."""
    graph = model.graph
    for tensor in graph.initializer:
        tensor.name = tensor.name.removeprefix("network.")
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [name.removeprefix("network.") for name in names]


def read_constants(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    """The initializers of a model, by name."""
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def infer_types(model: onnx.ModelProto) -> dict[str, int]:
    """The element type of every value, by name."""
    inferred = onnx.shape_inference.infer_shapes(model).graph
    values = [*inferred.value_info, *inferred.input, *inferred.output]
    types = {value.name: value.type.tensor_type.elem_type for value in values}
    types.update({tensor.name: tensor.data_type for tensor in inferred.initializer})
    assert TensorProto.UNDEFINED not in types.values()
    return types


def _keep(items: Any, wanted: Callable[[Any], bool]) -> None:  # noqa: ANN401 - protobuf's
    for item in [item for item in items if not wanted(item)]:
        items.remove(item)
