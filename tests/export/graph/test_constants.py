"""No constant is lost or changed on the way, and a lost one is seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn

from export.catalog import MODELS
from export.graph.constants import (
    Constant,
    ConstantLostError,
    find_constants,
    follow_constants,
)
from export.graph.simplify import simplify
from export.graph.trace import Traced, trace
from export.prove import prove_constants
from export.variants import VARIANTS

EPSILONS = (1.01e-8, 1e-8, 1e-12, 1e-30)


class Guarded(nn.Module):
    """Every kind of guard, around a convolution that can be quantised."""

    def __init__(self, epsilon: float) -> None:
        super().__init__()
        self.epsilon = epsilon
        self.near_one = nn.Parameter(torch.tensor(1.000005))
        self.conv = nn.Conv1d(1, 4, 3, padding=1)
        self.norm = nn.GroupNorm(2, 4, eps=3e-6)

    def forward(self, audio: Tensor) -> Tensor:
        x = torch.log(audio * audio + self.epsilon) * self.near_one - 0.37
        x = self.norm(self.conv(x))
        y: Tensor = x / (x * x).sum(dim=1, keepdim=True).clamp(min=1e-12)
        return y


def trace_guarded(epsilon: float, *, optimize: bool = False) -> Traced:
    torch.manual_seed(0)
    return trace(Guarded(epsilon), ("frame",), optimize=optimize)


def test_stock_is_taken_from_the_module() -> None:
    stock = {(c.role, round(c.value, 12)) for c in trace_guarded(1e-8).stock}
    expected = {
        ("add", 1e-8), ("scale", 1.000005), ("add", -0.37), ("epsilon", 3e-6), ("floor", 1e-12)
    }  # fmt: skip
    assert {(role, round(float(np.float32(value)), 12)) for role, value in expected} <= {
        (role, round(float(np.float32(value)), 12)) for role, value in stock
    }


def test_an_epsilon_is_distinguished_from_the_momentum_before_it() -> None:
    (found,) = trace(nn.InstanceNorm1d(1, eps=2e-6, affine=True), ("frame",)).stock
    assert (found.role, found.value) == ("epsilon", 2e-6)


@pytest.mark.parametrize("epsilon", EPSILONS)
def test_every_epsilon_comes_through_every_step(epsilon: float, tmp_path: Path) -> None:
    traced = trace_guarded(epsilon)
    assert any(c.role == "add" and c.value == epsilon for c in traced.stock)
    follow_constants(traced.stock, traced.graph, "trace")
    simple = simplify(traced.graph)
    follow_constants(traced.stock, simple, "simplify")
    for variant, make in VARIANTS.items():
        path = tmp_path / f"{variant}.onnx"
        graph = onnx.ModelProto()
        graph.CopyFrom(simple)
        path.write_bytes(make(graph).SerializeToString())
        prove_constants(traced.stock, path, variant)


@pytest.mark.parametrize("epsilon", [1e-8, 1e-12])
def test_the_exporters_optimiser_is_caught(epsilon: float) -> None:
    """It drops x + 1e-8 and x · 1.000005 silently: this is how NaN came into browsers."""
    traced = trace_guarded(epsilon, optimize=True)
    with pytest.raises(ConstantLostError) as caught:
        follow_constants(traced.stock, traced.graph, "trace")
    assert f"add {np.float32(epsilon)!s}" in str(caught.value)
    assert "scale 1.00000" in str(caught.value)
    assert "step 'trace'" in str(caught.value)


def make_graph(epsilon: float) -> onnx.ModelProto:
    nodes = [
        helper.make_node("Add", ["x", "eps"], ["y"], name="energy_norm/add"),
        helper.make_node("Log", ["y"], ["z"], name="energy_norm/log"),
    ]
    value = numpy_helper.from_array(np.array([epsilon], np.float32), "eps")
    x, z = (helper.make_tensor_value_info(name, 1, ["n"]) for name in "xz")
    graph = helper.make_graph(nodes, "g", [x], [z], [value])
    opsets = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, ir_version=10, opset_imports=opsets)


def test_a_changed_constant_is_caught_with_value_layer_and_step() -> None:
    stock = tuple(find_constants(make_graph(1.01e-8)))
    assert stock == (Constant("add", float(np.float32(1.01e-8)), "energy_norm"),)
    follow_constants(stock, make_graph(1.01e-8), "copy")
    with pytest.raises(ConstantLostError) as caught:
        follow_constants(stock, make_graph(1.02e-8), "polish")
    message = str(caught.value)
    for part in ("step 'polish'", "add 1.01e-08", "energy_norm", "now 1.02"):
        assert part in message


def test_one_of_two_equal_constants_is_missed() -> None:
    stock = tuple(find_constants(make_graph(1.01e-8))) * 2
    with pytest.raises(ConstantLostError):
        follow_constants(stock, make_graph(1.01e-8), "merge")


@pytest.mark.parametrize("value", [1.01e-8, 0.3])
def test_half_precision_may_round_no_constant(value: float) -> None:
    graph = make_graph(value)
    half = numpy_helper.from_array(np.array([value], np.float16), "eps")
    graph.graph.initializer[0].CopyFrom(half)
    stock = tuple(find_constants(make_graph(value)))
    with pytest.raises(ConstantLostError, match=f"now {np.float32(np.float16(value))!s}$"):
        follow_constants(stock, graph, "float16")


def test_a_factor_near_1_may_not_go() -> None:
    stock = (Constant("scale", 1 + 4e-7, "norm"),)
    with pytest.raises(ConstantLostError, match=r"scale 1\.0000004 in norm"):
        follow_constants(stock, make_graph(1.01e-8), "polish")


def test_a_cast_to_half_precision_is_followed() -> None:
    graph = make_graph(1.01e-8)
    stock = tuple(find_constants(graph))
    cast = helper.make_node("Cast", ["eps"], ["half"], to=onnx.TensorProto.FLOAT16)
    graph.graph.node[0].input[1] = "half"
    graph.graph.node.insert(0, cast)
    with pytest.raises(ConstantLostError, match=r"now 0\.0$"):
        follow_constants(stock, graph, "cast")


def test_what_onnxruntime_would_fold_away_is_missed(tmp_path: Path) -> None:
    """It computes 0.5 · 1.01e-8 when a session starts, so that neither number remains."""
    graph = make_graph(1.01e-8)
    graph.graph.initializer.append(numpy_helper.from_array(np.array([0.5], np.float32), "half"))
    graph.graph.node.insert(0, helper.make_node("Mul", ["eps", "half"], ["less"], name="fold/mul"))
    graph.graph.node[1].input[1] = "less"
    path = tmp_path / "folded.onnx"
    onnx.save(graph, path)
    stock = tuple(find_constants(graph))
    follow_constants(stock, graph, "write")
    with pytest.raises(ConstantLostError, match="onnxruntime's optimiser"):
        prove_constants(stock, path, "fp32")


def test_nothing_to_find_is_not_agreement() -> None:
    stock = tuple(find_constants(make_graph(1.01e-8)))
    with pytest.raises(ConstantLostError):
        follow_constants(stock, onnx.ModelProto(), "lose everything")


@pytest.mark.usefixtures("exporting")
def test_the_networks_own_guards_are_in_the_stock() -> None:
    network = MODELS["septimbre"].build()
    network.get_parameter("network.encoder.k").data.fill_(0.3)  # trained branches differ
    traced = trace(network, MODELS["septimbre"].outputs)
    layers = {(c.role, c.layer) for c in traced.stock}
    for guard in (
        ("add", "energy_norm"),
        ("floor", "energy_norm"),
        ("add", "encoder.early_conv.1"),
        ("add", "encoder.res1.0"),
        ("add", "encoder.emb.0"),
    ):
        assert guard in layers
    follow_constants(traced.stock, simplify(traced.graph), "simplify")


def test_a_function_is_looked_into() -> None:
    """A guard in a function's body is found, and reported once the body has lost it."""

    def call(epsilon: float) -> onnx.ModelProto:
        constant = numpy_helper.from_array(np.array(epsilon, np.float32), "epsilon")
        body = [
            helper.make_node("Constant", [], ["epsilon"], value=constant),
            helper.make_node("Add", ["x", "epsilon"], ["y"], name="guard/add"),
        ]
        opsets = [helper.make_opsetid("", 18), helper.make_opsetid("local", 1)]
        function = helper.make_function("local", "Guard", ["x"], ["y"], body, opsets[:1])
        values = [helper.make_tensor_value_info(name, 1, [4]) for name in "ab"]
        node = helper.make_node("Guard", ["a"], ["b"], domain="local")
        graph = helper.make_graph([node], "call", values[:1], values[1:])
        return helper.make_model(graph, functions=[function], opset_imports=opsets, ir_version=10)

    guard = Constant("add", 1.01e-8, "guard")
    follow_constants([guard], call(1.01e-8), "function")
    with pytest.raises(ConstantLostError, match=r"add 1\.01e-08 in guard"):
        follow_constants([guard], call(1e-7), "function")


def test_a_loop_is_looked_into() -> None:
    """A guard stored inside the body of a Scan, as runtimes leave it, is found."""
    body = make_graph(1.01e-8).graph
    step = helper.make_node("Scan", ["x"], ["z"], body=body, num_scan_inputs=1)
    x, z = (helper.make_tensor_value_info(name, 1, ["steps", "n"]) for name in "xz")
    loop = helper.make_model(helper.make_graph([step], "loop", [x], [z]))
    assert tuple(find_constants(loop)) == tuple(find_constants(make_graph(1.01e-8)))
