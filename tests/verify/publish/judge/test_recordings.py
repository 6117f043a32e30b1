"""Recordings with their notes, and F1 as mir_eval counts it."""

from __future__ import annotations

from pathlib import Path

import mir_eval
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from export.catalog import RATE_HZ
from export.example import EXAMPLE
from verify.publish.judge.recordings import (
    FRAME_SECONDS,
    RecordingError,
    note_f1,
    read,
    read_all,
)
from verify.runtimes.app_workers import AppNote

Notes = list[tuple[int, int]]
NOTES = st.lists(st.tuples(st.integers(0, 40), st.integers(60, 62)), min_size=1, max_size=20)


@given(found=NOTES, truth=NOTES)
@settings(max_examples=200, deadline=None)
def test_f1_is_mir_evals(found: Notes, truth: Notes) -> None:
    score = np.array([(t * FRAME_SECONDS, pitch, 0) for t, pitch in truth])
    notes = [AppNote(t, t + 6, pitch, 0.5) for t, pitch in found]
    intervals = [
        np.array([[t, t + 0.1] for t in at])
        for at in (score[:, 0], [n.onset * FRAME_SECONDS for n in notes])
    ]
    hz = [mir_eval.util.midi_to_hz(np.array(p)) for p in (score[:, 1], [n.note for n in notes])]
    _, _, f1, _ = mir_eval.transcription.precision_recall_f1_overlap(
        intervals[0], hz[0], intervals[1], hz[1], offset_ratio=None
    )
    assert note_f1(notes, score) == pytest.approx(f1)


def test_the_bundled_recording_has_its_score() -> None:
    (example,) = read_all(None)
    assert example.name == EXAMPLE.stem
    assert len(example.score) > 10
    assert example.voices == 3
    exact = [
        AppNote(round(t / FRAME_SECONDS), 10**6, int(pitch), 1) for t, pitch, _ in example.score
    ]
    assert note_f1(exact, example.score) == 1
    assert note_f1([], example.score) == 0
    late = [AppNote(note.onset + 6, note.offset, note.note, 1) for note in exact]
    assert note_f1(late, example.score) < 0.3


def test_another_rate_and_two_channels(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.full((1600, 2), 0.25), 16_000)
    path.with_suffix(".tsv").write_text("onset\toffset\tpitch\n0.5\t1\t60\n1\t2\t10\n", "utf-8")
    found = read(path)
    assert found.samples.size == RATE_HZ // 10
    assert found.samples[1000] == pytest.approx(0.5, abs=0.01), "the sum, as the app feeds it"
    assert found.score.tolist() == [[0.5, 60, 0]], "what no model can find is no note"
    assert found.voices == 1
    assert [one.name for one in read_all(tmp_path)] == [EXAMPLE.stem, "a"]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("no score", "no recording .* with its notes"),
        ("no audio", "cannot be read"),
        ("no numbers", "cannot be read"),
        ("no notes", "has no notes in the models' range"),
    ],
)
def test_what_cannot_be_used_is_named(fault: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(100), RATE_HZ)
    table = {"no numbers": "a\nb c d\n", "no notes": "a\n0 1 2\n"}.get(fault, "a\n0 1 60\n")
    if fault != "no score":
        path.with_suffix(".tsv").write_text(table, encoding="utf-8")
    if fault == "no audio":
        path.write_text("text", encoding="utf-8")
    with pytest.raises(RecordingError, match=expected):
        read_all(tmp_path)
