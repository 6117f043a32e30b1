"""The registry of variants: how each is made, in which form, and what it may round."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import onnx

from export.graph.constants import FLOAT16_ROUNDING, FLOAT32_ROUNDING
from export.manifest import Variant
from export.variants.float16 import store_float16, to_float16
from export.variants.int8 import to_int8, to_int8_static

if TYPE_CHECKING:
    from export.layers.rewrite import Form


def keep_float32(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model as it is: every number in float32."""
    return model


VARIANTS: dict[Variant, Callable[[onnx.ModelProto], onnx.ModelProto]] = {
    "fp32": keep_float32,
    "fp16": to_float16,
    "fp16-weights": store_float16,
    "int8": to_int8,
    "int8-static": to_int8_static,
}
FORMS: dict[Variant, Form] = {
    "fp32": "fast",
    "fp16": "compact",
    "fp16-weights": "fast",
    "int8": "compact",
    "int8-static": "compact",
}
"""Where rewriting is asked for. The transforms of the fast form need float32's digits, and a kernel
that is derived when a session starts cannot be stored in eight bits."""
ROUNDING: dict[Variant, float] = {
    "fp32": FLOAT32_ROUNDING,
    "fp16": FLOAT16_ROUNDING,
    "fp16-weights": FLOAT32_ROUNDING,
    "int8": FLOAT32_ROUNDING,
    "int8-static": FLOAT32_ROUNDING,
}
"""How far a variant may round the constants that ``constants`` follows."""
