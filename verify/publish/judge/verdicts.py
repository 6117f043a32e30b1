"""Whether noteDigger's transcription is as good as before, in notes and in timbres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from export.catalog import LOWEST_PITCH
from verify.matrix.notes import Note, same_partition
from verify.matrix.notes import match as match_notes
from verify.publish.judge.heard import WORSE
from verify.publish.judge.recordings import FRAME_SECONDS, Recording, match, note_f1
from verify.runtimes.app_page import AppRun
from verify.runtimes.app_workers import AppNote

WORSE_TIMBRES = 0.05
"""A smaller loss of notes with the right timbre is none."""


@dataclass(frozen=True)
class Found:
    """The notes of a run, and the track of each."""

    notes: tuple[AppNote, ...]
    tracks: tuple[int, ...]
    empty_tracks: int
    complaints: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """A model's verdict."""

    model: str
    notes: tuple[int, int]
    f1: tuple[float, float] | None
    """Against the score, before and after; None without one."""
    f1_to_old: float | None
    """None where neither side has notes."""
    timbres: tuple[float, float] | None
    """Share of notes with the score's instrument, before and after; None without instruments."""
    repeats: tuple[float, float] | None
    """Share of notes with the same timbre for two seeds; None for a model without timbres."""
    faults: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there are no notes, before and after."""
        return self.notes == (0, 0)


def read_run(run: AppRun) -> Found:
    """The app's notes, from its own time grid to frames; its tracks are timbres."""
    rows = sorted(run.notes, key=lambda note: (note["x1"], note["y"]))
    notes = tuple(
        AppNote(
            round(row["x1"] * row["dt"] / 1000 / FRAME_SECONDS),
            round(row["x2"] * row["dt"] / 1000 / FRAME_SECONDS),
            int(row["y"]) + LOWEST_PITCH,
            1.0,
        )
        for row in rows
    )
    tracks = tuple(int(row["ch"]) for row in rows)
    return Found(notes, tracks, run.tracks - len(set(tracks)), run.complaints)


def judge(
    model: str,
    before: Sequence[Found],
    after: Sequence[Found],
    score: Recording | None,
    *,
    least_f1: float | None,
    repeatable: bool,
) -> Row:
    """The verdict on runs of one model, one for each seed.

    ``least_f1`` is required of new notes against old ones, None: nothing. ``repeatable``: a second
    seed may change nothing; else the app's own clustering runs, on both sides.
    """
    old, new = before[0], after[0]
    faults = [text for run in after for text in dict.fromkeys(run.complaints)]
    if any(run.empty_tracks > 0 for run in after):
        faults.append("it leaves an empty track")
    f1 = None
    if score is not None:
        f1 = (note_f1(old.notes, score.score), note_f1(new.notes, score.score))
        if f1[1] < f1[0] - WORSE:
            faults.append(f"fewer of the score's notes, {f1[0]:.3f} → {f1[1]:.3f}")
    f1_to_old = _f1(new, old)
    if f1_to_old is not None and least_f1 is not None and f1_to_old < least_f1:
        faults.append(f"{least_f1:g} or more is required of new notes against old")
    timbres = repeats = None
    if len(before) > 1:
        repeats = (_same_timbres(*before), _same_timbres(*after))
        if repeatable and repeats[1] < 1:
            faults.append(f"a second seed changes {1 - repeats[1]:.1%} of the timbres")
        if score is not None and score.voices > 1:
            sides = (mean(_right_timbres(run, score) for run in runs) for runs in (before, after))
            timbres = (next(sides), next(sides))
            if timbres[1] < timbres[0] - WORSE_TIMBRES:
                faults.append(f"fewer right timbres, {timbres[0]:.1%} → {timbres[1]:.1%}")
        elif (
            not repeatable
            and _same_timbres(new, old) < min(repeats[0], 1 - WORSE_TIMBRES) - WORSE_TIMBRES
        ):
            faults.append(f"other timbres than by chance, {_same_timbres(new, old):.1%} the same")
        if len(set(old.tracks)) > 1 and len(set(new.tracks)) == 1:
            faults.append("every note has the same timbre")
    notes = (len(old.notes), len(new.notes))
    return Row(model, notes, f1, f1_to_old, timbres, repeats, tuple(dict.fromkeys(faults)))


def _pairs(new: Found, old: Found) -> list[tuple[int, int]]:
    sides = [[Note(n.onset, n.offset, n.note) for n in run.notes] for run in (new, old)]
    return match_notes(sides[0], sides[1])


def _f1(new: Found, old: Found) -> float | None:
    total = len(new.notes) + len(old.notes)
    return 2 * len(_pairs(new, old)) / total if total else None


def _same_timbres(new: Found, old: Found) -> float:
    """Share of the notes of both with the same timbre, under the best renaming; 1 without notes."""
    pairs = _pairs(new, old)
    if not pairs:
        return 1.0
    return same_partition([new.tracks[i] for i, _ in pairs], [old.tracks[j] for _, j in pairs])


def _right_timbres(run: Found, score: Recording) -> float:
    """Share of the right notes with the score's instrument, under the best renaming."""
    pairs = match(run.notes, score.score)
    voices = [int(score.score[j, 2]) for _, j in pairs]
    return same_partition([run.tracks[i] for i, _ in pairs], voices)


def print_rows(console: Console, rows: Sequence[Row]) -> None:
    """Print both sides, and what is wrong."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    headings = ("", "notes", "F1, score", "F1, old", "right timbre", "same, two seeds")
    for heading in headings:
        table.add_column(heading)
    for row in rows:
        table.add_row(
            row.model,
            f"{row.notes[0]} → {row.notes[1]}",
            "" if row.f1 is None else f"{row.f1[0]:.3f} → {row.f1[1]:.3f}",
            "" if row.f1_to_old is None else f"{row.f1_to_old:.3f}",
            "" if row.timbres is None else f"{row.timbres[0]:.1%} → {row.timbres[1]:.1%}",
            "" if row.repeats is None else f"{row.repeats[0]:.1%} → {row.repeats[1]:.1%}",
        )
    console.print(table)
    for row in rows:
        for fault in row.faults:
            console.print(f"[red]{row.model}: {escape(fault)}[/]")
