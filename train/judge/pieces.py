"""Pieces for the library's notes: some choose parameters, others judge the result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from train.judge.evaluate import read_midi
from train.music.doubled import write_doubled
from train.music.rooms import degrade
from train.music.sampled import FONTS, PIANOS, Soundfont
from train.music.scores import Clock, Note, write_measured, write_piano
from train.music.stems import PIECE_SECONDS, Stem, Studio
from train.music.tones import RATE_HZ

FIRST_UNTRAINED = 1000
"""Index from which on pieces of the training split were not used to train a network."""
RUBATO = 0.06
"""Standard deviation of a beat from the last."""
EARLY_SECONDS = 0.1
"""How much before its beat a note may begin."""
DOUBLED_PROGRAMS = (0, 1, 0, 6, 46, 0, 24, 48)
"""General MIDI programs of the doubled pieces: pianos, harpsichord, harp, guitar, strings."""


@dataclass(frozen=True)
class Piece:
    """A recording and its notes."""

    name: str
    group: str
    wave: NDArray[np.float32]
    """Mono."""
    rate_hz: int
    notes: NDArray[np.float64]
    """Rows of start, end (seconds), MIDI pitch."""
    timbres: int = 1
    instruments: tuple[str, ...] = ()
    """What they are; empty if unknown."""
    played_by: NDArray[np.float64] | None = None
    """Place in ``instruments`` of each note's; None if unknown."""
    beats: NDArray[np.float64] | None = None
    """Seconds; None if unknown."""
    bars: NDArray[np.float64] | None = None
    """Seconds at which bars begin; None if unknown."""


def read_recordings(folder: Path) -> Iterator[Piece]:
    """Recordings (.flac, .wav) with notes of the same stem beside them (.tsv or .mid).

    Raises FileNotFoundError if there are none: a table without them would look whole.
    """
    paths = sorted([*folder.glob("*.flac"), *folder.glob("*.wav")])
    if not paths:
        raise FileNotFoundError(f"{folder} has no .flac or .wav; give a folder of recordings")
    for path in paths:
        wave, rate = soundfile.read(path, dtype="float32", always_2d=True)
        if path.with_suffix(".tsv").exists():
            notes = np.loadtxt(path.with_suffix(".tsv"), skiprows=1, ndmin=2)
        else:
            notes = read_midi(path.with_suffix(".mid"))
        yield Piece(path.stem, folder.name, wave.mean(1).astype(np.float32), rate, notes)


def render_choosing(studio: Studio, count: int) -> Iterator[Piece]:
    """Pieces of training and validation soundfonts: ``count``, a quarter of them doubled."""
    for index in range(count - count // 4):
        piece = _join(studio.record("train", FIRST_UNTRAINED + index, piano_share=0.7), index)
        yield Piece(f"train-{index}", "choosing", *piece)
    fonts = [Soundfont(FONTS[name]) for name in ("fluid", "musescore", "csound")]
    for index in range(count // 4):
        yield _double(fonts[index % 3], index, "choosing", salt=20)


def render_judging(studio: Studio, count: int) -> Iterator[Piece]:
    """Pieces of the test soundfont: ``count`` clean, the same in a live room, and doubled ones."""
    for index in range(count):
        wave, rate, notes, timbres = _join(studio.record("test", index), index)
        yield Piece(f"test-{index}", "rendered", wave, rate, notes, timbres)
        poor = degrade(wave, np.random.default_rng([7, index]))
        yield Piece(f"test-{index}-poor", "degraded", poor, rate, notes, timbres)
    font = Soundfont(FONTS["timgm"])
    for index in range(max(1, count // 2)):
        yield _double(font, index, "doubled", salt=21)
    yield from render_beats(font, count)
    yield from render_bars(font, 2 * count)


def render_beats(font: Soundfont, count: int) -> Iterator[Piece]:
    """Piano pieces whose beats are known: ``count`` of one tempo, as many with rubato."""
    for group, sway in (("steady", 0.0), ("rubato", RUBATO)):
        for index in range(count):
            rng = np.random.default_rng([22, index, round(100 * sway)])
            clock = Clock(rng, 60 / np.exp(rng.uniform(np.log(60), np.log(160))), sway)
            notes = write_piano(rng, PIECE_SECONDS, bool(rng.random() < 0.5), clock)
            wave = _even(font.play(int(rng.choice(PIANOS)), notes, PIECE_SECONDS))
            rows = _rows(notes)
            played = clock.beats(float(rows[:, 0].max()) + 0.1)
            beats = played[played >= rows[0, 0] - EARLY_SECONDS]
            yield Piece(f"{group}-{index}", group, wave, RATE_HZ, rows, beats=beats)


def render_bars(font: Soundfont, count: int) -> Iterator[Piece]:
    """Piano pieces whose bars are known, of two, three, four and six beats; cut at any beat."""
    for index in range(count):
        rng = np.random.default_rng([23, index])
        clock = Clock(rng, 60 / np.exp(rng.uniform(np.log(60), np.log(160))))
        notes, meter = write_measured(rng, PIECE_SECONDS, bool(rng.random() < 0.5), clock)
        wave = font.play(int(rng.choice(PIANOS)), notes, PIECE_SECONDS)
        played = clock.beats(max(note.start_seconds for note in notes) + 0.1)
        cut_seconds = max(0.0, played[int(rng.integers(meter))] - EARLY_SECONDS)
        wave = _even(wave[round(cut_seconds * RATE_HZ) :])
        rows = _rows([note for note in notes if note.start_seconds >= cut_seconds])
        rows[:, :2] -= cut_seconds
        beats, bars = (
            times[times >= rows[0, 0] - EARLY_SECONDS]
            for times in (played - cut_seconds, played[::meter] - cut_seconds)
        )
        yield Piece(f"bars-{index}", "bars", wave, RATE_HZ, rows, beats=beats, bars=bars)


def _even(wave: NDArray[np.float32]) -> NDArray[np.float32]:
    """The wave at half of what fits."""
    made: NDArray[np.float32] = (0.5 * wave / (np.abs(wave).max() + 1e-9)).astype(np.float32)
    return made


def _rows(notes: Sequence[Note]) -> NDArray[np.float64]:
    return np.array([(n.start_seconds, n.end_seconds, n.pitch) for n in notes], np.float64)


def _join(
    stems: list[Stem], index: int
) -> tuple[NDArray[np.float32], int, NDArray[np.float64], int]:
    wave = _even(np.sum([s.wave for s in stems], axis=0))
    rows = [(n.start_seconds, n.end_seconds, n.pitch) for s in stems for n in s.notes]
    notes = np.array(sorted(rows), np.float64).reshape(-1, 3)
    return wave, RATE_HZ, notes, len(stems)


def _double(font: Soundfont, index: int, group: str, salt: int) -> Piece:
    rng = np.random.default_rng([salt, index])
    notes = write_doubled(rng, PIECE_SECONDS)
    program = DOUBLED_PROGRAMS[index % len(DOUBLED_PROGRAMS)]
    wave = _even(font.play(program, notes, PIECE_SECONDS))
    return Piece(f"{group}-doubled-{index}", group, wave, RATE_HZ, _rows(notes))
