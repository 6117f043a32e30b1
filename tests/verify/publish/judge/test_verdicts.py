"""What makes noteDigger's transcription worse, planted one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from verify.publish.judge.recordings import FRAME_SECONDS, Recording
from verify.publish.judge.verdicts import Found, Row, judge, read_run
from verify.runtimes.app_page import AppRun
from verify.runtimes.app_workers import AppNote

NOTES = tuple(AppNote(20 * i, 20 * i + 10, 60 + i % 3, 1.0) for i in range(12))
TRACKS = tuple(i % 2 for i in range(12))
GOOD = Found(NOTES, TRACKS, 0, ())
TABLE = [(20 * i * FRAME_SECONDS, 60 + i % 3, i % 2) for i in range(12)]
SCORE = Recording("tune", np.zeros(0, np.float32), np.array(TABLE))
NONE = Found((), (), 0, ())


def verdict(
    after: Found,
    *,
    before: Found = GOOD,
    second: Found | None = None,
    score: Recording | None = SCORE,
    least_f1: float | None = None,
    repeatable: bool = True,
) -> Row:
    return judge(
        "septimbre",
        [before, before],
        [after, second or after],
        score,
        least_f1=least_f1,
        repeatable=repeatable,
    )


def test_as_good_is_good() -> None:
    row = verdict(GOOD, least_f1=0.95)
    assert row.faults == ()
    assert row.f1 == (1, 1)
    assert row.f1_to_old == 1
    assert row.timbres == (1, 1)
    assert row.repeats == (1, 1)
    renamed = replace(GOOD, tracks=tuple(7 - track for track in TRACKS))
    assert verdict(renamed).faults == (), "tracks are numbered as they come"
    assert verdict(GOOD, before=replace(GOOD, notes=NOTES[:6], tracks=TRACKS[:6])).faults == ()


@pytest.mark.parametrize(
    ("after", "more", "expected"),
    [
        (replace(GOOD, complaints=("TypeError", "TypeError")), {}, "TypeError"),
        (replace(GOOD, empty_tracks=1), {}, "it leaves an empty track"),
        (replace(GOOD, notes=NOTES[:11], tracks=TRACKS[:11]), {}, "fewer of the score's notes"),
        (NONE, {}, "fewer of the score's notes"),
        (
            replace(GOOD, notes=NOTES[:6], tracks=TRACKS[:6]),
            {"score": None, "least_f1": 0.95},
            "0.95 or more is required",
        ),
        (GOOD, {"second": replace(GOOD, tracks=(0, 0, *TRACKS[2:]))}, "a second seed changes 8"),
        (replace(GOOD, tracks=(0, 0, 0, *TRACKS[3:])), {}, "fewer right timbres, 100.0% → 91.7%"),
        (replace(GOOD, tracks=(0,) * 12), {"score": None}, "every note has the same timbre"),
        (
            replace(GOOD, tracks=(0,) * 6 + (1,) * 6),
            {"score": None, "repeatable": False},
            "other timbres than by chance, 50.0% the same",
        ),
    ],
)
def test_what_is_worse_is_named_once(after: Found, more: dict[str, object], expected: str) -> None:
    row = verdict(after, **more)  # type: ignore[arg-type]  # names of options
    assert sum(text.startswith(expected) for text in row.faults) == 1, row.faults
    assert not row.is_empty


def test_no_notes_on_either_side_are_nothing() -> None:
    row = verdict(NONE, before=NONE, score=None, least_f1=0.95)
    assert row.is_empty
    assert row.faults == ()
    assert row.f1_to_old is None


def test_the_apps_grid_becomes_frames() -> None:
    unit = 1000 * FRAME_SECONDS / 50
    note = {"x1": 10 * unit, "x2": 20 * unit, "y": 36, "ch": 3, "dt": 50}
    run = AppRun((note,), 2, ("said",), 0.0)
    assert read_run(run) == Found((AppNote(10, 20, 60, 1.0),), (3,), 1, ("said",))
