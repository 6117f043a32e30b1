"""Shards to training batches: mixing, transposing and colouring in the CQT domain.

The transform is linear, so stems are mixed after it; a semitone is three bins, so transposing is a
shift. Every batch follows from (seed, step) alone: a resumed run gets the same as an unbroken one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from export.catalog import EPSILON
from export.nets.front_end import BINS
from train.music.shards import SCALE, Shard
from train.music.stems import PIANO_SOURCES
from train.music.targets import STRIDE, Sounding, draw_fading, draw_targets


@dataclass(frozen=True)
class Recipe:
    """Amounts of variation."""

    frames: int = 128
    crops: int = 8
    epsilon: float = EPSILON
    transpose: int = 7
    """Semitones either way."""
    equaliser_db: float = 4.0
    level_jitter: float = 0.3
    """Deviation of the logarithm of the normalising deviation."""
    noise_db: tuple[float, float] = (-100.0, -50.0)
    piano_share: float = 0.75
    """Share of crops from piano pieces, where there are any (of the note branch's crops)."""
    blend: float = 0.25
    """Share of crops with a stem of another piece mixed in."""


@dataclass(frozen=True)
class Batch:
    """Log energies (B, 1, 288, F), targets (B, 84, F), and notes by stem (one entry per crop)."""

    energy: Tensor
    frame: Tensor
    onset: Tensor
    sounding: list[Sounding]


def draw_batch(shards: list[Shard], recipe: Recipe, seed: int, step: int) -> Batch:
    """Batch ``step`` for the note branch: pieces as they are, some with a foreign stem mixed in."""
    rng = np.random.default_rng([seed, step])
    pianos = [s for s in shards if s.timbres[0] in PIANO_SOURCES] or shards
    ensembles = [s for s in shards if s.timbres[0] not in PIANO_SOURCES] or shards
    crops = []
    for _ in range(recipe.crops):
        pool = pianos if rng.random() < recipe.piano_share else ensembles
        shard = pool[int(rng.integers(len(pool)))]
        stems = [(shard, i, 1.0) for i in range(len(shard.timbres))]
        if len(stems) > 1 and rng.random() < 0.4:
            kept = rng.permutation(len(stems))[: int(rng.integers(1, len(stems)))]
            stems = [stems[i] for i in kept]
        if rng.random() < recipe.blend:
            stems.append(_stranger(shards, rng))
        crops.append(_crop(stems, recipe, rng))
    return _collate(crops)


def draw_mixtures(
    shards: list[Shard], recipe: Recipe, seed: int, step: int, timbres: tuple[int, int] = (2, 4)
) -> Batch:
    """Batch ``step`` for the encoder: up to 4 stems of different timbres, of any pieces."""
    rng = np.random.default_rng([seed, step, 1])
    ensembles = [s for s in shards if len(s.timbres) > 1]
    crops = []
    for _ in range(recipe.crops):
        wanted = int(rng.integers(timbres[0], timbres[1] + 1))
        stems: list[tuple[Shard, int, float]] = []
        if ensembles and rng.random() < 0.6:
            shard = ensembles[int(rng.integers(len(ensembles)))]
            order = rng.permutation(len(shard.timbres))[:wanted]
            stems = [(shard, int(i), float(10 ** (rng.normal(0, 3) / 20))) for i in order]
        while len(stems) < wanted:
            stems.append(_stranger(shards, rng))
        crops.append(_crop(_distinct(stems), recipe, rng))
    return _collate(crops)


def _stranger(shards: list[Shard], rng: np.random.Generator) -> tuple[Shard, int, float]:
    shard = shards[int(rng.integers(len(shards)))]
    return shard, int(rng.integers(len(shard.timbres))), float(10 ** (rng.normal(-2, 5) / 20))


def _distinct(stems: list[tuple[Shard, int, float]]) -> list[tuple[Shard, int, float]]:
    """The first stem of each timbre."""
    first = {shard.timbres[i]: (shard, i, gain) for shard, i, gain in reversed(stems)}
    return list(first.values())


_Crop = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], Sounding]


def _crop(stems: list[tuple[Shard, int, float]], recipe: Recipe, rng: np.random.Generator) -> _Crop:
    length = min(shard.cqt.shape[-1] for shard, _, _ in stems)
    width = min(recipe.frames, length)
    start = int(rng.integers(0, length - width + 1))
    piece = np.zeros((2, BINS, -(-length // STRIDE)), np.float32)
    crop = np.zeros((2, BINS, width), np.float32)
    for shard, i, gain in stems:
        piece += np.float32(gain / SCALE) * shard.cqt[i, :, :, :length:STRIDE]
        crop += np.float32(gain / SCALE) * shard.cqt[i, :, :, start : start + width]
    shift = 0
    if rng.random() < 0.7:
        shift = int(np.round(rng.triangular(-recipe.transpose, 0, recipe.transpose)))
    gain_db = _smooth_gain(rng, recipe.equaliser_db) + rng.uniform(-12, 6)
    floor = 10 ** (rng.uniform(*recipe.noise_db) / 20)
    whole = _energy(piece, shift, gain_db)
    energy = _energy(crop, shift, gain_db)
    notes = [shard.notes[i] for shard, i, _ in stems]
    frame, onset, sounding = draw_targets(notes, shift, start, width)
    frame = np.minimum(frame, draw_fading(notes, shift, start, whole, energy))
    hiss = rng.normal(0, 1, (2, BINS, width)).astype(np.float32)
    energy += (floor**2) * (hiss**2).sum(0) * 10 ** (_smooth_gain(rng, 6) / 10)[:, None]
    deviation = float(np.std(whole.sum(0), ddof=1)) + 1e-12
    jitter = rng.normal(0, recipe.level_jitter)
    log = np.log((energy + recipe.epsilon) / deviation) + jitter
    return log.astype(np.float32)[None], frame, onset, sounding


def _energy(
    cqt: NDArray[np.float32], semitones: int, gain_db: NDArray[np.float64]
) -> NDArray[np.float32]:
    """(2, 288, F) → energies (288, F), transposed, with a response over the bins."""
    energy = (cqt**2).sum(0)
    bins = 3 * semitones
    moved = np.zeros_like(energy)
    if bins >= 0:
        moved[bins:] = energy[: BINS - bins]
    else:
        moved[:bins] = energy[-bins:]
    return np.asarray(moved * np.float32(10) ** (gain_db / 10)[:, None].astype(np.float32))


def _smooth_gain(rng: np.random.Generator, depth_db: float) -> NDArray[np.float64]:
    knots = rng.normal(0, depth_db, 9)
    return np.interp(np.arange(BINS), np.linspace(0, BINS - 1, 9), knots)


def _collate(crops: list[_Crop]) -> Batch:
    energy, frame, onset, sounding = zip(*crops, strict=True)
    return Batch(
        torch.from_numpy(np.stack(energy)),
        torch.from_numpy(np.stack(frame)),
        torch.from_numpy(np.stack(onset)),
        list(sounding),
    )
