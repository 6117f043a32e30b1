"""What the network that counts timbres learns from: the sounds of notes that the library found.

Pieces are rendered and heard in parallel, and kept in a cache: stop and start as you like.
"""

from __future__ import annotations

import base64
import hashlib
import multiprocessing
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from export.catalog import LOWEST_PITCH, PITCHES
from train.judge import players
from train.judge.counted import MODEL
from train.judge.listen import Heard, hear
from train.judge.pieces import Piece
from train.judge.players import Band, choosing_band, render_players

SOUND_FILE = Path(__file__).parents[2] / "web" / "lib" / "timbres" / "sound.js"
SPECTRA, BINS, BELOW = 10, 40, 2
"""Spectra of a note, semitones of each, and those of them that are below the note."""
BESIDES, TRAITS = 74, 11
FEWEST = 6
"""Notes without which a piece says nothing."""
SHARD = 25
"""Pieces of a file of the cache."""
SAME_SECONDS = 0.06
"""Most between the onsets of a note that was played and of the same note as found."""


@dataclass(frozen=True)
class Example:
    """The notes found in one piece."""

    sounds: NDArray[np.float16]
    """(notes, values of ``Sounds.describe``)"""
    notes: NDArray[np.int64]
    """(notes, 3): start frame, end frame, MIDI pitch."""
    players: NDArray[np.int64]
    """(notes): place of the instrument in ``instruments``; -1 if nobody, or both, played it."""
    instruments: tuple[str, ...]

    def coloured(self, curve: NDArray[np.float64]) -> Example:
        """As if through an equaliser; ``curve`` in tens of decibels, from low to high."""
        rows = self.notes[:, 2] - LOWEST_PITCH
        at = np.linspace(-BELOW, PITCHES + BINS - BELOW, len(curve))
        heights = np.interp(rows[:, None] + np.arange(BINS) - BELOW, at, curve)
        heights -= np.interp(rows, at, curve)[:, None]
        spectra = self.sounds[:, : SPECTRA * BINS].reshape(-1, SPECTRA, BINS).astype(np.float32)
        there = spectra > -6.95  # nothing else is as low as what lies beyond the highest semitone
        spectra = np.clip(spectra + heights[:, None] * there, -7, 3)
        sounds = self.sounds.copy()
        sounds[:, : SPECTRA * BINS] = spectra.reshape(len(rows), -1)
        return replace(self, sounds=sounds)


def collect(
    models: Path, cache: Path, salamander: Path, samples: Path, count: int, workers: int
) -> Iterator[list[Example]]:
    """The first ``count`` pieces of the choosing band, a shard at a time, in order."""
    folder = cache / "sounds" / _digest(models)
    folder.mkdir(parents=True, exist_ok=True)
    firsts = range(0, count, SHARD)
    # fork would copy FluidSynth's threads half alive.
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, _start, (folder, models, salamander, samples)) as pool:
        for path in pool.imap(_make_shard, firsts):
            yield read_shard(path)


def _digest(models: Path) -> str:
    """Of what a shard depends on and what is likely to change."""
    made = hashlib.sha256()
    for path in (SOUND_FILE, Path(players.__file__), models / "manifest.json"):
        made.update(path.read_bytes())
    return made.hexdigest()[:16]


@dataclass(frozen=True)
class _Worker:
    folder: Path
    models: Path
    band: Band


_worker: list[_Worker] = []


def _start(folder: Path, models: Path, salamander: Path, samples: Path) -> None:
    torch.set_num_threads(1)
    _worker.append(_Worker(folder, models, choosing_band(salamander, samples)))


def _make_shard(first: int) -> Path:
    own = _worker[0]
    path = own.folder / f"{first:05d}.npz"
    if not path.exists():
        pieces = list(render_players(own.band, SHARD, first))
        with tempfile.TemporaryDirectory() as folder:
            options: dict[str, object] = {"describeSounds": True}
            heard = hear(pieces, own.models, Path(folder), MODEL, options, engine=True)
        write_shard([example_of(*one) for one in zip(pieces, heard, strict=True)], path)
    return path


def example_of(piece: Piece, heard: Heard) -> Example:
    """What was found, with the players that are known from the piece."""
    assert piece.played_by is not None
    places = np.array(heard.answer["places"], np.int64).reshape(-1, 3)
    sounds = np.frombuffer(base64.b64decode(heard.answer["sounds"]), np.float32)
    near = np.abs(piece.notes[:, 0] - heard.notes[:, :1]) < SAME_SECONDS
    same = near & (piece.notes[:, 2] == heard.notes[:, 2:])
    players = np.full(len(places), -1)
    for i, one in enumerate(same):
        played_by = np.unique(piece.played_by[one])
        if len(played_by) == 1:
            players[i] = played_by[0]
    shape = (len(places), SPECTRA * BINS + BESIDES + TRAITS)
    return Example(sounds.reshape(shape).astype(np.float16), places, players, piece.instruments)


def write_shard(examples: Sequence[Example], path: Path) -> None:
    """Those of ``examples`` that have notes enough."""
    arrays: dict[str, NDArray[np.generic]] = {}
    for i, one in enumerate(one for one in examples if len(one.notes) >= FEWEST):
        arrays |= {f"sounds{i}": one.sounds, f"notes{i}": one.notes, f"players{i}": one.players}
        arrays[f"instruments{i}"] = np.array(one.instruments)
    partial = path.with_suffix(".partial.npz")
    # numpy's stub takes the arrays for its other keywords
    np.savez(partial, **arrays)  # type: ignore[arg-type]
    partial.replace(path)


def read_shard(path: Path) -> list[Example]:
    """Read what ``write_shard`` wrote."""
    with np.load(path) as file:
        return [
            Example(
                file[f"sounds{i}"],
                file[f"notes{i}"],
                file[f"players{i}"],
                tuple(str(name) for name in file[f"instruments{i}"]),
            )
            for i in range(len(file.files) // 4)
        ]
