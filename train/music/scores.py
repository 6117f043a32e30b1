"""Generated scores, whose notes, pedals and velocities are known exactly.

Two kinds: ``write_piano`` (two hands, textures, rubato, pedal) and ``write_ensemble`` (parts over
one harmony, each within its instrument's range). Neither imitates a composer, but everything that
is hard to transcribe occurs: chords, runs, repetitions, long pedalled sounds, voices that cross,
loud beside soft.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from train.music.hands import FREE, PLAIN, Section
from train.music.harmony import Key, Range, draw_step, draw_voicing, within

Keystroke = tuple[float, float, int, int]
"""Seconds at which a key goes down and up, pitch, velocity."""


@dataclass(frozen=True)
class Note:
    """One note as played: times in seconds, MIDI pitch, velocity 1 to 127."""

    start_seconds: float
    end_seconds: float
    """When the damper falls: at the release of the key, or of the pedal if that is later."""
    release_seconds: float
    """When the key comes up; in a score at most end_seconds."""
    pitch: int
    velocity: int


def write_piano(
    rng: np.random.Generator,
    duration_seconds: float,
    plain: bool = False,
    clock: Clock | None = None,
) -> list[Note]:
    """The notes of ``write_measured``."""
    return write_measured(rng, duration_seconds, plain, clock)[0]


def write_measured(
    rng: np.random.Generator,
    duration_seconds: float,
    plain: bool = False,
    clock: Clock | None = None,
) -> tuple[list[Note], int]:
    """A piece for two hands that fills ``duration_seconds``, and its beats a bar.

    Notes are sorted by start; a bar begins with the first beat.

    Tempo and key are drawn from ``rng`` for the piece; textures, articulation, dynamics and
    pedalling change every few bars. A ``plain`` piece is as classical piano mostly is: chords
    struck together in the middle of the keyboard, short notes, little pedal.
    """
    key = Key.draw(rng)
    clock = clock or Clock(rng, 60 / np.exp(rng.uniform(np.log(45), np.log(170))))
    beats = int(rng.choice([2, 3, 4, 4, 6]))
    keys: list[Keystroke] = []
    pedals: list[tuple[float, float]] = []
    degree, start, loudness = 0, 0.0, rng.uniform(35, 100)
    while clock.at(start) < duration_seconds:
        section = Section(rng, loudness, PLAIN if plain else FREE)
        for _ in range(int(rng.integers(2, 7))):
            chords = 2 if rng.random() < 0.3 else 1
            length = beats / chords
            for _ in range(chords):
                degree = int(rng.choice([0, 3, 4, 5, 1, 2, (degree + 3) % 7]))
                chord = key.chord(degree, rng.random() < 0.25)
                for offset, span, pitch, accent in section.play(rng, key, chord, length):
                    end = start + offset + span * section.articulation
                    down = clock.at(start + offset) + rng.normal(0, section.jitter_seconds)
                    up = clock.at(end) + rng.normal(0, 0.02)
                    loud = section.loudness + accent + rng.normal(0, 5)
                    keys.append((down, up, pitch, int(np.clip(loud, 12, 124))))
                if section.pedal:
                    down = clock.at(start) + rng.uniform(-0.05, 0.15)
                    pedals.append((down, clock.at(start + length) + rng.uniform(-0.06, 0.04)))
                start += length
            section.loudness = float(np.clip(section.loudness + rng.normal(0, 6), 20, 115))
        loudness = float(np.clip(section.loudness + rng.normal(0, 15), 25, 110))
    return _sustain(keys, pedals, duration_seconds), beats


def write_ensemble(
    rng: np.random.Generator,
    duration_seconds: float,
    ranges: Sequence[Range],
    clock: Clock | None = None,
) -> list[list[Note]]:
    """One part for each of ``ranges``, over a common harmony and beat; parts may be polyphonic."""
    key = Key.draw(rng)
    clock = clock or Clock(rng, 60 / np.exp(rng.uniform(np.log(50), np.log(160))))
    bars = [
        key.chord(int(rng.integers(7)), rng.random() < 0.3)
        for _ in range(int(duration_seconds / clock.beat_seconds / 4) + 12)
    ]
    return [_write_part(rng, clock, key, bars, r, duration_seconds) for r in ranges]


class Clock:
    """Beats to seconds, with a tempo that breathes.

    ``sway`` is the standard deviation of a beat from the last; drawn if None.
    """

    def __init__(
        self, rng: np.random.Generator, beat_seconds: float, sway: float | None = None
    ) -> None:
        self.beat_seconds = beat_seconds
        steps = rng.normal(0, rng.uniform(0, 0.06) if sway is None else sway, 4096)
        smooth = np.convolve(steps, np.ones(6) / 2.5, "same")
        self._times = np.concatenate([[0.0], np.cumsum(beat_seconds * np.exp(smooth))])

    def beats(self, duration_seconds: float) -> NDArray[np.float64]:
        """Times of the beats in that many seconds."""
        return self._times[self._times < duration_seconds]

    def at(self, beat: float) -> float:
        """Time of a beat, or of a part of one."""
        return float(np.interp(beat, np.arange(len(self._times)), self._times))


def _write_part(
    rng: np.random.Generator,
    clock: Clock,
    key: Key,
    bars: list[list[int]],
    span: Range,
    duration_seconds: float,
) -> list[Note]:
    low, high = span
    centre = int(rng.integers(low + (high - low) // 4, high - (high - low) // 4 + 1))
    near, far = max(low, centre - 12), min(high, centre + 12)
    steps = key.steps(near, far) or [centre]
    chordal = rng.random() < 0.3
    density = rng.choice([0.25, 0.5, 1.0, 2.0])
    articulation, loudness = rng.uniform(0.4, 1.0), rng.uniform(45, 110)
    keys: list[Keystroke] = []
    pitch, beat = centre, float(rng.choice([0, 0, 0.5, 2, 4]))
    while clock.at(beat) < duration_seconds:
        chord = within(bars[min(int(beat // 4), len(bars) - 1)], near, far) or steps
        length = float(rng.choice([0.5, 1, 1, 1, 1.5, 2, 3])) * density
        if rng.random() < 0.12:  # a rest
            beat += length * rng.integers(1, 4)
            continue
        if chordal:
            pitches = draw_voicing(rng, chord, int(rng.integers(2, 5)))
        else:
            pitch = draw_step(rng, pitch, chord if rng.random() < 0.4 else steps, 4)
            pitches = [pitch]
        on = clock.at(beat) + rng.normal(0, 0.012)
        held = clock.at(beat + length * articulation)
        loud = int(np.clip(loudness + rng.normal(0, 8), 20, 124))
        keys += [(on + rng.normal(0, 0.004), held, p, loud) for p in pitches]
        beat += length
    return _sustain(keys, [], duration_seconds)


def _sustain(
    keys: list[Keystroke],
    pedals: list[tuple[float, float]],
    duration_seconds: float,
) -> list[Note]:
    """Keys and pedals to notes: a note ends with its damper, or when its key is struck again."""
    notes: list[Note] = []
    following: dict[int, float] = {}
    for on, off, pitch, velocity in sorted(keys, reverse=True):
        on = max(on, 0.0)
        release = end = max(off, on + 0.04)
        for down, up in pedals:
            if down <= end < up:
                end = up
        end = min(end, following.get(pitch, np.inf) - 0.01, duration_seconds)
        if end - on >= 0.03 and following.get(pitch, np.inf) - on > 0.05:
            notes.append(Note(on, end, min(release, end), pitch, velocity))
            following[pitch] = on
    return notes[::-1]
