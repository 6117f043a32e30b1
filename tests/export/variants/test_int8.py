"""What a variant rounds, and what it leaves alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from export.catalog import MODELS
from export.example import read_example
from export.graph.blocks import split_into_blocks
from export.graph.constants import ConstantLostError, find_constants, list_nodes
from export.graph.simplify import simplify
from export.graph.trace import trace
from export.layers.rewrite import Form
from export.manifest import Variant
from export.prove import prove_constants
from export.variants import FORMS, ROUNDING, VARIANTS, float16, int8
from export.variants.float16 import MANY_NUMBERS, store_float16
from export.variants.front_end import find_front_end
from export.variants.int8 import Music, to_int8_static
from tests.conftest import make_music
from verify.matrix.tolerances import PROMISES

OUTPUTS = ("onset", "frame")


@pytest.fixture(scope="module")
def make() -> Callable[[Form], onnx.ModelProto]:
    """A basicamt whose weights are random, as ``build`` gives it to a variant."""
    made: dict[Form, onnx.ModelProto] = {}

    def get(form: Form) -> onnx.ModelProto:
        if form not in made:
            torch.manual_seed(3)
            made[form] = simplify(trace(MODELS["basicamt"].build(), OUTPUTS, form=form).graph)
        copied = onnx.ModelProto()
        copied.CopyFrom(made[form])
        return copied

    return get


def run(model: onnx.ModelProto, audio: np.ndarray) -> list[np.ndarray]:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    outputs: list[np.ndarray] = session.run(None, {"audio": audio})
    return outputs


def test_every_variant_is_described_everywhere() -> None:
    names = set(get_args(Variant))
    assert names == set(VARIANTS) == set(FORMS) == set(ROUNDING) == set(PROMISES)


def test_stored_halves_compute_what_rounded_weights_compute(
    make: Callable[[Form], onnx.ModelProto],
) -> None:
    plain = make("fast")
    stored = store_float16(make("fast"))
    assert stored.ByteSize() < 0.75 * plain.ByteSize()
    halves = {t.name for t in stored.graph.initializer if t.data_type == TensorProto.FLOAT16}
    assert len(halves) >= 4
    for tensor in plain.graph.initializer:
        if f"{tensor.name}.half" in halves:
            rounded = numpy_helper.to_array(tensor).astype(np.float16).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(rounded, tensor.name))
    for ours, expected in zip(run(stored, make_music()), run(plain, make_music()), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-6)


def count_operators(model: onnx.ModelProto, folder: Path, level: str) -> Counter[str]:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(folder / f"{level}.onnx")
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
    ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    optimised = onnx.load(options.optimized_model_filepath)
    return Counter(node.op_type for node in list_nodes(optimised.graph))


def test_stored_halves_are_widened_once_and_cost_no_run(
    make: Callable[[Form], onnx.ModelProto], tmp_path: Path
) -> None:
    """onnxruntime computes the Casts when a session starts, and what derives from them, in blocks
    too: what is left to run is fp32's."""
    plain = split_into_blocks(make("fast"))
    stored = store_float16(split_into_blocks(make("fast")))
    for level, same in (("ORT_ENABLE_ALL", True), ("ORT_DISABLE_ALL", False)):
        counts = [count_operators(model, tmp_path, level) for model in (plain, stored)]
        assert (counts[0] == counts[1]) == same, level


def test_stored_halves_change_no_node_and_no_ear(make: Callable[[Form], onnx.ModelProto]) -> None:
    plain, stored = make("compact"), store_float16(make("compact"))
    nodes = [node for node in stored.graph.node if not node.name.endswith(".half/cast")]
    assert nodes == list(plain.graph.node)
    heard = find_front_end(stored)
    assert heard
    types = {tensor.name: tensor.data_type for tensor in stored.graph.initializer}
    for node in stored.graph.node:
        if node.name in heard:
            assert all(types.get(name) != TensorProto.FLOAT16 for name in node.input), node.name
            assert node.op_type != "Cast" or not node.name.endswith(".half/cast")
    for tensor in stored.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT16:
            assert numpy_helper.to_array(tensor).size >= MANY_NUMBERS


def test_a_guard_that_is_stored_as_a_half_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def guard() -> onnx.ModelProto:
        floor = numpy_helper.from_array(np.array([1e-12], np.float32), "floor")
        values = [helper.make_tensor_value_info(name, 1, ["n"]) for name in ("audio", "frame")]
        node = helper.make_node("Max", ["audio", "floor"], ["frame"], "guard/max")
        graph = helper.make_graph([node], "g", values[:1], values[1:], [floor])
        opsets = [helper.make_opsetid("", 18)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)

    stock = tuple(find_constants(guard()))
    path = tmp_path / "guard.onnx"
    onnx.save(store_float16(guard()), path)
    prove_constants(stock, path, "fp16-weights")
    monkeypatch.setattr(float16, "MANY_NUMBERS", 1)
    onnx.save(store_float16(guard()), path)
    with pytest.raises(ConstantLostError, match="floor 1e-12"):
        prove_constants(stock, path, "fp16-weights")


def test_the_music_is_given_once() -> None:
    reader = Music()
    given = reader.get_next()
    assert given is not None
    assert np.array_equal(given["audio"], read_example())
    assert reader.get_next() is None


def test_static_eight_bits_leave_the_ears_alone(make: Callable[[Form], onnx.ModelProto]) -> None:
    quantised = to_int8_static(make("compact"))
    heard = find_front_end(quantised)
    operators = {node.op_type for node in quantised.graph.node if node.name in heard}
    assert "Log" in operators
    assert not operators & {"QuantizeLinear", "DequantizeLinear"}
    makers = {output: node.op_type for node in quantised.graph.node for output in node.output}
    behind = [n for n in quantised.graph.node if n.op_type == "Conv" and n.name not in heard]
    assert len(behind) >= 4
    for node in behind:
        assert {makers[name] for name in node.input} == {"DequantizeLinear"}, node.name


def test_ranges_that_were_not_measured_on_music_are_seen(
    make: Callable[[Form], onnx.ModelProto], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silence has no range: what is calibrated on it is further off than eight bits explain."""
    audio = read_example(2)

    def measure() -> float:
        pairs = zip(run(to_int8_static(make("compact")), audio), truth, strict=True)
        return max(float(np.abs(ours - expected).max()) for ours, expected in pairs)

    truth = run(make("compact"), audio)
    calibrated = measure()
    assert calibrated <= PROMISES["int8-static"].activation.absolute
    monkeypatch.setattr(int8, "read_example", lambda: np.zeros((1, 1, 44_100), np.float32))
    assert measure() > 3 * calibrated
