"""Music out of nothing: scores whose notes, pedals and velocities are known exactly.

Two kinds: ``write_piano`` (two hands, textures, rubato, pedal) and ``write_ensemble`` (parts over
one harmony, each within its instrument's range). Neither imitates a composer; what matters is that
everything a transcriber can stumble over occurs: chords, runs, repetitions, long pedalled sounds,
voices that cross, loud beside soft.
"""

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
_PIANO_RANGE: Range = (24, 105)


@dataclass(frozen=True)
class Note:
    """One note as played: times in seconds, MIDI pitch, velocity 1 to 127."""

    start_seconds: float
    end_seconds: float
    """When the damper falls: the key's release, or the pedal's where that is later."""
    pitch: int
    velocity: int


def write_piano(
    rng: np.random.Generator, duration_seconds: float, plain: bool = False
) -> list[Note]:
    """A piece for two hands that fills ``duration_seconds``; notes sorted by start.

    Tempo, key, textures, articulation, dynamics and pedalling are drawn from ``rng`` and change
    every few bars. A ``plain`` piece is as classical piano mostly is: chords struck together in
    the middle of the keyboard, short notes, little pedal.
    """
    tonic, scale = int(rng.integers(12)), _SCALES[rng.integers(len(_SCALES))]
    beat_seconds = 60 / np.exp(rng.uniform(np.log(45), np.log(170)))
    clock = _Clock(rng, beat_seconds)
    beats = int(rng.choice([2, 3, 4, 4, 6]))
    keys: list[tuple[float, float, int, int]] = []
    pedals: list[tuple[float, float]] = []
    degree, bar, loudness = 0, 0, rng.uniform(35, 100)
    while clock.at(bar * beats) < duration_seconds:
        section = _Section(rng, loudness, _PLAIN if plain else _FREE)
        for _ in range(int(rng.integers(2, 7))):
            halves = 2 if rng.random() < 0.3 else 1
            for half in range(halves):
                degree = int(rng.choice([0, 3, 4, 5, 1, 2, (degree + 3) % 7]))
                seventh = rng.random() < 0.25
                chord = _chord(tonic, scale, degree, seventh)
                length = beats / halves
                start = bar * beats + half * length
                for hand in (section.left, section.right):
                    for offset, span, pitch, accent in hand.play(rng, length, chord, tonic, scale):
                        if not _PIANO_RANGE[0] <= pitch <= _PIANO_RANGE[1]:
                            continue
                        on = clock.at(start + offset) + rng.normal(0, section.jitter_seconds)
                        held = clock.at(start + offset + span * section.articulation) + rng.normal(
                            0, 0.02
                        )
                        loud = section.loudness + accent + rng.normal(0, 5)
                        keys.append((on, held, pitch, int(np.clip(loud, 12, 124))))
                if section.pedal:
                    down = clock.at(start) + rng.uniform(-0.05, 0.15)
                    pedals.append((down, clock.at(start + length) + rng.uniform(-0.06, 0.04)))
            section.loudness = float(np.clip(section.loudness + rng.normal(0, 6), 20, 115))
            bar += 1
        loudness = float(np.clip(section.loudness + rng.normal(0, 15), 25, 110))
    return _sustain(keys, pedals, duration_seconds)


def write_ensemble(
    rng: np.random.Generator, duration_seconds: float, ranges: Sequence[Range]
) -> list[list[Note]]:
    """One part for each of ``ranges``, over a common harmony and beat; parts may be polyphonic."""
    tonic, scale = int(rng.integers(12)), _SCALES[rng.integers(len(_SCALES))]
    clock = _Clock(rng, 60 / np.exp(rng.uniform(np.log(50), np.log(160))))
    bars = [
        _chord(tonic, scale, int(rng.integers(7)), rng.random() < 0.3)
        for _ in range(int(duration_seconds / clock.beat_seconds / 4) + 12)
    ]
    return [_write_part(rng, clock, bars, scale, tonic, r, duration_seconds) for r in ranges]


class _Clock:
    """Beats to seconds, with a tempo that breathes."""

    def __init__(self, rng: np.random.Generator, beat_seconds: float) -> None:
        self.beat_seconds = beat_seconds
        steps = rng.normal(0, rng.uniform(0, 0.06), 4096)
        smooth = np.convolve(steps, np.ones(6) / 2.5, "same")
        self._times = np.concatenate([[0.0], np.cumsum(beat_seconds * np.exp(smooth))])

    def at(self, beat: float) -> float:
        return float(np.interp(beat, np.arange(len(self._times)), self._times))


@dataclass(frozen=True)
class _Style:
    """What sections are drawn from."""

    left: tuple[str, ...]
    right: tuple[str, ...]
    left_centre: Range
    right_centre: Range
    articulations: tuple[float, ...]
    pedalled: float
    """Share of sections under the pedal."""
    jitter_seconds: tuple[float, float]
    span: Range
    """Semitones that a hand's chords reach over."""


_FREE = _Style(
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
_PLAIN = _Style(
    left=("block", "block", "block", "octaves", "alberti", "stride", "held", "line", "rest"),
    right=("melody", "thirds", "thirds", "octaves", "block", "block", "run", "arpeggio", "line"),
    left_centre=(46, 58),
    right_centre=(60, 77),
    articulations=(0.25, 0.4, 0.6, 0.8, 0.95),
    pedalled=0.15,
    jitter_seconds=(0.0, 0.006),
    span=(8, 16),
)


class _Section:
    """What stays the same for a few bars: both hands' textures, touch and pedal."""

    def __init__(self, rng: np.random.Generator, loudness: float, style: _Style) -> None:
        self.left = _Hand(rng, style.left, style.left_centre, style.span)
        self.right = _Hand(rng, style.right, style.right_centre, style.span)
        self.loudness = loudness
        self.articulation = float(rng.choice(np.array(style.articulations)))
        self.pedal = rng.random() < style.pedalled
        self.jitter_seconds = rng.uniform(*style.jitter_seconds)


Event = tuple[float, float, int, float]
"""Offset and length in beats, pitch, accent."""


class _Hand:
    """One hand's texture, kept for a section."""

    def __init__(
        self, rng: np.random.Generator, textures: Sequence[str], centres: Range, spans: Range
    ) -> None:
        centre = int(rng.integers(centres[0], centres[1] + 1))
        self.texture = str(rng.choice(np.array(textures)))
        self.centre = centre
        self.pitch = centre
        self.subdivision = int(rng.choice([1, 2, 2, 3, 4, 4, 6]))
        self.span = int(rng.integers(spans[0], spans[1] + 1))
        self.voices = int(rng.integers(2, 6))
        self.accent = float(rng.uniform(-6, 14))

    def play(
        self,
        rng: np.random.Generator,
        length: float,
        chord: list[int],
        tonic: int,
        scale: Sequence[int],
    ) -> list[Event]:
        tones = _within(chord, self.centre - self.span // 2, self.centre + self.span)
        steps = _within([tonic + s for s in scale], self.centre - 14, self.centre + 18)
        if not tones or not steps or self.texture == "rest":
            return []
        if self.texture == "held":
            return [(0.0, length, p, self.accent) for p in _voicing(rng, tones, self.voices)]
        if self.texture == "melody":
            return self._melody(rng, length, steps, ())
        if self.texture == "thirds":
            return self._melody(rng, length, steps, (int(rng.choice([-3, -4, -8, -9])),))
        if self.texture == "octaves":
            return self._melody(rng, length, steps, (-12,))
        out: list[Event] = []
        step = 1 / self.subdivision
        if self.texture in ("block", "stride"):
            step = float(rng.choice([0.5, 1, 1, 2]))
        for i, offset in enumerate(np.arange(0, length - 1e-6, step)):
            if self.texture == "block":
                pitches = _voicing(rng, tones, self.voices)
            elif self.texture == "stride":
                pitches = [tones[0] - 12] if i % 2 == 0 else _voicing(rng, tones, self.voices)
            elif self.texture == "alberti":
                pitches = [tones[(0, -1, 1, -1)[i % 4] % min(3, len(tones))]]
            elif self.texture == "arpeggio":
                there_and_back = tones + tones[-2:0:-1]
                pitches = [there_and_back[i % len(there_and_back)]]
            elif self.texture == "repeat":
                pitches = [tones[(i // 4) % len(tones)]]
            elif self.texture == "trill":
                pitches = [steps[len(steps) // 2 + i % 2]]
            elif self.texture == "random":
                pitches = [int(rng.integers(self.centre - 16, self.centre + 17))]
            else:  # run, line
                self.pitch = _step(rng, self.pitch, steps, 1 if self.texture == "run" else 3)
                pitches = [self.pitch]
            if rng.random() < 0.06:
                continue
            accent = self.accent + (6 if offset % 1 == 0 else 0)
            rolled = rng.uniform(0.01, 0.06) if rng.random() < 0.1 else 0.0
            out += [
                (float(offset) + rolled * n, step, p, accent) for n, p in enumerate(sorted(pitches))
            ]
        return out

    def _melody(
        self, rng: np.random.Generator, length: float, steps: list[int], doubles: Sequence[int]
    ) -> list[Event]:
        out: list[Event] = []
        offset = 0.0
        while offset < length - 1e-6:
            span = min(float(rng.choice([0.25, 0.5, 0.5, 1, 1, 1.5, 2])), length - offset)
            self.pitch = _step(rng, self.pitch, steps, 4)
            if rng.random() < 0.9:
                out.append((offset, span, self.pitch, self.accent + 8))
                out += [(offset, span, self.pitch + d, self.accent) for d in doubles]
            offset += span
        return out


def _write_part(
    rng: np.random.Generator,
    clock: _Clock,
    bars: list[list[int]],
    scale: Sequence[int],
    tonic: int,
    span: Range,
    duration_seconds: float,
) -> list[Note]:
    low, high = span
    centre = int(rng.integers(low + (high - low) // 4, high - (high - low) // 4 + 1))
    near, far = max(low, centre - 12), min(high, centre + 12)
    steps = _within([tonic + s for s in scale], near, far) or [centre]
    chordal = rng.random() < 0.3
    density = rng.choice([0.25, 0.5, 1.0, 2.0])
    articulation, loudness = rng.uniform(0.4, 1.0), rng.uniform(45, 110)
    keys: list[tuple[float, float, int, int]] = []
    pitch, beat = centre, float(rng.choice([0, 0, 0.5, 2, 4]))
    while clock.at(beat) < duration_seconds:
        chord = _within(bars[min(int(beat // 4), len(bars) - 1)], near, far) or steps
        length = float(rng.choice([0.5, 1, 1, 1, 1.5, 2, 3])) * density
        if rng.random() < 0.12:  # a rest
            beat += length * rng.integers(1, 4)
            continue
        if chordal:
            pitches = _voicing(rng, chord, int(rng.integers(2, 5)))
        else:
            pitch = _step(rng, pitch, chord if rng.random() < 0.4 else steps, 4)
            pitches = [pitch]
        on = clock.at(beat) + rng.normal(0, 0.012)
        held = clock.at(beat + length * articulation)
        loud = int(np.clip(loudness + rng.normal(0, 8), 20, 124))
        keys += [(on + rng.normal(0, 0.004), held, p, loud) for p in pitches]
        beat += length
    return _sustain(keys, [], duration_seconds)


def _chord(tonic: int, scale: Sequence[int], degree: int, seventh: bool) -> list[int]:
    return [tonic + scale[(degree + 2 * i) % 7] for i in range(4 if seventh else 3)]


def _within(classes: Sequence[int], low: int, high: int) -> list[int]:
    wanted = {c % 12 for c in classes}
    return [p for p in range(low, high + 1) if p % 12 in wanted]


def _voicing(rng: np.random.Generator, tones: list[int], voices: int) -> list[int]:
    first = int(rng.integers(0, max(1, len(tones) - voices)))
    return tones[first : first + voices]


def _step(rng: np.random.Generator, pitch: int, steps: list[int], reach: int) -> int:
    here = int(np.argmin(np.abs(np.asarray(steps) - pitch)))
    move = int(rng.integers(-reach, reach + 1)) or 1
    if rng.random() < 0.05:
        return steps[int(rng.integers(len(steps)))]
    return steps[int(np.clip(here + move, 0, len(steps) - 1))]


def _sustain(
    keys: list[tuple[float, float, int, int]],
    pedals: list[tuple[float, float]],
    duration_seconds: float,
) -> list[Note]:
    """Keys and pedals to notes: a note ends with its damper, and a repeated key ends the first."""
    notes: list[Note] = []
    following: dict[int, float] = {}
    for on, off, pitch, velocity in sorted(keys, reverse=True):
        on = max(on, 0.0)
        end = max(off, on + 0.04)
        for down, up in pedals:
            if down <= end < up:
                end = up
        end = min(end, following.get(pitch, np.inf) - 0.01, duration_seconds)
        if end - on >= 0.03 and following.get(pitch, np.inf) - on > 0.05:
            notes.append(Note(on, end, pitch, velocity))
            following[pitch] = on
    return notes[::-1]
