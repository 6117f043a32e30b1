"""Scores and instruments to recordings with exact labels: one stem for each timbre.

A *piece* is a list of stems that sound together (a piano alone, or an ensemble's parts), each in a
room of its own. Piece ``index`` of a split is the same on every machine with the same packages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from train.music.rooms import colour, draw_noise, draw_room, draw_strings, reverberate
from train.music.sampled import FONTS, PIANOS, PROGRAMS, Salamander, Soundfont
from train.music.scores import Note, write_ensemble, write_piano
from train.music.tones import RATE_HZ, Instrument, ModelledPiano, RandomTimbre, Wave

PIECE_SECONDS = 24.0
PIANO_SOURCES = {"salamander": 0.4, "modelled": 0.3, "musescore": 0.15, "fluid": 0.15}
"""Sources of the training pieces' pianos, with their shares."""
PLAIN_SHARE = 0.5
"""Share of the training's piano pieces that are plain: easy scores in a quiet, dry room. The others
are harder than reality in every way at once, and the network is small."""
KEYED_SHARE = 0.8
"""Share of the training's piano pieces whose labels end with the key, as the scores of recordings
mostly do, though strings ring on under the pedal; else with the damper."""
_SALTS = {"train": 1, "validation": 2, "test": 3}
_INAUDIBLE_DB = -42.0
_LAYER = 6  # velocities of one layer share a tone


@dataclass(frozen=True)
class Stem:
    """One timbre's recording and its notes."""

    wave: Wave
    notes: list[Note]
    timbre: str


class Studio:
    """The instruments, which are slow to load: the piano's samples and the soundfonts."""

    def __init__(self, salamander: Path | None) -> None:
        self._salamander = salamander
        self._fonts: dict[str, Soundfont] = {}

    def record(self, split: str, index: int, piano_share: float = 0.5) -> list[Stem]:
        """Piece ``index`` of ``split`` (train, validation, test); raises KeyError for another."""
        rng = np.random.default_rng([_SALTS[split], index])
        plain = False
        if rng.random() < piano_share:
            # drawn separately, so that all other pieces stay the same
            plain_chance, keyed_chance = np.random.default_rng([_SALTS[split], index, 1]).random(2)
            plain = split == "train" and bool(plain_chance < PLAIN_SHARE)
            stem = self._piano(rng, split, plain)
            keyed = split == "train" and keyed_chance < KEYED_SHARE
            stems = [until_release(stem) if keyed else stem]
        else:
            stems = self._ensemble(rng, split)
        if split != "train":
            return stems
        return _mix_down(stems, rng, _QUIET if plain else _LIVE)

    def _font(self, name: str) -> Soundfont:
        if name not in self._fonts:
            self._fonts[name] = Soundfont(FONTS[name])
        return self._fonts[name]

    def _piano(self, rng: np.random.Generator, split: str, plain: bool) -> Stem:
        notes = write_piano(rng, PIECE_SECONDS, plain)
        if split != "train":
            return self._from_font(rng, _held_out(split), int(rng.choice(PIANOS)), notes)
        source = str(rng.choice(list(PIANO_SOURCES), p=list(PIANO_SOURCES.values())))
        if source in FONTS:
            stem = self._from_font(rng, source, int(rng.choice(PIANOS)), notes)
            notes, wave = stem.notes, stem.wave
        else:
            piano: Instrument = ModelledPiano(rng)
            if source == "salamander" and self._salamander is not None:
                piano = Salamander(self._salamander, rng)
            wave, notes = perform(piano, notes, PIECE_SECONDS, rng)
        if rng.random() < (0.3 if plain else 0.6):
            ring = 10 ** (rng.uniform(-34, -14) / 20)
            wave = wave + ring * reverberate(wave, draw_strings(rng))
        return Stem(wave, notes, source)

    def _ensemble(self, rng: np.random.Generator, split: str) -> list[Stem]:
        parts = int(rng.choice([1, 2, 3, 4], p=[0.2, 0.35, 0.3, 0.15]))
        programs = list(PROGRAMS)
        players: list[tuple[str, int, RandomTimbre | None]] = []
        for _ in range(parts):
            if split == "train" and rng.random() < 0.45:
                players.append(("random", 0, RandomTimbre(rng)))
            else:
                font = str(rng.choice(["fluid", "musescore"])) if split == "train" else ""
                players.append((font or _held_out(split), int(rng.choice(programs)), None))
        ranges = [
            (timbre.lowest, timbre.highest) if timbre else PROGRAMS[program]
            for _, program, timbre in players
        ]
        stems = []
        scores = write_ensemble(rng, PIECE_SECONDS, ranges)
        for (font, program, timbre), notes in zip(players, scores, strict=True):
            if timbre is None:
                stems.append(self._from_font(rng, font, program, notes))
            else:
                wave, heard = perform(timbre, notes, PIECE_SECONDS, rng)
                stems.append(Stem(wave, heard, f"random-{rng.integers(1 << 30)}"))
        return stems

    def _from_font(
        self, rng: np.random.Generator, font: str, program: int, notes: list[Note]
    ) -> Stem:
        wave = self._font(font).play(program, notes, PIECE_SECONDS, float(rng.normal(0, 6)))
        return Stem(wave, notes, f"{font}-{program}")


def perform(
    instrument: Instrument,
    notes: Sequence[Note],
    duration_seconds: float,
    rng: np.random.Generator,
) -> tuple[Wave, list[Note]]:
    """Play ``notes``; return the wave and the notes, shortened to their audible part.

    For the label, a sound ends when it has faded to 42 dB below its peak, even under the pedal.
    """
    wave = np.zeros(int(duration_seconds * RATE_HZ), np.float32)
    tones: dict[tuple[int, int], tuple[Wave, float]] = {}
    heard: list[Note] = []
    for note in notes:
        layer = max(1, note.velocity // _LAYER) * _LAYER
        key = (note.pitch, layer)
        if key not in tones:
            tone = instrument.tone(note.pitch, layer)
            tones[key] = (tone, audible_seconds(tone))
        tone, audible = tones[key]
        release = instrument.release_seconds
        start = int(note.start_seconds * RATE_HZ)
        held = int((note.end_seconds - note.start_seconds) * RATE_HZ)
        cut = tone[: min(held + int(6 * release * RATE_HZ), len(wave) - start)].copy()
        if held < len(cut):
            cut[held:] *= np.exp(-np.arange(len(cut) - held) / (release * RATE_HZ))
        wave[start : start + len(cut)] += cut * np.float32(10 ** (rng.normal(0, 0.7) / 20))
        heard.append(replace(note, end_seconds=min(note.end_seconds, note.start_seconds + audible)))
    return wave, heard


def audible_seconds(tone: Wave) -> float:
    """Seconds until a tone is 42 dB below its loudest 20 ms."""
    size = RATE_HZ // 50
    blocks = tone[: len(tone) // size * size].reshape(-1, size)
    power = (blocks**2).mean(1)
    loud = np.flatnonzero(power > power.max() * 10 ** (_INAUDIBLE_DB / 10))
    return float((loud[-1] + 1) * size / RATE_HZ) if len(loud) else 0.0


def until_release(stem: Stem) -> Stem:
    """The same sound, with labels that end when the keys are released."""
    notes = [replace(n, end_seconds=min(n.end_seconds, n.release_seconds)) for n in stem.notes]
    return replace(stem, notes=notes)


def _held_out(split: str) -> str:
    return {"validation": "csound", "test": "timgm"}[split]


@dataclass(frozen=True)
class _Conditions:
    """The recording conditions of a piece."""

    wet_db: tuple[float, float]
    """The room's tail over the direct sound; each stem has up to 3 dB more or less."""
    coloured: float
    """Share of pieces whose microphone has a response of its own."""
    noise_db: tuple[float, float]
    """The background under the music."""


_LIVE = _Conditions(wet_db=(-26, 3), coloured=0.85, noise_db=(-75, -22))
_QUIET = _Conditions(wet_db=(-28, -6), coloured=0.5, noise_db=(-75, -42))


def _mix_down(stems: list[Stem], rng: np.random.Generator, conditions: _Conditions) -> list[Stem]:
    """Put each stem into its own room, then all before one microphone, with noise, at one level."""
    loud = [float(np.std(s.wave)) + 1e-9 for s in stems]
    waves = [s.wave / x * 10 ** (rng.normal(0, 4) / 20) for s, x in zip(stems, loud, strict=True)]
    if rng.random() < 0.85:
        wet = 10 ** (rng.uniform(*conditions.wet_db) / 10)
        waves = [reverberate(w, draw_room(rng, wet * rng.uniform(0.5, 2))) for w in waves]
    ear = int(rng.integers(1 << 30))
    if rng.random() < conditions.coloured:
        waves = [colour(w.astype(np.float32), np.random.default_rng(ear)) for w in waves]
    total = np.sum(waves, axis=0)
    background = np.std(total) * 10 ** (rng.uniform(*conditions.noise_db) / 20)
    noise = draw_noise(rng, len(total)) * background
    level = 10 ** (rng.uniform(-18, 0) / 20) / (np.abs(total).max() + 1e-9)
    out = []
    for i, (stem, wave) in enumerate(zip(stems, waves, strict=True)):
        full = (wave + (noise if i == 0 else 0)) * level
        out.append(replace(stem, wave=full.astype(np.float32)))
    return out
