"""ONNX → eight bits: the weights, and the activations while running."""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic

from export.graph.simplify import tidy
from export.variants.front_end import find_front_end

WEIGHTED_OPERATORS = ("Conv", "MatMul", "Gemm")


def to_int8(model: onnx.ModelProto) -> onnx.ModelProto:
    """Weights in eight bits, activations quantised in every run; the front end in float32."""
    with tempfile.TemporaryDirectory() as folder, _quiet():
        target = Path(folder) / "int8.onnx"
        quantize_dynamic(
            model,
            target,
            op_types_to_quantize=list(WEIGHTED_OPERATORS),
            nodes_to_exclude=sorted(find_front_end(model)),
            weight_type=QuantType.QUInt8,
        )
        return tidy(onnx.load(target))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence advice that does not apply (to preprocess; about infer_shapes)."""
    logging.disable(logging.WARNING)
    with contextlib.redirect_stdout(io.StringIO()):
        yield
    logging.disable(logging.NOTSET)
