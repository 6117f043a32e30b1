"""The proof of a file: its constants, its blocks, its numbers on music."""

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
from verify.compare import DisagreementError, Tolerance, compare, measure

SHORT_BLOCK_FRAMES = 64
"""Of the proof: the music has eight blocks, for many borders."""
BLOCKS_TOLERANCE = Tolerance(
    1e-5, "other lengths are added up in another order: 1e-6 of activations; a frame too few: 1e-3"
)


class NumberError(ValueError):
    """NaN, infinity or a wrong shape, or blocked output that differs; the message says which."""


def open_session(model: Path | bytes) -> ort.InferenceSession:
    """A session in one thread: sums in one order, and no other that spins while it waits."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def prove_blocks(graph: onnx.ModelProto, model: Model, music: np.ndarray) -> None:
    """Check that short blocks give the whole's result; raises NumberError if they do not."""
    found = []
    for made in (graph, split_into_blocks(graph, SHORT_BLOCK_FRAMES)):
        session = open_session(made.SerializeToString())
        found.append(session.run(list(model.outputs), {"audio": music}))
    whole, blocked = (dict(zip(model.outputs, outputs, strict=True)) for outputs in found)
    try:
        compare(blocked, whole, dict.fromkeys(whole, BLOCKS_TOLERANCE))
    except DisagreementError as error:
        raise NumberError(f"{model.name}: in blocks {error}") from None


def prove_constants(stock: tuple[Constant, ...], path: Path, variant: Variant) -> None:
    """Follow the constants into a file, and into the graph that onnxruntime optimises it to."""
    follow_constants(stock, onnx.load(path), f"{path.name}: variant {variant}")
    with tempfile.TemporaryDirectory() as folder:
        optimised = Path(folder) / "optimised.onnx"
        options = ort.SessionOptions()
        options.log_severity_level = 3  # it warns that the result is for this machine, as intended
        options.optimized_model_filepath = str(optimised)
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        step = f"{path.name}: onnxruntime's optimiser"
        follow_constants(stock, onnx.load(optimised), step)


def read_cases(music: np.ndarray) -> dict[str, dict[str, np.ndarray]]:
    """Cases with finite outputs in every file: music (1, 1, samples), silence, a single sample."""
    cases = {"music": music, "silence": np.zeros_like(music), "one sample": music[:, :, :1]}
    return {name: {"audio": audio} for name, audio in cases.items()}


def measure_error(
    path: Path,
    outputs: tuple[str, ...],
    cases: Mapping[str, Mapping[str, np.ndarray]],
    truth: Sequence[np.ndarray],
) -> dict[str, float]:
    """Largest distance to ``truth`` per output on music, the first of the ``cases``.

    To three digits, so that it is the same in the next run. Raises NumberError
    if a case, inputs by name, gives NaN or infinity, or music another shape than ``truth``.
    """
    session = open_session(path)
    errors: dict[str, float] = {}
    for case, inputs in cases.items():
        found = dict(zip(outputs, session.run(list(outputs), dict(inputs)), strict=True))
        # On other cases than music there is no truth; the ruler still wants finite elements.
        expected = found if errors else dict(zip(outputs, truth, strict=True))
        dtypes = {name: value.dtype.name for name, value in found.items()}
        try:
            deviations = measure(found, expected, dtypes)
        except DisagreementError as error:
            raise NumberError(f"{path.name}, on {case}: {error}") from None
        errors = errors or {one.output: float(f"{one.largest_absolute:.3g}") for one in deviations}
    return errors
