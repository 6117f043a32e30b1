"""Which weights are stored in half precision, and that nothing is computed in it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.graph.blocks import split_into_blocks
from export.graph.constants import ConstantLostError, find_constants, list_nodes
from export.prove import open_session, prove_constants
from export.variants import float16
from export.variants.float16 import MANY_NUMBERS, store_float16
from export.variants.front_end import find_front_end
from tests.conftest import make_music
from tests.export.conftest import Write


def run(model: onnx.ModelProto, audio: np.ndarray) -> list[np.ndarray]:
    session = open_session(model.SerializeToString())
    outputs: list[np.ndarray] = session.run(None, {"audio": audio})
    return outputs


def test_stored_halves_compute_what_rounded_weights_compute(
    write: Write,
) -> None:
    plain = write("basicamt", "fast")
    stored = store_float16(write("basicamt", "fast"))
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


def test_stored_halves_are_widened_once_and_cost_no_run(write: Write, tmp_path: Path) -> None:
    """onnxruntime computes the Casts, and what derives from them, when a session starts, in blocks
    too: the graph that then runs is fp32's."""
    plain = split_into_blocks(write("basicamt", "fast"))
    stored = store_float16(split_into_blocks(write("basicamt", "fast")))
    for level, same in (("ORT_ENABLE_ALL", True), ("ORT_DISABLE_ALL", False)):
        counts = [count_operators(model, tmp_path, level) for model in (plain, stored)]
        assert (counts[0] == counts[1]) == same, level


def test_stored_halves_change_no_node_and_no_front_end(
    write: Write,
) -> None:
    plain, stored = write("basicamt", "compact"), store_float16(write("basicamt", "compact"))
    nodes = [node for node in stored.graph.node if not node.name.endswith(".half/cast")]
    assert nodes == list(plain.graph.node)
    front = find_front_end(stored)
    assert front
    types = {tensor.name: tensor.data_type for tensor in stored.graph.initializer}
    for node in stored.graph.node:
        if node.name in front:
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
    prove_constants(stock, path, "fp16")
    monkeypatch.setattr(float16, "MANY_NUMBERS", 1)
    onnx.save(store_float16(guard()), path)
    with pytest.raises(ConstantLostError, match="floor 1e-12"):
        prove_constants(stock, path, "fp16")
