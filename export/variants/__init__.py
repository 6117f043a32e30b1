"""The registry of variants: how each is made, in which form, and its arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import onnx

from export.manifest import Variant
from export.variants.float16 import store_float16
from export.variants.int8 import to_int8

if TYPE_CHECKING:
    from export.layers.rewrite import Form


def keep_float32(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model unchanged: every number in float32."""
    return model


VARIANTS: dict[Variant, Callable[[onnx.ModelProto], onnx.ModelProto]] = {
    "fp32": keep_float32,
    "fp16": store_float16,
    "int8": to_int8,
}
FORMS: dict[Variant, Form] = {"fp32": "fast", "fp16": "fast", "int8": "compact"}
"""The form if layers are rewritten. A kernel that is derived when a session starts cannot be stored
in eight bits."""
PRECISIONS: dict[Variant, str] = {
    "fp32": "stored and computed in float32",
    "fp16": "stored in float16, computed in float32",
    "int8": "stored and computed in 8 bits, activations scaled in every run",
}
"""The manifest's words. Every variant stores and computes the front end in float32."""
