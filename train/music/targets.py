"""Notes to the networks' targets: onsets, frames that fade, and the notes of each stem."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.catalog import HOP_SAMPLES, LOWEST_PITCH, NETWORK_RATE_HZ, PITCHES

FRAMES_PER_SECOND = NETWORK_RATE_HZ / HOP_SAMPLES
LEAD_FRAMES = 1
"""Seconds by which labels are early: a real microphone is metres from the hammer, and frames one
earlier scored better on real pianos (0.643 to 0.650), no worse on rendered ones."""
ONSET_SMEAR = ((-1, 0.6), (0, 1.0), (1, 0.25))
"""Onset target in the frames around an attack's label. It leans forward: leaning back, it made
onsets 18 ms late, on validation pieces and real pianos alike (note F1 0.765 and 0.699; moved back,
0.785 and 0.732)."""
FADE_DB = (8.0, 30.0)
"""While a note's own level falls from the one to the other, in dB below its peak, its frame target
falls from 1 to 0. With 1 until the damper falls, ringing strings became notes of their own: note F1
0.747 on real pianos, where 3 to 16 dB gave 0.767 after as many steps. With the slower fade here,
notes stayed as good, and frames rose from 0.686 to 0.691."""
STRIDE = 4
"""Distance of the frames of a whole piece that its deviation and its notes' peaks are read from."""
_PARTIALS = (0, 36, 57, 72)
"""Bins from a note's fundamental to its first four partials."""
_ATTACK_FRAMES = 8
"""Frames before which a note does not fade: CQT filters take that long to rise."""
_PEAK_FRAMES = 32
"""Frames within which a note is loudest."""


@dataclass(frozen=True)
class Sounding:
    """The notes that a mixture's stems play within the crop, for the encoder: one row each."""

    spans: NDArray[np.int64]
    """(notes, 4): stem, output row, first frame, end frame (exclusive)."""


def draw_targets(
    stems: list[NDArray[np.float32]], semitones: int, start: int, width: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], Sounding]:
    """Notes of each stem → frame and onset targets (84, width), and the spans of every note."""
    frame = np.zeros((PITCHES, width), np.float32)
    onset = np.zeros((PITCHES, width), np.float32)
    spans = []
    for stem, notes in enumerate(stems):
        for a, b, row in _place(notes, semitones, start, width):
            frame[row, max(a, 0) : b] = 1
            for offset, value in ONSET_SMEAR:
                at = a + offset
                if 0 <= at < width:
                    onset[row, at] = max(onset[row, at], value)
            if min(b, width) - max(a, 0) >= 3:
                spans.append((stem, row, max(a, 0), min(b, width)))
    return frame, onset, Sounding(np.array(spans, np.int64).reshape(-1, 4))


def draw_fading(
    stems: list[NDArray[np.float32]],
    semitones: int,
    start: int,
    whole: NDArray[np.float32],
    crop: NDArray[np.float32],
) -> NDArray[np.float32]:
    """The remaining share of each note, (84, F): 1 at its peak, 0 where it has faded.

    ``whole`` holds the piece's energies, every STRIDE-th frame, ``crop`` those of (288, F) from
    frame ``start`` on. Two notes in one cell count as the louder; a note under others' partials
    fades with their sum.
    """
    width = crop.shape[1]
    left = np.zeros((PITCHES, width), np.float32)
    for notes in stems:
        for first, last, row in _place(notes, semitones, start, width):
            here = slice(max(first, 0), min(last, width))
            level = _level(crop, row)
            attack = max(first + start, 0) // STRIDE
            loudest = _level(whole, row)[attack : attack + _PEAK_FRAMES // STRIDE].max(initial=0)
            if first >= 0:
                loudest = max(loudest, level[first : first + _PEAK_FRAMES].max(initial=0))
            drop_db = 10 * np.log10((loudest + 1e-20) / (level[here] + 1e-20))
            drop_db[np.arange(here.start, here.stop) < first + _ATTACK_FRAMES] = 0
            drop_db = np.maximum.accumulate(drop_db)
            share = 1 - (drop_db - FADE_DB[0]) / (FADE_DB[1] - FADE_DB[0])
            left[row, here] = np.maximum(left[row, here], share.clip(0, 1))
    return left


def _level(energy: NDArray[np.float32], row: int) -> NDArray[np.float32]:
    """A pitch's energy over time, its first partials together."""
    bins = (3 * row + partial for partial in _PARTIALS)
    level: NDArray[np.float32] = np.sum([energy[at : at + 3].sum(0) for at in bins], axis=0)
    return level


def _place(
    notes: NDArray[np.float32], semitones: int, start: int, width: int
) -> Iterator[tuple[int, int, int]]:
    """First frame, end frame and row of each note that can touch the crop."""
    lead = start + LEAD_FRAMES
    first = np.round(notes[:, 0] * FRAMES_PER_SECOND).astype(int) - lead
    last = np.round(notes[:, 1] * FRAMES_PER_SECOND).astype(int) - lead
    rows = notes[:, 2].astype(int) + semitones - LOWEST_PITCH
    near = (last > 0) & (first < width + 1) & (rows >= 0) & (rows < PITCHES)
    for a, b, row in zip(first[near], last[near], rows[near], strict=True):
        yield int(a), int(max(b, a + 1)), int(row)
