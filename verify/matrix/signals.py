"""The inputs: music, and signals that have broken, or may break, the arithmetic.

On every signal the outputs must be finite and equal in every runtime. All but the music are made
from formulas and a fixed seed, so that two machines compare the same samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import numpy.typing as npt

from export.catalog import HOP_SAMPLES, NETWORK_RATE_HZ, RATE_HZ
from export.example import EXAMPLE

Waveform = npt.NDArray[np.float32]

_HOP = HOP_SAMPLES * RATE_HZ // NETWORK_RATE_HZ
"""One frame in input samples: 512."""
_LONG_SECONDS = 19
"""Over 17.8 s a whole file runs in two blocks (export/graph/blocks.py), whose halos meet."""
_BRIEF = 8 * _HOP
_LENGTH = RATE_HZ // 4
"""A quarter of a second, 22 frames: long enough for every kernel to see signal and padding."""


@dataclass(frozen=True, eq=False)
class Signal:
    """One recording."""

    name: str
    samples: Waveform
    """(samples,) at RATE_HZ."""
    why: str
    """The fault that it provokes."""
    music: bool = False
    """Notes are made and compared as well."""
    brief: bool = False
    """At most 8 frames, and telling: what software WebGPU gets, which takes seconds for each."""
    fresh: bool = False
    """Chosen by this run alone: its reference is of no use to another."""

    @property
    def seconds(self) -> float:
        """Duration."""
        return len(self.samples) / RATE_HZ


class SignalError(ValueError):
    """A recording that cannot be used; the message says what to do."""


def standard(clip: Path = EXAMPLE) -> tuple[Signal, ...]:
    """Every signal but ``fresh``: the bundled clip, longer, shorter, and ``edges``."""
    music = load(clip)
    repeated = np.resize(music.samples, _LONG_SECONDS * RATE_HZ)
    long = Signal("music-long", repeated, "two blocks of a whole file, and their halos", music=True)
    # A short excerpt past the attack.
    start = min(len(music.samples) // 2, RATE_HZ)
    excerpt = music.samples[start : start + _LENGTH]
    short = Signal("music-short", excerpt, "a quarter of a second of music", brief=True)
    return (music, long, *_split((short, *_edges())))


def fresh(seed: int) -> Signal:
    """Chords in noise whose length, pitches and loudness follow from the seed.

    A runtime that answers from memory, or fails at a length or loudness that no other signal has,
    cannot know this one. The noise is as loud as the chords: where it is faint, the bins between
    them hold little but rounding, which the network magnifies. In PyTorch itself, float32 was up to
    6.9e-5 off then, and beyond the tolerance for 8 seeds in 100; it is 8.2e-6 at most now.
    """
    random = np.random.default_rng(seed)
    length = int(random.integers(_HOP, RATE_HZ))
    wave = 0.5 * random.uniform(-1, 1, length)
    for frequency_hz in 440 * 2 ** (random.uniform(-30, 30, 5) / 12):
        wave += random.uniform(0.1, 0.4) * np.sin(2 * np.pi * _phase(length, frequency_hz))
    wave *= 10 ** random.uniform(-2, 2)
    why = f"chosen by this run alone; --seed {seed} makes it again"
    return Signal(f"random-{seed}", wave.astype(np.float32), why, fresh=True)


def edges() -> tuple[Signal, ...]:
    """Every signal but the music, each half a second or less."""
    return tuple(_split(_edges()))


def _split(signals: Iterable[Signal]) -> Iterator[Signal]:
    """Each signal; a brief one that is too long for that is followed by its middle, brief."""
    for signal in signals:
        length = len(signal.samples)
        if not signal.brief or length <= _BRIEF:
            yield signal
            continue
        middle = signal.samples[(length - _BRIEF) // 2 :][:_BRIEF]
        yield replace(signal, brief=False)
        yield replace(
            signal, name=f"{signal.name}-brief", samples=middle, why=f"8 frames: {signal.why}"
        )


def _edges() -> Iterator[Signal]:
    silence = np.zeros(_LENGTH, np.float32)
    tone = _tone(_LENGTH)
    noise = np.random.default_rng(0).uniform(-1, 1, _LENGTH).astype(np.float32)
    impulse = silence.copy()
    impulse[_LENGTH // 2] = 1
    square = np.where(_phase(_LENGTH, 220.0) % 1 < 0.5, 1, -1).astype(np.float32)

    yield Signal("silence", silence, "no energy: log 0, a deviation of 0", brief=True)
    yield Signal("leading-silence", np.concatenate([silence, tone]), "log 0 in half the frames")
    yield Signal("dc", np.full(_LENGTH, 0.5, np.float32), "energy at the borders only")
    yield Signal("impulse", impulse, "one sample of energy", brief=True)
    yield Signal("square", square, "full scale, many harmonics")
    yield Signal("noise", noise, "energy in every bin")
    yield Signal("tone", tone, "three partials, near silence elsewhere")
    # Between the partials of a pure tone far above EPSILON there is only rounding, which differs
    # between float32 and float64 (1e-2 in the activations); a little noise gives a defined result.
    mixed = tone + np.float32(0.05) * noise
    for exponent in (-20, -12, -6, 6, 12, 18):
        yield Signal(
            f"amplitude-1e{exponent:+03d}",
            (mixed * np.float64(10) ** exponent).astype(np.float32),
            "energy underflows" if exponent < 0 else "energy overflows float32 at 1e19",
            brief=exponent in (-20, 18),
        )
    for name, value in (("nan", np.nan), ("inf", np.inf), ("minus-inf", -np.inf)):
        broken = tone.copy()
        broken[_LENGTH // 3] = value
        yield Signal(name, broken, "one bad sample spreads over the recording", brief=name == "nan")
    yield Signal("nan-only", np.full(_LENGTH, np.nan, np.float32), "no finite sample")
    left, right = square, noise
    yield Signal("stereo-sum", left + right, "channels summed as noteDigger does: peaks near 2")
    for length in lengths():
        yield Signal(
            f"length-{length}",
            _tone(length),
            "a length at which a frame begins, or an octave's stride leaves a remainder",
            brief=length in (1, _HOP, _HOP + 1),
        )


def lengths() -> tuple[int, ...]:
    """Lengths in input samples around one frame, and around each octave's stride.

    The length rounds up when the rate is halved, and once more for each further octave; the frame
    count is the same for all octaves only if every rounding goes the same way.
    """
    around = {1, 2, _HOP - 1, _HOP, _HOP + 1, _HOP + 2, 2 * _HOP, 2 * _HOP + 1}
    for octave in range(8):
        edge = 8 * _HOP + 2 * 2**octave  # one sample more at this octave's rate than 8 frames
        around |= {edge, edge + 1}
    return tuple(sorted(around))


def load(path: Path) -> Signal:
    """Read a recording at RATE_HZ, its channels summed as noteDigger does; SignalError if not."""
    import soundfile

    try:
        samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        raise SignalError(f"{path} cannot be read as audio: {error}") from None
    if rate_hz != RATE_HZ:
        raise SignalError(
            f"{path} has {rate_hz} Hz, the models take {RATE_HZ}; "
            f"convert it: ffmpeg -i {path.name} -ar {RATE_HZ} {path.stem}.wav"
        )
    if len(samples) == 0:
        raise SignalError(f"{path} holds no samples")
    summed = samples.sum(axis=1, dtype=np.float32)
    return Signal(path.stem, summed, f"{len(summed) / RATE_HZ:.1f} s of {path.name}", music=True)


def select(signals: Iterable[Signal], patterns: Iterable[str]) -> tuple[Signal, ...]:
    """Signals whose name matches one of the shell patterns.

    SignalError if a pattern matches none, or if two signals share a name.
    """
    signals, patterns = tuple(signals), tuple(patterns)
    names = [signal.name for signal in signals]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise SignalError(f"two signals are called {', '.join(twice)}; rename the recording")
    for pattern in patterns:
        if not any(fnmatchcase(signal.name, pattern) for signal in signals):
            raise SignalError(f"no signal is called {pattern}; there are: {', '.join(names)}")
    return tuple(s for s in signals if any(fnmatchcase(s.name, p) for p in patterns))


def _tone(length: int) -> Waveform:
    partials = ((220.0, 0.5), (440.0, 0.25), (660.0, 0.125))
    wave = np.zeros(length)
    for frequency_hz, gain in partials:
        wave += gain * np.sin(2 * np.pi * _phase(length, frequency_hz))
    return wave.astype(np.float32)


def _phase(length: int, frequency_hz: float) -> npt.NDArray[np.float64]:
    """Cycles since the start, half a sample in: no signal begins with an exact zero."""
    return (np.arange(length) + 0.5) * frequency_hz / RATE_HZ
