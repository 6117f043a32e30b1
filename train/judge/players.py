"""Pieces for one instrument, and for two: some choose how timbres are counted, others judge it.

The bands, two that choose and two that judge, share neither soundfonts nor scores; of the judging
ones, one shares General MIDI programs with those that choose.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from train.judge.pieces import Piece
from train.music.rooms import colour, draw_noise, draw_room, reverberate
from train.music.sampled import FONTS, PROGRAMS, Salamander, Soundfont
from train.music.scores import Note, write_ensemble, write_piano
from train.music.stems import perform
from train.music.tones import RATE_HZ, Instrument, ModelledPiano, RandomTimbre, Wave

SECONDS = (8.0, 20.0)
"""Lengths of the pieces, from and to."""
FEWEST_NOTES = 6
"""Of each of two instruments, and of one alone."""
LEAST_SHARE = 0.15
"""Of the notes that the second of two instruments has."""
HELD_OUT = frozenset(
    {1, 6, 11, 13, 16, 21, 25, 28, 33, 41, 44, 46, 49, 53, 57, 59, 64, 66, 69, 71, 74, 79}
)
"""General MIDI programs that only judge."""
COMMON = (0, 24, 25, 40, 42, 52, 53, 54, 73)
"""Piano, guitars, violin, cello, voices, flute: they judge too, from a soundfont that does not
choose."""
KEYBOARDS = frozenset({0, 1, 2, 3, 4, 5, 6, 7, 11, 12, 16, 19, 24, 25, 26, 27, 46, 48})
"""Programs that play pieces for two hands, among others."""
PIANO_SHARE = 0.3
"""Of the pieces for one instrument; others are drawn from all programs."""
FAMILY = 8
"""Programs of a family of General MIDI: pianos, organs, strings, …"""


@dataclass(frozen=True)
class Band:
    """What pieces are played on."""

    fonts: Sequence[Soundfont]
    programs: Sequence[int]
    salamander: Path | None
    """Samples of the recorded piano; None: sampled and modelled ones only."""
    synthetic: bool
    """Whether modelled pianos and random timbres play too."""
    salt: int


@dataclass(frozen=True)
class Part:
    """What one instrument plays."""

    wave: Wave
    notes: list[Note]
    family: int | None
    """Of its General MIDI program; None: it has none."""


def choosing_bands(salamander: Path | None) -> tuple[Band, Band]:
    """The instruments that choose: what one band teaches is tried on the other."""
    programs = sorted(set(PROGRAMS) - HELD_OUT)
    others = programs[1::3]
    fonts = {name: Soundfont(FONTS[name]) for name in ("fluid", "musescore", "csound")}
    first = [fonts["fluid"], fonts["musescore"]]
    return (
        Band(first, sorted(set(programs) - set(others)), salamander, True, 31),
        Band([fonts["csound"]], others, None, False, 33),
    )


def judging_bands() -> dict[str, Band]:
    """The instruments that judge, by what the table calls them."""
    fonts = [Soundfont(FONTS["timgm"])]
    return {
        "new": Band(fonts, sorted(HELD_OUT), None, False, 32),
        "common": Band(fonts, COMMON, None, False, 34),
    }


def render_players(band: Band, count: int, first: int = 0) -> Iterator[Piece]:
    """Pieces ``first`` to ``first + count``: in turns for one instrument and for two."""
    for index in range(first, first + count):
        rng = np.random.default_rng([band.salt, index])
        yield _render(band, rng, 1 + index % 2, f"players-{band.salt}-{index}")


def _render(band: Band, rng: np.random.Generator, players: int, name: str) -> Piece:
    seconds = float(rng.uniform(*SECONDS))
    while True:
        hands = players == 1 or rng.random() < 0.5
        parts = [_play(band, rng, seconds, hands and k == 0, players == 1) for k in range(players)]
        counts = [len(part.notes) for part in parts]
        if min(counts) >= max(FEWEST_NOTES, LEAST_SHARE * sum(counts)):
            break
    loud = [float(np.std(part.wave)) + 1e-9 for part in parts]
    waves = [p.wave / x * 10 ** (rng.normal(0, 2) / 20) for p, x in zip(parts, loud, strict=True)]
    wave = _record(rng, waves)
    rows = sorted((n.start_seconds, n.end_seconds, n.pitch) for part in parts for n in part.notes)
    notes = np.array(rows, np.float64).reshape(-1, 3)
    return Piece(name, name_group([part.family for part in parts]), wave, RATE_HZ, notes, players)


def name_group(families: Sequence[int | None]) -> str:
    """What the table calls pieces of instruments of these families."""
    if len(families) == 1:
        return "one"
    return "two of a family" if None not in families and len(set(families)) == 1 else "two families"


def _play(band: Band, rng: np.random.Generator, seconds: float, hands: bool, alone: bool) -> Part:
    """One part on an instrument drawn from the band; ``hands``: perhaps a piece for two hands."""
    instrument: Instrument | None = None
    draw = rng.random()
    programs = list(band.programs)
    if hands and rng.random() < (PIANO_SHARE if alone else 0.6):
        programs = (
            [p for p in programs if p in KEYBOARDS]
            if draw < 0.5
            else [p for p in programs if p < 4]
        )
        if band.synthetic and draw > 0.7:
            instrument = ModelledPiano(rng)
            if band.salamander is not None and draw > 0.85:
                instrument = Salamander(band.salamander, rng)
    elif band.synthetic and draw < 0.15:
        instrument = RandomTimbre(rng)
    program = int(rng.choice(programs))
    two_handed = isinstance(instrument, ModelledPiano | Salamander) or (
        hands and instrument is None and program in KEYBOARDS and rng.random() < 0.8
    )
    low, high = (instrument.lowest, instrument.highest) if instrument else PROGRAMS[program]
    if two_handed:
        notes = write_piano(rng, seconds, bool(rng.random() < 0.6))
    else:
        notes = write_ensemble(rng, seconds, [(low, high)])[0]
    notes = [n for n in notes if low <= n.pitch <= high]
    if instrument is not None:
        return Part(*perform(instrument, notes, seconds, rng), None)
    font = band.fonts[int(rng.integers(len(band.fonts)))]
    wave = font.play(program, notes, seconds, float(rng.normal(0, 4)))
    return Part(wave, notes, program // FAMILY)


def _record(rng: np.random.Generator, waves: Sequence[Wave]) -> NDArray[np.float32]:
    """The instruments before one microphone: half of the time in a room, with noise."""
    if rng.random() < 0.6:
        wet = 10 ** (rng.uniform(-26, -3) / 10)
        waves = [reverberate(w, draw_room(rng, wet * rng.uniform(0.7, 1.4))) for w in waves]
    wave = np.sum(waves, axis=0).astype(np.float32)
    if rng.random() < 0.5:
        wave = colour(wave, rng)
    noise = draw_noise(rng, len(wave)) * np.std(wave) * 10 ** (rng.uniform(-75, -35) / 20)
    wave = wave + noise
    made: NDArray[np.float32] = (0.5 * wave / (np.abs(wave).max() + 1e-9)).astype(np.float32)
    return made
