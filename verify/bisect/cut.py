"""A bad node cut out into a model of its own, with the values that it takes and should give."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import onnx
from onnx import helper

from verify.bisect.bad_node import Place
from verify.bisect.expose import infer_types, takes, tensor_names
from verify.bisect.witness import Witness
from verify.cases.make import expect, write_case
from verify.cases.stored import StoredCase
from verify.compare import Array, type_name
from verify.runtimes.runners import RunnerError, Tensors


def cut(place: Place, ask: Witness) -> tuple[onnx.ModelProto, Tensors, Tensors]:
    """The node as a model, its inputs, and its outputs as a witness or a reference has them.

    Constants stay in the model. RunnerError if the witness cannot say what goes in or comes out.
    """
    both, node = place.both, place.node
    model = both.model
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    known = {*both.inputs, *constants, *tensor_names(model)}
    needed = [name for name in dict.fromkeys(takes(node)) if name in known]
    given = {name: both.inputs[name] for name in needed if name in both.inputs}
    between = [name for name in needed if name not in given and name not in constants]
    expected = dict(place.expected)
    wanted = [*between, *([] if expected else (name for name in node.output if name))]
    told = ask(both.good, both.inputs, wanted) if wanted else {}
    if absent := [name for name in wanted if name not in told]:
        raise RunnerError(f"{', '.join(absent)} is no tensor, and cannot be stored")
    values = given | {name: told[name] for name in between}
    expected = expected or {name: told[name] for name in node.output if name}

    types = infer_types(model)
    graph = helper.make_graph(
        [node],
        "cut",
        [_port(name, value, types) for name, value in values.items()],
        [_port(name, value, types) for name, value in expected.items()],
        [constants[name] for name in needed if name in constants],
    )
    alone = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    alone.functions.extend(model.functions)
    return alone, values, expected


def _port(name: str, value: Array, types: Mapping[str, onnx.ValueInfoProto]) -> onnx.ValueInfoProto:
    """As the file types it; a witness gives bfloat16, say, as float32."""
    element = types[name].type.tensor_type.elem_type if name in types else 0
    if not element:
        strings = type_name(value) == "string"
        numbers = (
            onnx.TensorProto.STRING if strings else helper.np_dtype_to_tensor_dtype(value.dtype)
        )
        element = numbers
    return helper.make_tensor_value_info(name, element, value.shape)


def write_cut(place: Place, ask: Witness, path: Path) -> tuple[Tensors, Tensors]:
    """Write the model and, beside it, its case as .npz; the inputs and the expected outputs."""
    model, inputs, expected = cut(place, ask)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    write_case(StoredCase(path.stem, inputs, expected, expect(expected), {}), path.parent)
    return inputs, expected
