"""PyTorch's exporter, as it is called here: in silence, and prepared once."""

from __future__ import annotations

import contextlib
import functools
import gc
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

import onnx
import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.onnx._internal.exporter._registration import ONNXRegistry

_read_registry = functools.cache(ONNXRegistry.from_torchlib)
"""The exporter (torch 2.13.0) reads its table of operators from their sources in each call: 0.3 s,
as long as it takes to trace a small network. It depends on the opset alone, and nothing changes it.
"""


def write_program(
    module: nn.Module,
    example: tuple[Tensor, ...],
    inputs: Sequence[str],
    outputs: Sequence[str],
    lengths: tuple[Any, ...] | None,
    opset: int,
    *,
    optimize: bool = False,
) -> tuple[onnx.ModelProto, ExportedProgram]:
    """Trace a module on an example → its graph, and the program that it was written from.

    ``lengths`` are the exporter's ``dynamic_shapes``; ``optimize`` lets it drop constants.
    """
    with quiet(), no_collection(), keep_operators():
        written = torch.onnx.export(
            module,
            example,
            dynamo=True,
            optimize=optimize,
            opset_version=opset,
            input_names=inputs,
            output_names=outputs,
            dynamic_shapes=lengths,
            verbose=False,
        )
    if written is None or written.exported_program is None:
        raise RuntimeError("torch.onnx.export returned no program")
    return written.model_proto, written.exported_program


def keep_operators() -> AbstractContextManager[object]:
    """Let the exporter find its table of operators read."""
    return patch.object(ONNXRegistry, "from_torchlib", staticmethod(_read_registry))


@contextlib.contextmanager
def no_collection() -> Iterator[None]:
    """Keep garbage, a few hundred MB at most: looking for it costs a tenth of the time."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence the exporter's log; its errors still come as exceptions."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
