"""Measures of a transcription: note F1, frame F1, and labels of timbres."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import mir_eval
import numpy as np
from numpy.typing import NDArray

from export.catalog import LOWEST_PITCH, PITCHES
from train.judge.decode import FRAME_SECONDS, decode_notes

ONSET_TOLERANCE_SECONDS = 0.05


@dataclass(frozen=True)
class Clip:
    """A recording and its notes: rows of start, end (seconds), MIDI pitch."""

    name: str
    wave: NDArray[np.float32]
    """Mono at 22 050 Hz."""
    notes: NDArray[np.float64]


@dataclass(frozen=True)
class Activation:
    """A network's output on a clip: onset and frame (84, F), each with maximum 1."""

    onset: NDArray[np.float32]
    frame: NDArray[np.float32]


def note_f1(found: NDArray[np.float64], truth: NDArray[np.float64], offsets: bool = False) -> float:
    """F1 of onsets within 50 ms at the right pitch (mir_eval); ``found`` counts in frames.

    Ends are ignored, or, with ``offsets``, within 50 ms or a fifth of the note's length.
    """
    truth = truth[(truth[:, 2] >= LOWEST_PITCH) & (truth[:, 2] < LOWEST_PITCH + PITCHES)]
    if len(found) == 0 or len(truth) == 0:
        return 0.0
    _, _, f1, _ = mir_eval.transcription.precision_recall_f1_overlap(
        np.stack([truth[:, 0], np.maximum(truth[:, 1], truth[:, 0] + 0.01)], 1),
        mir_eval.util.midi_to_hz(truth[:, 2]),
        found[:, :2] * FRAME_SECONDS,
        mir_eval.util.midi_to_hz(found[:, 2]),
        onset_tolerance=ONSET_TOLERANCE_SECONDS,
        offset_ratio=0.2 if offsets else None,
    )
    return float(f1)


def draw_roll(notes: NDArray[np.float64], frames: int) -> NDArray[np.bool_]:
    """Notes → whether each pitch sounds in each frame, (84, frames)."""
    roll = np.zeros((PITCHES, frames), bool)
    for start, end, pitch in notes:
        row = int(pitch) - LOWEST_PITCH
        if 0 <= row < PITCHES:
            first = round(start / FRAME_SECONDS)
            roll[row, first : max(first + 1, round(end / FRAME_SECONDS))] = True
    return roll


def frame_f1(frame: NDArray[np.float32], truth: NDArray[np.bool_], threshold: float) -> float:
    """F1 of the cells whose activation is above ``threshold``."""
    sounding = frame > threshold
    right = int((sounding & truth).sum())
    return 2 * right / max(1, int(sounding.sum()) + int(truth.sum()))


FRAME_THRESHOLDS = (0.16, 0.22, 0.28, 0.34, 0.4, 0.46, 0.52, 0.58, 0.64, 0.7)
ONSET_THRESHOLDS = (0.14, 0.2, 0.26, 0.32, 0.38, 0.44, 0.5, 0.56, 0.62, 0.68, 0.74)
"""Thresholds to try for notes."""
FRAME_GRID = tuple(np.arange(0.08, 0.75, 0.04))


def note_scores(
    activations: list[Activation], clips: list[Clip], thresholds: tuple[float, float]
) -> NDArray[np.float64]:
    """Note F1 of each clip with (frame, onset) ``thresholds``."""
    return np.array(
        [
            note_f1(decode_notes(a.onset, a.frame, *thresholds), c.notes)
            for a, c in zip(activations, clips, strict=True)
        ]
    )


def frame_scores(
    activations: list[Activation], clips: list[Clip], threshold: float
) -> NDArray[np.float64]:
    """Frame F1 of each clip."""
    return np.array(
        [
            frame_f1(a.frame, draw_roll(c.notes, a.frame.shape[1]), threshold)
            for a, c in zip(activations, clips, strict=True)
        ]
    )


def tune(activations: list[Activation], clips: list[Clip]) -> tuple[tuple[float, float], float]:
    """Thresholds that are best on ``clips``: (frame, onset) for notes, and one for frame F1.

    The two for notes are searched in turn, the onset's twice: they hardly depend on each other.
    """

    def score(frame: float, onset: float) -> float:
        return float(note_scores(activations, clips, (frame, onset)).mean())

    frame, onset = 0.34, 0.38
    onset = max(ONSET_THRESHOLDS, key=lambda t: score(frame, t))
    frame = max(FRAME_THRESHOLDS, key=lambda t: score(t, onset))
    onset = max(ONSET_THRESHOLDS, key=lambda t: score(frame, t))
    sounding = max(FRAME_GRID, key=lambda t: frame_scores(activations, clips, float(t)).mean())
    return (frame, onset), float(sounding)


def label_accuracy(found: NDArray[np.int64], truth: NDArray[np.int64]) -> float:
    """Share of notes with the right label, under the best permutation of the found labels."""
    count = int(max(found.max(initial=0), truth.max(initial=0))) + 1
    return max(float((np.array(p)[found] == truth).mean()) for p in permutations(range(count)))
