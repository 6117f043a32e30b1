"""A recording in chunks through a model's stages: the whole file's result in bounded memory.

Every stage runs over chunks with its halo of frames on either side, cut off where the recording
begins and ends. What is global is gathered between two stages, in float64. Kept are energies (252
floats a frame), activations (168) and loudness; what else a stage gives is used up chunk by chunk,
and made again for whoever needs it later. The stages' contract is in ``export/nets/stages.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from export.catalog import (
    EMBEDDING_SIZE,
    FAINTEST,
    FLOAT32_MAX,
    HOP_SAMPLES,
    LOUDEST,
    NETWORK_RATE_HZ,
    PITCHES,
    RATE_HZ,
    SILENT,
    STEADY,
)
from export.manifest import Manifest, StageFile
from verify.compare import Array
from verify.runtimes.runners import Runner, RunnerError, Tensors

FRAME_SAMPLES = HOP_SAMPLES * RATE_HZ // NETWORK_RATE_HZ
"""One frame of the waveform: 512 samples. A chunk of it begins on a multiple."""


class Piece(NamedTuple):
    """A final part of an output."""

    output: str
    start: int
    """Its first frame."""
    values: Array
    """(1, …, frames)."""


class StreamRunner:
    """A runtime that runs a model's stages where others run its file: same inputs, same outputs.

    ``chunk_frames`` is the length of a chunk without its halo; by default a third of a recording,
    so that there is a chunk with two inner borders.
    """

    def __init__(self, runner: Runner, manifest: Manifest, chunk_frames: int | None = None) -> None:
        self._runner = runner
        self._manifest = manifest
        self._chunk_frames = chunk_frames
        self._folder = Path()
        self._stages: dict[str, StageFile] = {}
        self._opened: str | None = None

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

    def load(self, file: Path) -> None:
        """Find the stages beside the whole model's file; ``run`` opens one after the other."""
        model = next((one.model for one in self._manifest.files if one.path == file.name), None)
        self._stages = {one.stage: one for one in self._manifest.stages if one.model == model}
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

        values |= self._collect("ears", values, spans)
        deviation, sounding = measure_deviation(values["loudness"])
        values["deviation"] = np.array([deviation], values["energy"].dtype)
        activations = self._collect("notes", values, spans)
        separate = "embed" in self._stages
        if not separate:
            del values["energy"]  # nobody needs it any more, and it is the largest
        for name in tuple(activations):
            yield Piece(name, 0, divide_by_maximum(activations.pop(name), sounding))
        if not separate:
            return
        for stage, prefix in (
            ("first-norm", "first"),
            ("second-norm", "second"),
            ("features", "feature"),
        ):
            moments = Moments(values["energy"].shape[2])
            for span in spans:
                found = self._run(stage, values, span)
                moments.add(found[f"{prefix}_means"], found[f"{prefix}_variances"])
            values[f"{prefix}_mean"] = moments.mean.astype(values["energy"].dtype)
            variance = moments.variance(unbiased=stage == "features")
            values[f"{prefix}_variance"] = variance.astype(values["energy"].dtype)
        for start, stop in spans:
            embedding = self._embed(values, (start, stop))
            yield Piece("embedding", start, embedding if sounding else np.zeros_like(embedding))

    def _collect(self, stage: str, values: Tensors, spans: list[tuple[int, int]]) -> Tensors:
        """A stage's outputs over the whole recording."""
        kept: Tensors = {}
        for start, stop in spans:
            for name, piece in self._run(stage, values, (start, stop)).items():
                if name not in kept:
                    kept[name] = np.empty((*piece.shape[:-1], spans[-1][1]), piece.dtype)
                kept[name][..., start:stop] = piece
        return kept

    def _run(self, stage: str, values: Tensors, span: tuple[int, int]) -> Tensors:
        """A stage's outputs for a span of frames, from inputs with its halo on either side."""
        entry = self._stages[stage]
        first, last = max(span[0] - entry.halo_frames, 0), span[1] + entry.halo_frames
        inputs = {}
        for tensor in entry.inputs:
            step = {"samples": FRAME_SAMPLES, "frames": 1}.get(str(tensor.shape[-1]))
            value = values[tensor.name]
            inputs[tensor.name] = value if step is None else value[..., first * step : last * step]
        skip = span[0] - first
        outputs = {}
        for name, value in self._open(stage).run(inputs).items():
            outputs[name] = value[..., skip : skip + span[1] - span[0]]
            if outputs[name].shape[-1] != span[1] - span[0]:
                raise RunnerError(
                    f"{self.name}: {entry.path} gave {value.shape[-1]} frames of {name}, "
                    f"{skip + span[1] - span[0]} or more were expected"
                )
        return outputs

    def _embed(self, values: Tensors, span: tuple[int, int]) -> Array:
        """(1, 12, 84, frames): all pitches of a span, one after the other as if in time."""
        halo = self._stages["embed"].halo_frames
        total = values["energy"].shape[-1]
        first, last = max(span[0] - halo, 0), min(span[1] + halo, total)
        features = self._run("features", values, (first, last))["features"]
        width = span[1] - span[0] + 2 * halo
        left = first - (span[0] - halo)
        # What no feature fills, below the lowest pitch and beyond both ends, is the mean.
        rows = np.empty((features.shape[1], 3 * PITCHES, width), features.dtype)
        rows[:] = values["feature_mean"].reshape(-1, 1, 1)
        rows[:, 1:, left : left + last - first] = features[0, :, :-1]
        cells = rows.reshape(len(rows), PITCHES, 3, width).transpose(0, 2, 1, 3)
        names = ("feature_mean", "feature_variance")
        embedding = self._open("embed").run(
            {"cells": cells.reshape(1, len(rows), 3, -1)} | {name: values[name] for name in names}
        )["embedding"]
        return embedding.reshape(1, EMBEDDING_SIZE, PITCHES, width)[..., halo : width - halo]

    def _open(self, stage: str) -> Runner:
        if self._opened != stage:
            self._opened = None
            self._runner.load(self._folder / self._stages[stage].path)
            self._opened = stage
        return self._runner


class Moments:
    """Mean and variance by channel of ever more frames, in float64.

    By the update of Chan, Golub and LeVeque 1979, which is stable where E[x²] - E[x]² is not.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        """Values of a channel in one frame."""
        self._count = 0
        self.mean: npt.NDArray[Any] = np.zeros(())
        """(1, channels) once something was added."""
        self._squares: npt.NDArray[Any] = np.zeros(())

    def add(self, means: Array, variances: Array) -> None:
        """Add frames by their moments, (1, channels, frames) each."""
        means, variances = means.astype(np.float64), variances.astype(np.float64)
        count = self._size * means.shape[-1]
        mean = means.mean(axis=-1)
        squares = self._size * (variances + (means - mean[..., None]) ** 2).sum(axis=-1)
        both, step = self._count + count, mean - self.mean
        self._squares = self._squares + squares + step**2 * (self._count * count / both)
        self.mean = self.mean + step * (count / both)
        self._count = both

    def variance(self, *, unbiased: bool) -> npt.NDArray[Any]:
        """(1, channels)."""
        return self._squares / (self._count - unbiased)


def clean_audio(audio: Array) -> Array:
    """The waveform, finite: a NaN or infinite sample is 0, a deafening recording softer."""
    with np.errstate(invalid="ignore"):
        clean = np.where(np.abs(audio) <= FLOAT32_MAX, audio, audio.dtype.type(0))
    loudest = np.abs(clean).max()
    return clean if loudest <= LOUDEST else clean / (loudest / audio.dtype.type(LOUDEST))


def measure_deviation(loudness: Array) -> tuple[float, bool]:
    """Frame energies (1, frames) → their unbiased deviation, and whether there is one."""
    scale = max(float(loudness.max()), SILENT)
    relative = loudness.astype(np.float64) / scale
    deviation = float(relative.std(ddof=1)) if relative.size > 1 else 0.0
    return scale * max(deviation, STEADY), deviation > STEADY


def divide_by_maximum(activation: Array, sounding: bool) -> Array:
    """(1, 84, frames) → the same with maximum 1; all zero where nothing sounds."""
    heard: Array = activation * sounding
    heard /= max(float(heard.max()), FAINTEST)
    return heard
