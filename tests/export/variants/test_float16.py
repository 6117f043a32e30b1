"""What must not be computed in half precision, each on a small graph that shows why."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.graph.constants import (
    FLOAT16_ROUNDING,
    ConstantLostError,
    find_constants,
    follow_constants,
)
from export.variants import float16
from export.variants.float16 import to_float16

Step = tuple[str] | tuple[str, float]
KERNEL = np.full((1, 1, 3), 0.25, np.float32)


def chain(*steps: Step) -> onnx.ModelProto:
    """Operators one after the other from ``audio`` (1, 1, n) to ``frame``.

    A convolution has KERNEL, another operator the constant that is given.
    """
    constants = [numpy_helper.from_array(KERNEL, "kernel")]
    nodes = []
    for index, (operator, *number) in enumerate(steps):
        takes = ["audio" if index == 0 else f"value{index}"]
        gives = "frame" if index == len(steps) - 1 else f"value{index + 1}"
        if operator == "Conv":
            takes.append("kernel")
        elif number:
            takes.append(f"number{index}")
            constants.append(numpy_helper.from_array(np.array(number, np.float32), takes[-1]))
        nodes.append(helper.make_node(operator, takes, [gives], f"step{index}/{operator}"))
    values = [helper.make_tensor_value_info(name, 1, [1, 1, name]) for name in ("audio", "frame")]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], constants)
    opsets = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def run(model: onnx.ModelProto, audio: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"audio": audio})[0])


def count_halves(model: onnx.ModelProto) -> int:
    """How many convolutions have a kernel in half precision."""
    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    return sum(types[node.input[1]] == TensorProto.FLOAT16 for node in convolutions)


MUSIC = np.linspace(0.1, 0.9, 64, dtype=np.float32).reshape(1, 1, -1)


def test_convolutions_behind_the_ears_are_halves() -> None:
    steps = ("Log",), ("Conv",), ("Relu",), ("Conv",), ("Sigmoid",)
    made = to_float16(chain(*steps))
    assert count_halves(made) == 2
    np.testing.assert_allclose(run(made, MUSIC), run(chain(*steps), MUSIC), rtol=0, atol=1e-3)


def test_a_guard_too_small_for_a_half_stays_a_float(monkeypatch: pytest.MonkeyPatch) -> None:
    def build() -> onnx.ModelProto:
        return chain(("Log",), ("Conv",), ("Add", 1.01e-8), ("Relu",), ("Conv",), ("Sigmoid",))

    stock = tuple(find_constants(build()))
    made = to_float16(build())
    follow_constants(stock, made, "fp16", FLOAT16_ROUNDING)
    assert count_halves(made) == 2
    monkeypatch.setattr(float16, "_find_small_guards", lambda model: set())
    with pytest.raises(ConstantLostError, match=r"add 1\.01e-08"):
        follow_constants(stock, to_float16(build()), "fp16", FLOAT16_ROUNDING)


def test_what_is_as_loud_as_audio_stays_a_float() -> None:
    """Half precision ends at 65 504, a recording in 16-bit integers or its energy does not."""
    steps = ("Conv",), ("Mul", 1e-6), ("Sigmoid",), ("Conv",), ("Sigmoid",)
    made = to_float16(chain(*steps))
    assert count_halves(made) == 1
    loud = -1e6 * MUSIC
    np.testing.assert_allclose(run(made, loud), run(chain(*steps), loud), rtol=0, atol=1e-3)


def test_what_scales_an_output_stays_a_float() -> None:
    """Between the last sigmoid and the output eleven bits would be all that is left of it."""
    steps = ("Log",), ("Conv",), ("Sigmoid",), ("Mul", 0.3), ("Add", 1000.0)
    made = to_float16(chain(*steps))
    assert count_halves(made) == 1
    np.testing.assert_allclose(run(made, MUSIC), run(chain(*steps), MUSIC), rtol=0, atol=1e-3)
