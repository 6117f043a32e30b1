"""Two hands at a piano: the textures that each plays, its place on the keyboard, its touch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from train.music.harmony import Key, Range, draw_step, draw_voicing, within

_PIANO_RANGE: Range = (24, 105)

Event = tuple[float, float, int, float]
"""Offset and length in beats, pitch, accent in MIDI velocity."""


@dataclass(frozen=True)
class Style:
    """The distribution that sections are drawn from."""

    left: tuple[str, ...]
    right: tuple[str, ...]
    left_centre: Range
    right_centre: Range
    articulations: tuple[float, ...]
    pedalled: float
    """Share of sections under the pedal."""
    jitter_seconds: tuple[float, float]
    span: Range
    """Semitones above the centre that a hand's chords reach, and half as many below."""


FREE = Style(
    left=("block", "octaves", "alberti", "arpeggio", "stride", "held", "run", "rest", "line"),
    right=(
        "melody",
        "melody",
        "thirds",
        "octaves",
        "block",
        "arpeggio",
        "run",
        "repeat",
        "trill",
        "line",
        "random",
    ),
    left_centre=(33, 55),
    right_centre=(58, 83),
    articulations=(0.35, 0.6, 0.85, 0.95, 1.0, 1.05),
    pedalled=0.55,
    jitter_seconds=(0.002, 0.014),
    span=(8, 25),
)
PLAIN = Style(
    left=("block", "block", "block", "octaves", "alberti", "stride", "held", "line", "rest"),
    right=("melody", "thirds", "thirds", "octaves", "block", "block", "run", "arpeggio", "line"),
    left_centre=(46, 58),
    right_centre=(60, 77),
    articulations=(0.25, 0.4, 0.6, 0.8, 0.95),
    pedalled=0.15,
    jitter_seconds=(0.0, 0.006),
    span=(8, 16),
)


class Section:
    """A few bars with the same textures, touch and pedal in both hands."""

    def __init__(self, rng: np.random.Generator, loudness: float, style: Style) -> None:
        self._hands = (
            _Hand(rng, style.left, style.left_centre, style.span),
            _Hand(rng, style.right, style.right_centre, style.span),
        )
        self.loudness = loudness
        """MIDI velocity, before accents."""
        self.articulation = float(rng.choice(np.array(style.articulations)))
        """Time that a key is held, as a share of its note's length."""
        self.pedal = rng.random() < style.pedalled
        self.jitter_seconds = rng.uniform(*style.jitter_seconds)

    def play(
        self, rng: np.random.Generator, key: Key, chord: list[int], length: float
    ) -> Iterator[Event]:
        """The notes of both hands over ``chord`` for ``length`` beats, the left hand's first."""
        for hand in self._hands:
            for event in hand.play(rng, key, chord, length):
                if _PIANO_RANGE[0] <= event[2] <= _PIANO_RANGE[1]:
                    yield event


class _Hand:
    """One hand's texture, kept for a section."""

    def __init__(
        self, rng: np.random.Generator, textures: Sequence[str], centres: Range, spans: Range
    ) -> None:
        self._centre = int(rng.integers(centres[0], centres[1] + 1))
        self._texture = str(rng.choice(np.array(textures)))
        self._pitch = self._centre
        self._subdivision = int(rng.choice([1, 2, 2, 3, 4, 4, 6]))
        self._span = int(rng.integers(spans[0], spans[1] + 1))
        self._voices = int(rng.integers(2, 6))
        self._accent = float(rng.uniform(-6, 14))

    def play(
        self, rng: np.random.Generator, key: Key, chord: list[int], length: float
    ) -> list[Event]:
        tones = within(chord, self._centre - self._span // 2, self._centre + self._span)
        steps = key.steps(self._centre - 14, self._centre + 18)
        if not tones or not steps or self._texture == "rest":
            return []
        if self._texture == "held":
            chosen = draw_voicing(rng, tones, self._voices)
            return [(0.0, length, pitch, self._accent) for pitch in chosen]
        if self._texture == "melody":
            return self._melody(rng, length, steps, ())
        if self._texture == "thirds":
            return self._melody(rng, length, steps, (int(rng.choice([-3, -4, -8, -9])),))
        if self._texture == "octaves":
            return self._melody(rng, length, steps, (-12,))
        return self._pattern(rng, length, tones, steps)

    def _melody(
        self, rng: np.random.Generator, length: float, steps: list[int], doubles: Sequence[int]
    ) -> list[Event]:
        """A line in a rhythm of its own; ``doubles`` go with it, in semitones from it."""
        out: list[Event] = []
        offset = 0.0
        while offset < length - 1e-6:
            span = min(float(rng.choice([0.25, 0.5, 0.5, 1, 1, 1.5, 2])), length - offset)
            self._pitch = draw_step(rng, self._pitch, steps, 4)
            if rng.random() < 0.9:
                out.append((offset, span, self._pitch, self._accent + 8))
                out += [(offset, span, self._pitch + d, self._accent) for d in doubles]
            offset += span
        return out

    def _pattern(
        self, rng: np.random.Generator, length: float, tones: list[int], steps: list[int]
    ) -> list[Event]:
        """One figure over and over, in equal steps; chords are rolled now and then."""
        out: list[Event] = []
        beats = 1 / self._subdivision
        if self._texture in ("block", "stride"):
            beats = float(rng.choice([0.5, 1, 1, 2]))
        for i, offset in enumerate(np.arange(0, length - 1e-6, beats)):
            pitches = self._figure(rng, i, tones, steps)
            if rng.random() < 0.06:
                continue
            accent = self._accent + (6 if offset % 1 == 0 else 0)
            rolled = rng.uniform(0.01, 0.06) if rng.random() < 0.1 else 0.0
            out += [
                (float(offset) + rolled * n, beats, pitch, accent)
                for n, pitch in enumerate(sorted(pitches))
            ]
        return out

    def _figure(
        self, rng: np.random.Generator, i: int, tones: list[int], steps: list[int]
    ) -> list[int]:
        """Pitches of a figure's step ``i``."""
        if self._texture == "block" or (self._texture == "stride" and i % 2 == 1):
            return draw_voicing(rng, tones, self._voices)
        if self._texture == "stride":
            return [tones[0] - 12]
        if self._texture == "alberti":
            return [tones[(0, -1, 1, -1)[i % 4] % min(3, len(tones))]]
        if self._texture == "arpeggio":
            there_and_back = tones + tones[-2:0:-1]
            return [there_and_back[i % len(there_and_back)]]
        if self._texture == "repeat":
            return [tones[(i // 4) % len(tones)]]
        if self._texture == "trill":
            return [steps[len(steps) // 2 + i % 2]]
        if self._texture == "random":
            return [int(rng.integers(self._centre - 16, self._centre + 17))]
        reach = 1 if self._texture == "run" else 3  # else a line
        self._pitch = draw_step(rng, self._pitch, steps, reach)
        return [self._pitch]
