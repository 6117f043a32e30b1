"""Pieces with real notes an octave, a twelfth or two octaves above others.

A rule that removes overtones must keep these.
"""

from __future__ import annotations

import numpy as np

from train.music.harmony import Key, draw_step
from train.music.scores import Note

INTERVALS = (12, 19, 24)
"""Octave, twelfth, double octave, in semitones."""


def write_doubled(rng: np.random.Generator, duration_seconds: float) -> list[Note]:
    """A line doubled throughout at one of INTERVALS, over a bass in octaves; by start.

    The doubling is up to a third softer than the line, or as loud; both keys go down together.
    """
    key = Key.draw(rng)
    interval = int(rng.choice(INTERVALS))
    softer = rng.uniform(0.65, 1.05)
    steps = key.steps(55, 74)
    beat = 60 / rng.uniform(60, 130)
    notes: list[Note] = []
    pitch, at = steps[len(steps) // 2], 0.2

    def strike(start: float, seconds: float, pitch: int, velocity: float) -> None:
        start = max(0.0, start + rng.normal(0, 0.004))
        end = start + seconds
        notes.append(Note(start, end, end, pitch, int(np.clip(velocity, 20, 120))))

    while at < duration_seconds - 1:
        span = beat * float(rng.choice([0.5, 0.5, 1, 1, 2]))
        pitch = draw_step(rng, pitch, steps, 3)
        loud = rng.normal(80, 8)
        strike(at, 0.85 * span, pitch, loud)
        strike(at, 0.85 * span, pitch + interval, softer * loud)
        at += span
    for bar in np.arange(0.2, duration_seconds - 1, 4 * beat):
        low = key.tonic + int(rng.choice(key.scale)) + 36
        loud = rng.normal(70, 8)
        strike(bar, 1.9 * beat, low, loud)
        strike(bar, 1.9 * beat, low - 12, loud)
    return sorted(notes, key=lambda note: (note.start_seconds, note.pitch))
