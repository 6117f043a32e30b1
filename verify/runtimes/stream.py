"""A recording in chunks through a model's stages: the whole file's result in bounded memory.

Every stage runs over chunks with its halo of frames on either side, cut off where the recording
begins and ends. Its statistics of the whole recording are gathered in float64, as its ``gathers``
in the manifest say. Inputs of later stages are kept: energies (252 floats per frame), then what the
encoder's second norm gets (2016); other outputs are used chunk by chunk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from export.catalog import (
    EMBEDDING_SIZE,
    FLOAT32_MAX,
    HOP_SAMPLES,
    LOUDEST,
    NETWORK_RATE_HZ,
    PITCHES,
    RATE_HZ,
)
from export.manifest import Gather, Manifest, ModelFile, TensorInfo
from verify.compare import Array
from verify.runtimes.runners import Runner, RunnerError, Tensors

FRAME_SAMPLES = HOP_SAMPLES * RATE_HZ // NETWORK_RATE_HZ
"""One frame of the waveform: 512 samples. A chunk of it begins on a multiple."""
Span = tuple[int, int]
"""First frame, and the one after the last."""


class Piece(NamedTuple):
    """A final part of an output."""

    output: str
    start: int
    """Its first frame."""
    values: Array
    """(1, …, frames)."""


class StreamRunner:
    """A runtime that runs a model's stages instead of its file, with the same inputs and outputs.

    ``chunk_frames`` is the length of a chunk without its halo; by default a third of a recording,
    so that one chunk has two inner borders.
    """

    def __init__(self, runner: Runner, manifest: Manifest, chunk_frames: int | None = None) -> None:
        self._runner = runner
        self._manifest = manifest
        self._chunk_frames = chunk_frames
        self._folder = Path()
        self._stages: tuple[ModelFile, ...] = ()
        self._opened: ModelFile | None = None

    @property
    def name(self) -> str:
        """The runtime's."""
        return self._runner.name

    @property
    def versions(self) -> dict[str, str]:
        """The runtime's."""
        return self._runner.versions

    def __enter__(self) -> Self:
        self._runner.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._runner.__exit__(*exception)

    def load(self, file: Path, sha256: str | None = None) -> None:
        """Find the stages beside the whole model's file; ``run`` opens one after the other.

        Each is compared with its own hash in the manifest, the whole file is not read.
        """
        model = next((one.model for one in self._manifest.files if one.path == file.name), "")
        self._stages = self._manifest.find_stages(model)
        if not self._stages:
            raise RunnerError(f"{self.name}: the manifest names no stages of {file.name}")
        self._folder = file.parent
        self._opened = None

    def run(self, inputs: Mapping[str, Array]) -> Tensors:
        """``audio`` (1, 1, samples) → onset, frame and, where stages make one, embedding."""
        pieces: dict[str, list[Array]] = {}
        for piece in self.stream(inputs["audio"]):
            pieces.setdefault(piece.output, []).append(piece.values)
        return {name: np.concatenate(parts, axis=-1) for name, parts in pieces.items()}

    def stream(self, audio: Array) -> Iterator[Piece]:
        """Each output's pieces in order, as they become final."""
        values = {"audio": clean_audio(audio)}
        total = -(-audio.shape[-1] // FRAME_SAMPLES)
        chunk = self._chunk_frames or -(-total // 3)
        spans = [(start, min(start + chunk, total)) for start in range(0, total, chunk)]
        sounding = True
        for position, stage in enumerate(self._stages):
            if "cells" in _names(stage.inputs):
                for span in spans:
                    embedding = self._embed(stage, values, span)
                    yield Piece("embedding", span[0], embedding * sounding)
                continue
            later = self._read_after(position)
            final = {g.of[0]: g for g in stage.gathers if g.kind == "maximum"}
            level = {g.of[0]: g for g in stage.gathers if g.kind == "deviation"}
            kept, found = self._pass(stage, values, spans, later | {*final, *level})
            values |= kept | found
            for name, gather in level.items():
                deviation, sounding = measure_deviation(values[name], gather)
                values[gather.gives[0]] = np.array([deviation], values[name].dtype)
            # Free values that no later stage needs: energies are the largest.
            finals = [(values.pop(name) * sounding, gather) for name, gather in final.items()]
            values = {name: value for name, value in values.items() if name in later}
            while finals:
                activation, gather = finals.pop(0)
                yield Piece(gather.of[0], 0, divide_by_maximum(activation, gather))

    def _pass(
        self, stage: ModelFile, values: Tensors, spans: list[Span], keep: set[str]
    ) -> tuple[Tensors, Tensors]:
        """Outputs over the whole recording, those to ``keep``; and the moments gathered."""
        kept: Tensors = {}
        moments = [(g, Moments(g.values)) for g in stage.gathers if g.kind == "moments"]
        for start, stop in spans:
            found = self._run(stage, values, (start, stop))
            for name in keep.intersection(found):
                piece = found[name]
                if name not in kept:
                    kept[name] = np.empty((*piece.shape[:-1], spans[-1][1]), piece.dtype)
                kept[name][..., start:stop] = piece
            for gather, moment in moments:
                moment.add(*(found[name] for name in gather.of))
        gathered: Tensors = {}
        for gather, moment in moments:
            pair = (moment.mean, moment.variance)
            dtype = found[gather.of[0]].dtype
            gathered.update(zip(gather.gives, (one.astype(dtype) for one in pair), strict=True))
        return kept, gathered

    def _run(self, stage: ModelFile, values: Tensors, span: Span) -> Tensors:
        """A stage's outputs for a span of frames, from inputs with its halo on either side."""
        halo = stage.halo_frames or 0
        first, last = max(span[0] - halo, 0), span[1] + halo
        inputs = {}
        for tensor in stage.inputs:
            step = {"samples": FRAME_SAMPLES, "frames": 1}.get(str(tensor.shape[-1]))
            value = values[tensor.name]
            inputs[tensor.name] = value if step is None else value[..., first * step : last * step]
        skip = span[0] - first
        outputs = {}
        for name, value in self._open(stage).run(inputs).items():
            outputs[name] = value[..., skip : skip + span[1] - span[0]]
            if outputs[name].shape[-1] != span[1] - span[0]:
                raise RunnerError(
                    f"{self.name}: {stage.path} gave {value.shape[-1]} frames of {name}, "
                    f"{skip + span[1] - span[0]} or more were expected"
                )
        return outputs

    def _embed(self, stage: ModelFile, values: Tensors, span: Span) -> Array:
        """(1, 12, 84, frames): all pitches of a span, run one after the other as if in time."""
        maker, gather = self._find_cells()
        halo = stage.halo_frames or 0
        total = values[maker.inputs[0].name].shape[-1]
        first, last = max(span[0] - halo, 0), min(span[1] + halo, total)
        features = self._run(maker, values, (first, last))[gather.of[0]]
        width = span[1] - span[0] + 2 * halo
        left = first - (span[0] - halo)
        # Below the lowest pitch and beyond both ends, cells are the mean.
        rows = np.empty((features.shape[1], 3 * PITCHES, width), features.dtype)
        rows[:] = values["feature_mean"].reshape(-1, 1, 1)
        rows[:, 1:, left : left + last - first] = features[0, :, :-1]
        cells = rows.reshape(len(rows), PITCHES, 3, width).transpose(0, 2, 1, 3)
        values = values | {gather.gives[0]: cells.reshape(1, len(rows), 3, -1)}
        inputs = {name: values[name] for name in _names(stage.inputs)}
        embedding = self._open(stage).run(inputs)["embedding"]
        return embedding.reshape(1, EMBEDDING_SIZE, PITCHES, width)[..., halo : width - halo]

    def _find_cells(self) -> tuple[ModelFile, Gather]:
        """The stage whose output the cells are cut from, and its entry for them."""
        return next(
            (stage, gather)
            for stage in self._stages
            for gather in stage.gathers
            if gather.kind == "cells"
        )

    def _read_after(self, position: int) -> set[str]:
        """Inputs of the stages after a position; for cells, their maker runs once more."""
        later = {name for one in self._stages[position + 1 :] for name in _names(one.inputs)}
        return later | set(_names(self._find_cells()[0].inputs)) if "cells" in later else later

    def _open(self, stage: ModelFile) -> Runner:
        if self._opened != stage:
            self._opened = None
            self._runner.load(self._folder / stage.path, stage.sha256)
            self._opened = stage
        return self._runner


def _names(tensors: Sequence[TensorInfo]) -> list[str]:
    return [tensor.name for tensor in tensors]


class Moments:
    """Mean and variance by channel of a growing number of frames, in float64.

    Uses the update of Chan, Golub and LeVeque 1979, which is stable where E[x²] - E[x]² is not.
    ``values`` is the number of values behind a frame's mean if the variance shall be unbiased.
    """

    def __init__(self, values: int | None) -> None:
        self._values = values
        self._frames = 0
        self.mean: npt.NDArray[Any] = np.zeros(())
        """(1, channels) after the first ``add``."""
        self._squares: npt.NDArray[Any] = np.zeros(())

    def add(self, means: Array, variances: Array) -> None:
        """Add frames by their moments, (1, channels, frames) each."""
        means, variances = means.astype(np.float64), variances.astype(np.float64)
        frames = means.shape[-1]
        mean = means.mean(axis=-1)
        squares = (variances + (means - mean[..., None]) ** 2).sum(axis=-1)
        both, step = self._frames + frames, mean - self.mean
        self._squares = self._squares + squares + step**2 * (self._frames * frames / both)
        self.mean = self.mean + step * (frames / both)
        self._frames = both

    @property
    def variance(self) -> npt.NDArray[Any]:
        """(1, channels)."""
        variance: npt.NDArray[Any] = self._squares / self._frames
        if self._values is None:
            return variance
        count = self._values * self._frames
        return variance * (count / (count - 1))


def clean_audio(audio: Array) -> Array:
    """The waveform, finite: a NaN or infinite sample is 0, a deafening recording softer."""
    with np.errstate(invalid="ignore"):
        clean = np.where(np.abs(audio) <= FLOAT32_MAX, audio, audio.dtype.type(0))
    loudest = np.abs(clean).max()
    return clean if loudest <= LOUDEST else clean / (loudest / audio.dtype.type(LOUDEST))


def measure_deviation(loudness: Array, gather: Gather) -> tuple[float, bool]:
    """Frame energies (1, frames) → their unbiased deviation, and whether there is one."""
    scale = max(float(loudness.max()), gather.floor)
    relative = loudness.astype(np.float64) / scale
    deviation = float(relative.std(ddof=1)) if relative.size > 1 else 0.0
    return scale * max(deviation, gather.relative_floor), deviation > gather.relative_floor


def divide_by_maximum(activation: Array, gather: Gather) -> Array:
    """(1, 84, frames) → the same with maximum 1; all zero if nothing sounds."""
    activation /= max(float(activation.max()), gather.floor)
    return activation
