"""Recordings whose notes are known: the bundled one, and those of a folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from pathlib import Path

import mido
import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import resample_poly

from export.catalog import HOP_SAMPLES, LOWEST_PITCH, NETWORK_RATE_HZ, PITCHES, RATE_HZ
from export.example import EXAMPLE
from verify.runtimes.app_workers import AppNote

NEAR_SECONDS = 0.05
"""Two notes of one pitch are the same if they begin at most this far apart."""
FRAME_SECONDS = HOP_SAMPLES / NETWORK_RATE_HZ


class RecordingError(ValueError):
    """A recording cannot be used; the message says why."""


@dataclass(frozen=True)
class Recording:
    """A recording as the app gives it to a worker, and its score."""

    name: str
    samples: NDArray[np.float32]
    """The channels' sum, at 44 100 Hz."""
    score: NDArray[np.float64]
    """Rows of onset, in seconds, MIDI pitch, within the models' range, and voice."""

    @property
    def voices(self) -> int:
        """Instruments in the score; 1 where it does not tell them apart."""
        return len(set(self.score[:, 2]))


def read_all(folder: Path | None) -> list[Recording]:
    """The bundled example, and every recording of a folder that has its score beside it."""
    paths = [EXAMPLE]
    if folder is not None:
        found = sorted([*folder.glob("*.wav"), *folder.glob("*.flac")])
        scored = [path for path in found if find_score(path)]
        if not scored:
            raise RecordingError(
                f"{folder} holds no recording (.wav, .flac) with its notes (.tsv, .mid) beside it"
            )
        paths += scored
    return [read(path) for path in paths]


def read(path: Path) -> Recording:
    """A recording and its score; RecordingError if either cannot be read."""
    score = find_score(path)
    if score is None:
        raise RecordingError(f"{path} has no notes beside it; give them as .tsv or .mid")
    try:
        waves, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
        notes = read_tsv(score) if score.suffix == ".tsv" else read_midi(score)
    except (soundfile.SoundFileError, OSError, ValueError, EOFError) as error:
        raise RecordingError(f"{path} or its score cannot be read: {error}") from None
    divisor = gcd(RATE_HZ, rate_hz)
    total = resample_poly(waves.sum(1), RATE_HZ // divisor, rate_hz // divisor)
    inside = (notes[:, 1] >= LOWEST_PITCH) & (notes[:, 1] < LOWEST_PITCH + PITCHES)
    if not inside.any():
        raise RecordingError(f"{score} has no notes in the models' range")
    return Recording(path.stem, total.astype(np.float32), notes[inside])


def find_score(path: Path) -> Path | None:
    """The file of notes beside a recording."""
    beside = (path.with_suffix(suffix) for suffix in (".tsv", ".mid"))
    return next((score for score in beside if score.is_file()), None)


def read_tsv(path: Path) -> NDArray[np.float64]:
    """A score from a table of onset, offset (seconds) and MIDI pitch with a heading: one voice."""
    table = np.loadtxt(path, skiprows=1, ndmin=2)
    return np.stack([table[:, 0], table[:, 2], np.zeros(len(table))], 1)


def read_midi(path: Path) -> NDArray[np.float64]:
    """A score from every note, without drums; a channel is a voice."""
    rows, now = [], 0.0
    for message in mido.MidiFile(path):
        now += message.time
        if message.type == "note_on" and message.velocity and message.channel != 9:
            rows.append((now, message.note, message.channel))
    return np.array(rows, np.float64).reshape(-1, 3)


def match(notes: Sequence[AppNote], score: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Pairs of indices of equal pitch and near onset, as many as possible, each note once.

    In order of onset the earliest partner in reach is as good as any other, so one pass over each
    pitch matches the most.
    """
    pairs = []
    for pitch in np.unique(score[:, 1]):
        wanted = sorted(np.flatnonzero(score[:, 1] == pitch), key=lambda j: score[j, 0])
        found = [i for i, note in enumerate(notes) if note.note == pitch]
        for i in sorted(found, key=lambda i: notes[i].onset):
            onset = notes[i].onset * FRAME_SECONDS
            while wanted and score[wanted[0], 0] < onset - NEAR_SECONDS:
                wanted.pop(0)
            if wanted and score[wanted[0], 0] <= onset + NEAR_SECONDS:
                pairs.append((i, int(wanted.pop(0))))
    return pairs


def note_f1(notes: Sequence[AppNote], score: NDArray[np.float64]) -> float:
    """2 * matched / (found + score) over onsets and pitches."""
    return 2 * len(match(notes, score)) / (len(notes) + len(score))
