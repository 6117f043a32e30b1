"""The table of scores by piece, with the library's own JavaScript on stand-in models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from scipy.signal import resample

from export.catalog import RATE_HZ
from tests.stand_in import TUNE, make_tune, write_models
from train.judge.listen import (
    BARS,
    BEATS,
    PLAIN_BARS,
    Heard,
    fill_readme,
    hear,
    rows,
    score,
    write_table,
)
from train.judge.measure import note_f1
from train.judge.pieces import EARLY_SECONDS, Piece, read_recordings, render_bars
from train.music.doubled import INTERVALS, write_doubled
from train.music.sampled import Soundfont
from train.music.scores import Note
from train.music.tones import RATE_HZ as FONT_RATE_HZ

SCORE = np.array([(start, end, pitch) for start, end, pitch, _ in TUNE], float)
PIECE = Piece("a tune", "made", make_tune(), RATE_HZ, SCORE, beats=SCORE[:, 0])


def test_the_library_is_heard_and_remembered(tmp_path: Path) -> None:
    models = write_models(tmp_path / "models")
    options = {"keepOvertones": True}
    (first,) = hear([PIECE], models, tmp_path, options=options)
    kept = list((tmp_path / "answers").iterdir())
    assert kept
    (again,) = hear([PIECE], models, tmp_path, options=options)
    assert list((tmp_path / "answers").iterdir()) == kept
    np.testing.assert_array_equal(first.notes, again.notes)
    (row,) = score(
        [PIECE], {"F1": [first], "late": [Heard(first.notes + np.array([0.2, 0.2, 0]), {})]}
    )
    assert row.scores["F1"] == row.scores["F1, offsets"] == 1
    assert row.scores["late"] == 0, "the score sees notes that come late"
    assert row.scores[BEATS] == 1
    (off,) = score([replace(PIECE, beats=SCORE[:, 0] + 0.2)], {"F1": [first]})
    assert off.scores[BEATS] == 0, "the score sees beats that come late"
    assert BARS not in off.scores
    found = np.array(first.answer["bars"])
    assert set(found) < set(first.answer["beats"])
    (barred,) = score([replace(PIECE, bars=found)], {"F1": [first]})
    assert barred.scores[BARS] == 1
    (off,) = score([replace(PIECE, bars=SCORE[1::4, 0] + 0.1)], {"F1": [first]})
    assert off.scores[BARS] == off.scores[PLAIN_BARS] == 0, "the score sees bars that come late"
    (none,) = score([replace(PIECE, beats=None)], {"F1": [first]})
    assert list(write_table([row, none]))[-1].endswith(" | – |")
    lines = list(write_table([row]))
    assert lines[-1].startswith("| a tune | 12 | 1.000 | 1.000 | 0.000 |")
    with pytest.raises(RuntimeError, match="no such file"):
        hear([PIECE], tmp_path, tmp_path)


def test_a_sharp_recording_is_heard_in_tune_and_in_time(tmp_path: Path) -> None:
    models = write_models(tmp_path / "models")
    faster = 2 ** (38 / 1200)
    wave = resample(PIECE.wave, round(len(PIECE.wave) / faster)).astype(np.float32)
    sharp = replace(PIECE, wave=wave, notes=SCORE / [faster, faster, 1])
    (heard,) = hear([sharp], models, tmp_path, options={"tuning": 38})
    assert heard.answer["tuningCents"] == 38
    (row,) = score([sharp], {"F1": [heard]})
    assert row.scores["F1"] == 1
    starts = np.sort(heard.notes[:, 0])
    # A frame is 12 ms; at the end 38 cents are 130 ms.
    assert np.ptp(starts - sharp.notes[:, 0]) < 0.025
    assert np.ptp(starts - SCORE[:, 0]) > 0.1, "the check sees times that are not corrected"


def test_offsets_count_where_they_are_asked_for() -> None:
    found = np.array([[0, 43, 60], [86, 129, 64]], float)
    truth = rows([{"start": 0, "end": 0.5, "pitch": 60}, {"start": 1, "end": 1.9, "pitch": 64}])
    assert note_f1(found, truth) == 1
    assert note_f1(found, truth, offsets=True) == 0.5


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="give a folder of recordings"):
        list(read_recordings(tmp_path))
    soundfile.write(tmp_path / "tune.wav", PIECE.wave, PIECE.rate_hz)
    table = "\n".join(["start\tend\tpitch", *(f"{a}\t{b}\t{c:.0f}" for a, b, c in SCORE)])
    (tmp_path / "tune.tsv").write_text(table)
    (piece,) = read_recordings(tmp_path)
    assert (piece.name, piece.group, piece.rate_hz) == ("tune", tmp_path.name, PIECE.rate_hz)
    np.testing.assert_allclose(piece.notes, SCORE)


def test_nothing_is_not_scored_and_a_table_needs_its_place(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing to score"):
        score([], {"F1": []})
    path = tmp_path / "README.md"
    path.write_text("a\n<!-- listen -->\nold\n<!-- end -->\nz\n")
    fill_readme(path, ["new"])
    assert path.read_text() == "a\n<!-- listen -->\nnew\n<!-- end -->\nz\n"
    path.write_text("a\n")
    with pytest.raises(ValueError, match="no <!-- listen -->"):
        fill_readme(path, ["new"])


class Drum:
    """A font that clicks where notes begin."""

    def play(self, _: int, notes: list[Note], duration_seconds: float) -> NDArray[np.float32]:
        wave = np.zeros(int(duration_seconds * FONT_RATE_HZ), np.float32)
        wave[[int(note.start_seconds * FONT_RATE_HZ) for note in notes]] = 1
        return wave


def test_bars_are_cut_with_their_music() -> None:
    meters = set()
    for piece in render_bars(cast("Soundfont", Drum()), 12):
        assert piece.beats is not None
        assert piece.bars is not None
        at = np.searchsorted(piece.beats, piece.bars)
        np.testing.assert_array_equal(piece.beats[at], piece.bars)
        meters.add(int(np.diff(at)[0]))
        assert at[0] < np.diff(at)[0]
        assert (np.diff(at) == np.diff(at)[0]).all()
        clicks = np.flatnonzero(piece.wave) / piece.rate_hz
        late, right = (
            np.abs(clicks[:, None] - piece.notes[:, 0] - shift).min(0).max() for shift in (0.01, 0)
        )
        assert right < 1e-3, "notes are where they sound"
        assert late > 5e-3, "the check sees notes that are cut otherwise"
        assert piece.notes[:, 0].min() >= 0
        assert piece.bars.min() >= piece.notes[0, 0] - EARLY_SECONDS
    assert len(meters) > 2


def count_doublings(notes: list[Note]) -> int:
    """Number of pairs that begin together, at the most frequent interval."""
    apart = [
        b.pitch - a.pitch
        for a in notes
        for b in notes
        if abs(a.start_seconds - b.start_seconds) < 0.04
    ]
    return max(apart.count(interval) for interval in INTERVALS)


def test_doubled_pieces_double_their_line() -> None:
    for seed in range(4):
        notes = write_doubled(np.random.default_rng(seed), 20.0)
        assert count_doublings(notes) > 0.3 * len(notes)
        apart = [replace(note, start_seconds=0.1 * i) for i, note in enumerate(notes)]
        assert count_doublings(apart) == 0, "the check sees notes that begin apart"
