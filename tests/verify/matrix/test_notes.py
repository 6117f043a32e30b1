"""The notes are those of web/lib, and agreement is measured as mir_eval does."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest

from export.catalog import Thresholds
from verify.compare import Array, DisagreementError
from verify.matrix import notes
from verify.matrix.notes import Note, Transcription, agree, match, same_partition, transcribe

THRESHOLDS = Thresholds(frame=0.3, onset=0.5)


def outputs() -> dict[str, Array]:
    """Three notes: two of one timbre at 60 and 64, one of another at 67."""
    onset, frame = np.zeros((1, 84, 60)), np.zeros((1, 84, 60))
    embedding = np.zeros((1, 12, 84, 60))
    for pitch, start, channel in ((60, 5, 0), (64, 25, 0), (67, 25, 1)):
        row = pitch - 24
        onset[0, row, start] = 1
        frame[0, row, start : start + 15] = 1
        embedding[0, channel, row] = 1
    return {"onset": onset, "frame": frame, "embedding": embedding}


def test_notes_and_timbres_come_from_the_browser_library() -> None:
    made = transcribe(outputs(), THRESHOLDS)
    assert made.notes == (Note(5, 20, 60), Note(25, 40, 64), Note(25, 40, 67))
    assert made.labels[0] == (0, 0, 1)


def test_equal_tensors_agree_wholly() -> None:
    made = transcribe(outputs(), THRESHOLDS)
    agreement = agree(made, made)
    assert (agreement.f1, agreement.label_agreement) == (1.0, 1.0)
    assert (agreement.notes, agreement.notes_reference) == (3, 3)


def test_without_an_embedding_there_are_no_labels() -> None:
    bare = {name: value for name, value in outputs().items() if name != "embedding"}
    made = transcribe(bare, THRESHOLDS)
    assert agree(made, made).label_agreement is None


def test_a_reference_without_notes_is_no_agreement() -> None:
    empty = Transcription((), ())
    with pytest.raises(DisagreementError, match="nothing to compare"):
        agree(empty, empty)


def test_a_candidate_without_notes_scores_nothing() -> None:
    made = transcribe(outputs(), THRESHOLDS)
    agreement = agree(Transcription((), ((), (), ())), made)
    assert (agreement.f1, agreement.label_agreement) == (0.0, 0.0)


def test_a_lost_note_and_a_swapped_timbre_are_counted() -> None:
    reference = Transcription((Note(0, 9, 60), Note(0, 9, 62), Note(0, 9, 64)), ((0, 0, 1),))
    lost = Transcription(reference.notes[:2], ((0, 0),))
    assert agree(lost, reference).f1 == pytest.approx(0.8)
    swapped = Transcription(reference.notes, ((0, 1, 1),))
    assert agree(swapped, reference).label_agreement == pytest.approx(2 / 3)
    renamed = Transcription(reference.notes, ((1, 1, 0),))
    assert agree(renamed, reference).label_agreement == 1
    twice = replace(reference, labels=((0, 0, 1), (0, 0, 1)))
    worse = replace(reference, labels=((0, 0, 1), (0, 1, 1)))
    assert agree(worse, twice).label_agreement == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("candidate", "matched"),
    [
        (Note(11, 20, 60), 1),
        (Note(12, 20, 60), 0),
        (Note(10, 20, 61), 0),
        (Note(10, 99, 60), 1),
    ],
    ids=["one frame late", "two frames late", "another pitch", "another end"],
)
def test_a_note_is_the_same_within_one_frame_and_at_its_pitch(
    candidate: Note, matched: int
) -> None:
    assert len(match([candidate], [Note(10, 20, 60)])) == matched


def test_one_note_matches_only_one() -> None:
    twice = [Note(10, 14, 60), Note(11, 20, 60)]
    assert len(match(twice, [Note(10, 20, 60)])) == 1
    assert len(match([Note(11, 20, 60), Note(13, 20, 60)], [Note(10, 1, 60), Note(12, 1, 60)])) == 2


def test_partitions_agree_whatever_they_are_called() -> None:
    assert same_partition([0, 0, 1, 2], [2, 2, 0, 1]) == 1
    assert same_partition([0, 0, 0, 0], [0, 0, 1, 1]) == 0.5
    assert same_partition([], []) == 0


def test_tensors_that_the_library_refuses_are_an_error() -> None:
    broken = outputs()
    broken["frame"] = broken["frame"][..., :-1]
    with pytest.raises(notes.NoteError, match="made no notes"):
        transcribe(broken, THRESHOLDS)


def test_a_missing_node_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(notes.NoteError, match="node is not installed"):
        transcribe(outputs(), THRESHOLDS)
