"""Pieces rendered once and kept as constant-Q transforms, for the trainer.

A shard is one piece: the complex CQT of every stem in half precision, and the notes. Shards are
made in parallel, each from its own seed, and only missing ones: stop and start as you like.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from export.nets.front_end import CQT
from train.music.stems import Studio

SCALE = 256.0
"""Amplitudes are multiplied by this, so that -100 dB is still a normal half-precision number."""


@dataclass(frozen=True)
class Shard:
    """One piece: CQTs (stems, 2, 288, frames) float16, times SCALE, and each stem's notes.

    Notes are float32 rows of start, end (seconds) and MIDI pitch.
    """

    cqt: NDArray[np.float16]
    notes: list[NDArray[np.float32]]
    timbres: list[str]


def make_shards(
    folder: Path, split: str, count: int, salamander: Path | None, workers: int, first: int = 0
) -> Iterator[int]:
    """Render pieces ``first`` … ``count`` - 1 of ``split`` that are missing; yields each index."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [i for i in range(first, count) if not shard_path(folder, split, i).exists()]
    # fork would copy FluidSynth's threads half alive.
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, _start, (folder, split, salamander)) as pool:
        yield from pool.imap_unordered(_make_one, missing)


def shard_path(folder: Path, split: str, index: int) -> Path:
    """Where piece ``index`` of ``split`` is kept."""
    return folder / f"{split}-{index:05d}.npz"


def read_shard(path: Path) -> Shard:
    """Read a shard of ``make_shards``."""
    with np.load(path) as file:
        stems = len(file["timbres"])
        notes = [file[f"notes{i}"] for i in range(stems)]
        return Shard(file["cqt"], notes, [str(t) for t in file["timbres"]])


_state: dict[str, object] = {}


def _start(folder: Path, split: str, salamander: Path | None) -> None:
    torch.set_num_threads(1)
    _state.update(folder=folder, split=split, studio=Studio(salamander), cqt=CQT())


def _make_one(index: int) -> int:
    folder, split, studio, cqt = (_state[k] for k in ("folder", "split", "studio", "cqt"))
    assert isinstance(folder, Path)
    assert isinstance(split, str)
    assert isinstance(studio, Studio)
    assert isinstance(cqt, CQT)
    stems = studio.record(split, index)
    waves = torch.from_numpy(np.stack([s.wave for s in stems]))
    with torch.no_grad():
        transformed = cqt(waves[:, None]) * SCALE
    arrays = {
        f"notes{i}": np.array(
            [(n.start_seconds, n.end_seconds, n.pitch) for n in s.notes], np.float32
        ).reshape(-1, 3)
        for i, s in enumerate(stems)
    }
    target = shard_path(folder, split, index)
    partial = target.with_suffix(".partial.npz")
    np.savez(
        partial,
        cqt=transformed.numpy().astype(np.float16),
        timbres=np.array([s.timbre for s in stems]),
        **arrays,  # type: ignore[arg-type]  # numpy's stub lists allow_pickle among the keywords
    )
    partial.replace(target)
    return index
