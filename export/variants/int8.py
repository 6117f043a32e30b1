"""ONNX → eight bits: the weights, and while running the activations too.

Their ranges are measured in every run (dynamic), or once, on music (static).
"""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantType,
    quantize_dynamic,
    quantize_static,
)

from export.example import read_example
from export.graph.simplify import tidy
from export.variants.front_end import find_front_end

WEIGHTED_OPERATORS = ("Conv", "MatMul", "Gemm")


def to_int8(model: onnx.ModelProto) -> onnx.ModelProto:
    """Weights in eight bits, activations quantised while running."""
    return _quantise(model, quantize_dynamic, weight_type=QuantType.QUInt8)


def to_int8_static(model: onnx.ModelProto) -> onnx.ModelProto:
    """Weights in eight bits, a scale for each channel; activations by ranges measured on music."""
    return _quantise(
        model,
        quantize_static,
        calibration_data_reader=Music(),
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
    )


def _quantise(
    model: onnx.ModelProto, quantize: Callable[..., None], **options: object
) -> onnx.ModelProto:
    """Quantise what is weighted, but for the front end."""
    heard = find_front_end(model)
    with tempfile.TemporaryDirectory() as folder, _quiet():
        target = Path(folder) / "int8.onnx"
        quantize(
            model,
            target,
            op_types_to_quantize=list(WEIGHTED_OPERATORS),
            nodes_to_exclude=sorted(heard),
            **options,
        )
        return tidy(onnx.load(target))


class Music(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    """The bundled recording, once."""

    def __init__(self) -> None:
        self._left = [read_example()]

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The inputs of a run, None after the last."""
        return {"audio": self._left.pop()} if self._left else None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence advice that does not apply (to preprocess; about infer_shapes)."""
    logging.disable(logging.WARNING)
    with contextlib.redirect_stdout(io.StringIO()):
        yield
    logging.disable(logging.NOTSET)
