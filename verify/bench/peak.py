"""What a runtime can do at most: a product of two matrices, which a convolution comes down to."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from verify.bench.stopwatch import Stopwatch, take_turns

MATRIX = 512
"""Rows and columns."""


def measure_peak(stopwatch: Stopwatch) -> float:
    """GFLOP/s, a multiply-add counted as two."""
    ones = np.ones((MATRIX, MATRIX), np.float32) / MATRIX
    shape = [MATRIX, MATRIX]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in "xy"]
    node = helper.make_node("MatMul", ["w", "x"], ["y"])
    graph = helper.make_graph(
        [node], "peak", values[:1], values[1:], [numpy_helper.from_array(ones, "w")]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    stopwatch.load("peak", model.SerializeToString())
    laps = take_turns(stopwatch, ["peak"], (MATRIX, MATRIX), 50)["peak"]
    return 2e-9 * MATRIX**3 * len(laps) / sum(lap.cpu_seconds for lap in laps)
