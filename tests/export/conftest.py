"""Graphs of untrained networks, each traced once for every file and process that reads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from export.layers.rewrite import Form
from tests.conftest import make_once

Write = Callable[[str, Form], onnx.ModelProto]


@pytest.fixture(scope="session")
def write(tmp_path_factory: pytest.TempPathFactory, exporting: None) -> Write:
    """A network of the catalogue in a form, as ``build`` gives it to blocks and variants."""

    def get(name: str, form: Form) -> onnx.ModelProto:
        def make(folder: Path) -> None:
            import torch

            from export.catalog import MODELS
            from export.graph.simplify import simplify
            from export.graph.trace import trace

            folder.mkdir()
            torch.manual_seed(0)
            traced = trace(MODELS[name].build(), MODELS[name].outputs, form=form)
            onnx.save(simplify(traced.graph), folder / "model.onnx")

        return onnx.load(make_once(tmp_path_factory, f"{name}-{form}", make) / "model.onnx")

    return get
