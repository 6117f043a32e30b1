"""Pieces for one instrument, and for two: some choose how timbres are counted, others judge it.

The band that chooses and those that judge share neither soundfonts, nor recorded instruments, nor
scores; of the judging ones, one shares General MIDI programs with the one that chooses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from train.judge.pieces import Piece
from train.music.rooms import colour, draw_noise, draw_room, reverberate
from train.music.sampled import FONTS, PIANOS, PROGRAMS, RECORDED, Recorded, Salamander, Soundfont
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
HELD_BACK = frozenset(
    {"piano", "guitar-nylon", "harp", "flute", "clarinet", "saxophone", "trumpet", "violin"}
)
"""Recorded instruments that only judge."""
CHORDAL = frozenset({"piano", "guitar-nylon", "guitar-acoustic", "harp", "harmonium", "organ"})
"""Recorded instruments that play pieces for two hands, among others."""
ALL_PIANOS = frozenset({"modelled", "salamander", "piano", *(f"program {p}" for p in PIANOS)})
"""Two of these are not two timbres."""
KEYBOARDS = frozenset({0, 1, 2, 3, 4, 5, 6, 7, 11, 12, 16, 19, 24, 25, 26, 27, 46, 48})
"""Programs that play pieces for two hands, among others."""
PIANO_SHARE = 0.3
"""Of the pieces for one instrument; others are drawn from all programs."""
FAMILY = 8
"""Programs of a family of General MIDI: pianos, organs, strings, …"""


@dataclass(frozen=True)
class Band:
    """What pieces are played on."""

    salt: int
    fonts: Sequence[Soundfont] = ()
    programs: Sequence[int] = ()
    recorded: Sequence[str] = ()
    samples: Path | None = None
    """Of the recorded instruments."""
    recorded_share: float = 0.0
    """Of the parts that are not for two hands."""
    salamander: Path | None = None
    """Samples of the recorded piano; None: it does not play."""
    synthetic_share: float = 0.0
    """Random timbres, of the parts that are not for two hands; if any, modelled pianos play too."""


@dataclass(frozen=True)
class Part:
    """What one instrument plays."""

    wave: Wave
    notes: list[Note]
    instrument: str
    family: int | None
    """Of its General MIDI program; None: it has none."""

    @property
    def kind(self) -> str:
        """The instrument, but all pianos are one."""
        return "piano" if self.instrument in ALL_PIANOS else self.instrument


def choosing_band(salamander: Path, samples: Path) -> Band:
    """The instruments that choose."""
    return Band(
        salt=41,
        fonts=[Soundfont(FONTS[name]) for name in ("fluid", "musescore", "csound")],
        programs=sorted(set(PROGRAMS) - HELD_OUT),
        recorded=sorted(set(RECORDED) - HELD_BACK),
        samples=samples,
        recorded_share=0.25,
        salamander=salamander,
        synthetic_share=0.2,
    )


def judging_bands(samples: Path) -> dict[str, Band]:
    """The instruments that judge, by what the table calls them."""
    fonts = [Soundfont(FONTS["timgm"])]
    recorded = Band(42, recorded=sorted(HELD_BACK), samples=samples, recorded_share=1.0)
    return {
        "new": Band(32, fonts, sorted(HELD_OUT)),
        "common": Band(34, fonts, COMMON),
        "recorded": recorded,
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
        enough = min(counts) >= max(FEWEST_NOTES, LEAST_SHARE * sum(counts))
        if enough and len({part.kind for part in parts}) == players:
            break
    loud = [float(np.std(part.wave)) + 1e-9 for part in parts]
    waves = [p.wave / x * 10 ** (rng.normal(0, 2) / 20) for p, x in zip(parts, loud, strict=True)]
    wave = _record(rng, waves)
    rows = [
        (n.start_seconds, n.end_seconds, n.pitch, k)
        for k, part in enumerate(parts)
        for n in part.notes
    ]
    notes = np.array(sorted(rows), np.float64).reshape(-1, 4)
    group = name_group([part.family for part in parts])
    return Piece(
        *(name, group, wave, RATE_HZ, notes[:, :3], players),
        instruments=tuple(part.instrument for part in parts),
        played_by=notes[:, 3],
    )


def name_group(families: Sequence[int | None]) -> str:
    """What the table calls pieces of instruments of these families."""
    if len(families) == 1:
        return "one"
    if None in families:
        return "two"
    return "two of a family" if len(set(families)) == 1 else "two families"


def _play(band: Band, rng: np.random.Generator, seconds: float, hands: bool, alone: bool) -> Part:
    """One part on an instrument drawn from the band; ``hands``: perhaps a piece for two hands."""
    if hands and rng.random() < (PIANO_SHARE if alone else 0.6):
        name, instrument, program = _draw_keyed(band, rng)
    else:
        name, instrument, program = _draw_any(band, rng)
    keyed = name in ("modelled", "salamander") or (
        hands and (name in CHORDAL or program in KEYBOARDS) and rng.random() < 0.8
    )
    low, high = (instrument.lowest, instrument.highest) if instrument else PROGRAMS[program]
    if keyed:
        notes = write_piano(rng, seconds, bool(rng.random() < 0.6))
    else:
        notes = write_ensemble(rng, seconds, [(low, high)])[0]
    notes = [n for n in notes if low <= n.pitch <= high]
    if instrument is not None:
        return Part(*perform(instrument, notes, seconds, rng), name, None)
    font = band.fonts[int(rng.integers(len(band.fonts)))]
    wave = font.play(program, notes, seconds, float(rng.normal(0, 4)))
    return Part(wave, notes, name, program // FAMILY)


Drawn = tuple[str, Instrument | None, int]
"""An instrument's name, itself, or its General MIDI program if it is None."""


def _draw_keyed(band: Band, rng: np.random.Generator) -> Drawn:
    """A piano, mostly, or another instrument for two hands."""
    chordal = [name for name in band.recorded if name in CHORDAL]
    draw = rng.random()
    if band.salamander is not None and draw < 0.2:
        return "salamander", Salamander(band.salamander, rng), -1
    if band.synthetic_share and draw < 0.35:
        return "modelled", ModelledPiano(rng), -1
    if chordal and (draw < 0.5 or not band.programs):
        return _recorded(band, rng, chordal)
    pianos = [p for p in band.programs if p in PIANOS]
    keyboards = [p for p in band.programs if p in KEYBOARDS]
    return _program(rng, pianos if draw > 0.75 and pianos else keyboards)


def _draw_any(band: Band, rng: np.random.Generator) -> Drawn:
    draw = rng.random()
    if draw < band.synthetic_share:
        return f"random {rng.integers(1 << 30)}", RandomTimbre(rng), -1
    if draw < band.synthetic_share + band.recorded_share:
        return _recorded(band, rng, band.recorded)
    return _program(rng, band.programs)


def _recorded(band: Band, rng: np.random.Generator, names: Sequence[str]) -> Drawn:
    assert band.samples is not None
    name = str(rng.choice(names))
    return name, Recorded(band.samples, name, rng), -1


def _program(rng: np.random.Generator, programs: Sequence[int]) -> Drawn:
    program = int(rng.choice(programs))
    return f"program {program}", None, program


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
