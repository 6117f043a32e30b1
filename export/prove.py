"""That a file is what it was made from: its constants, its blocks, its numbers on music."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort

from export.catalog import Model
from export.graph.blocks import split_into_blocks
from export.graph.constants import Constant, follow_constants
from export.manifest import Variant

SHORT_BLOCK_FRAMES = 64
"""Of the proof: the music has eight, so that there are many borders."""
BLOCKS_TOLERANCE = 1e-5
"""Other lengths are added up in another order: 1e-6 of activations. A frame too few: 1e-3."""


class NumberError(ValueError):
    """A file gives no numbers, others in blocks than whole, or a wrong shape; see the message."""


def prove_blocks(graph: onnx.ModelProto, model: Model, music: np.ndarray) -> None:
    """Check that short blocks give what the whole gives; raises NumberError where they do not."""
    found = []
    for made in (graph, split_into_blocks(graph, SHORT_BLOCK_FRAMES)):
        session = ort.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
        found.append(session.run(list(model.outputs), {"audio": music}))
    for name, whole, blocked in zip(model.outputs, *found, strict=True):
        far = np.abs(whole - blocked).max() if whole.shape == blocked.shape else np.inf
        if not far <= BLOCKS_TOLERANCE:
            raise NumberError(f"{model.name}: in blocks {name} is off by {far:.3g}")


def prove_constants(stock: tuple[Constant, ...], path: Path, variant: Variant) -> None:
    """Follow the constants into a file, and into what onnxruntime makes of it when it optimises."""
    follow_constants(stock, onnx.load(path), f"{path.name}: variant {variant}")
    with tempfile.TemporaryDirectory() as folder:
        optimised = Path(folder) / "optimised.onnx"
        options = ort.SessionOptions()
        options.log_severity_level = 3  # it warns that the result is for this machine: it is
        options.optimized_model_filepath = str(optimised)
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        step = f"{path.name}: onnxruntime's optimiser"
        follow_constants(stock, onnx.load(optimised), step)


def read_cases(music: np.ndarray) -> dict[str, dict[str, np.ndarray]]:
    """What every file must make numbers of: music (1, 1, samples), silence, a single sample."""
    cases = {"music": music, "silence": np.zeros_like(music), "one sample": music[:, :, :1]}
    return {name: {"audio": audio} for name, audio in cases.items()}


def measure_error(
    path: Path,
    outputs: tuple[str, ...],
    cases: Mapping[str, Mapping[str, np.ndarray]],
    truth: Sequence[np.ndarray],
) -> dict[str, float]:
    """Largest distance to ``truth`` per output on music, the first of the ``cases``.

    To three digits, and by one thread, so that it is the same in the next run. Raises NumberError
    where a case, inputs by name, gives what is not a number, or music another shape than ``truth``.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    found = {name: session.run(list(outputs), dict(inputs)) for name, inputs in cases.items()}
    for name, arrays in found.items():
        for output, values in zip(outputs, arrays, strict=True):
            if not np.isfinite(values).all():
                bad = int((~np.isfinite(values)).sum())
                raise NumberError(f"{path.name}: {output} has {bad} NaN or infinities on {name}")
    error = {}
    for output, values, expected in zip(outputs, next(iter(found.values())), truth, strict=True):
        if values.shape != expected.shape:
            raise NumberError(f"{path.name}: {output} is {values.shape}, expected {expected.shape}")
        error[output] = float(f"{np.abs(values - expected).max():.3g}")
    return error
