"""Which files the manifest recommends; one float64 anywhere is seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.catalog import MODELS
from export.describe import recommend
from export.manifest import Manifest, Variant

DOUBLE, FLOAT = TensorProto.DOUBLE, TensorProto.FLOAT
BACKENDS = ("wasm", "webgpu")


def make_model(
    nodes: list[onnx.NodeProto],
    stored: list[onnx.TensorProto] | None = None,
    functions: list[onnx.FunctionProto] | None = None,
) -> onnx.ModelProto:
    x, y = (helper.make_tensor_value_info(name, FLOAT, [1]) for name in "xy")
    graph = helper.make_graph(nodes, "tiny", [x], [y], stored or [])
    imports = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
    return helper.make_model(graph, opset_imports=imports, functions=functions or [])


def cast(to: int) -> list[onnx.NodeProto]:
    return [
        helper.make_node("Cast", ["x"], ["other"], to=to),
        helper.make_node("Cast", ["other"], ["y"], to=FLOAT),
    ]


def stored(dtype: type) -> onnx.TensorProto:
    return numpy_helper.from_array(np.ones(1, dtype), "c")


def branch(nodes: list[onnx.NodeProto]) -> onnx.NodeProto:
    out = helper.make_tensor_value_info("y", FLOAT, [1])
    graphs = [helper.make_graph(nodes, name, [], [out]) for name in ("then", "else")]
    return helper.make_node("If", ["x"], ["y"], then_branch=graphs[0], else_branch=graphs[1])


def function(nodes: list[onnx.NodeProto]) -> onnx.FunctionProto:
    return helper.make_function("own", "call", ["x"], ["y"], nodes, [helper.make_opsetid("", 18)])


CALL = [helper.make_node("call", ["x"], ["y"], domain="own")]
ADD = [helper.make_node("Add", ["x", "c"], ["y"])]

PLACES = {
    "a stored number": make_model(ADD, [stored(np.float64)]),
    "a cast": make_model(cast(DOUBLE)),
    "a constant": make_model([helper.make_node("Constant", [], ["y"], value=stored(np.float64))]),
    "a branch": make_model([branch(cast(DOUBLE))]),
    "a function": make_model(CALL, functions=[function(cast(DOUBLE))]),
}
CLEAN = {
    "a stored number": make_model(ADD, [stored(np.float32)]),
    "a cast to half": make_model(cast(TensorProto.FLOAT16)),
    "a branch": make_model([branch(cast(TensorProto.INT64))]),
    "a function": make_model(CALL, functions=[function(cast(TensorProto.FLOAT16))]),
}


@pytest.mark.parametrize("place", PLACES)
def test_one_float64_keeps_a_file_off_webgpu(place: str) -> None:
    assert recommend("fp32", PLACES[place]) == ("wasm",)


@pytest.mark.parametrize("place", CLEAN)
def test_without_float64_fp32_is_for_both(place: str) -> None:
    assert recommend("fp32", CLEAN[place]) == BACKENDS


@pytest.mark.parametrize("variant", ["fp16", "int8"])
def test_the_other_variants_are_recommended_nowhere(variant: Variant) -> None:
    assert all(recommend(variant, model) == () for model in CLEAN.values())


def test_every_file_in_float32_is_for_both_backends(models: Path) -> None:
    files = Manifest.read(models).files
    assert {file.model for file in files} == set(MODELS)
    assert {file.recommended_for for file in files} == {BACKENDS}
