"""The graph that variants are made from."""

from __future__ import annotations

from collections.abc import Callable

import onnx
import pytest
import torch

from export.catalog import MODELS
from export.graph.simplify import simplify
from export.graph.trace import trace
from export.layers.rewrite import Form

OUTPUTS = ("onset", "frame")


@pytest.fixture(scope="package")
def make(exporting: None) -> Callable[[Form], onnx.ModelProto]:
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
