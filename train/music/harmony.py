"""Keys, chords and steps, as MIDI pitches: the material of the generated scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Range = tuple[int, int]
"""Lowest and highest MIDI pitch of an instrument, both included."""

_SCALES = (
    (0, 2, 4, 5, 7, 9, 11),  # major
    (0, 2, 3, 5, 7, 8, 11),  # harmonic minor
    (0, 2, 3, 5, 7, 8, 10),  # natural minor
    (0, 2, 3, 5, 7, 9, 10),  # dorian
)


@dataclass(frozen=True)
class Key:
    """A tonic (0 is C) and the seven degrees of a scale in semitones above it."""

    tonic: int
    scale: tuple[int, ...]

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Key:
        """One of 48 keys."""
        return cls(int(rng.integers(12)), _SCALES[rng.integers(len(_SCALES))])

    def chord(self, degree: int, seventh: bool) -> list[int]:
        """The triad or seventh chord on ``degree`` (0 to 6), as semitones above C."""
        return [self.tonic + self.scale[(degree + 2 * i) % 7] for i in range(4 if seventh else 3)]

    def steps(self, low: int, high: int) -> list[int]:
        """The scale's pitches from ``low`` to ``high``, both included."""
        return within([self.tonic + s for s in self.scale], low, high)


def within(classes: Sequence[int], low: int, high: int) -> list[int]:
    """All pitches from ``low`` to ``high``, both included, that are octaves of ``classes``."""
    wanted = {c % 12 for c in classes}
    return [p for p in range(low, high + 1) if p % 12 in wanted]


def draw_voicing(rng: np.random.Generator, tones: list[int], voices: int) -> list[int]:
    """Up to ``voices`` neighbours among ``tones``."""
    first = int(rng.integers(0, max(1, len(tones) - voices)))
    return tones[first : first + voices]


def draw_step(rng: np.random.Generator, pitch: int, steps: list[int], reach: int) -> int:
    """The next pitch of a line: at most ``reach`` steps from ``pitch``, now and then anywhere."""
    here = int(np.argmin(np.abs(np.asarray(steps) - pitch)))
    move = int(rng.integers(-reach, reach + 1)) or 1
    if rng.random() < 0.05:
        return steps[int(rng.integers(len(steps)))]
    return steps[int(np.clip(here + move, 0, len(steps) - 1))]
