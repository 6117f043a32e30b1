"""The app before and after, as it will be heard: its workers on recordings whose notes are known.

Both sides run whole, in Chromium: a worker with its own thresholds and decoder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from verify.publish.app.checkout import FOLDER, WORKERS
from verify.publish.judge.recordings import Recording, note_f1
from verify.runtimes.app_workers import Answer, AppWorkers
from verify.runtimes.runners import RunnerError

WORSE = 0.005
"""A smaller loss of F1 is none."""
TIMBRES = {"basicamt_worker.js": 0, "septimbre_worker.js": 2}


@dataclass(frozen=True)
class Heard:
    """A worker's notes of a recording, before and after."""

    worker: str
    recording: str
    notes: tuple[int, int]
    f1: tuple[float, float]
    """Against the score: onsets within 50 ms, pitches."""
    cpu_seconds: tuple[float, float]

    @property
    def is_worse(self) -> bool:
        """Whether fewer notes are right."""
        return self.f1[1] < self.f1[0] - WORSE


def compare_workers(
    root: Path,
    new: Mapping[str, bytes],
    recordings: Sequence[Recording],
    on_step: Callable[[str], None],
) -> list[Heard]:
    """Each recording through each worker of the app, as it is and with ``new`` files by path.

    RunnerError if a page fails, if a new worker answers with an error, or if one of the app's own
    answers with nothing else: it no longer takes the messages that are known.
    """
    before = _transcribe_all(root, {}, recordings, lambda name: on_step(f"before: {name}"))
    after = _transcribe_all(root, new, recordings, lambda name: on_step(f"after: {name}"))
    heard = []
    for worker in WORKERS:
        errors = [before[worker, one.name].error for one in recordings]
        if all(errors):
            raise RunnerError(
                f"{worker}, as the app has it, answers only with errors ({errors[0]}), so it may "
                "take other messages than ours does; --no-browser publishes without asking it"
            )
        for one in recordings:
            answers = before[worker, one.name], after[worker, one.name]
            if answers[1].error:
                raise RunnerError(f"{worker} on {one.name}, after: {answers[1].error}")
            f1 = [note_f1(answer.notes, one.score) for answer in answers]
            notes = [len(answer.notes) for answer in answers]
            cpu = [answer.cpu_seconds or 0.0 for answer in answers]
            heard.append(
                Heard(worker, one.name, (notes[0], notes[1]), (f1[0], f1[1]), (cpu[0], cpu[1]))
            )
    return heard


def _transcribe_all(
    root: Path,
    replaced: Mapping[str, bytes],
    recordings: Sequence[Recording],
    on_step: Callable[[str], None],
) -> dict[tuple[str, str], Answer]:
    paths = {name: (FOLDER / name).as_posix() for name in WORKERS}
    answers = {}
    with AppWorkers(root, list(paths.values()), replaced) as app:
        for name, path in paths.items():
            for one in recordings:
                on_step(f"{name}, {one.name}")
                answers[name, one.name] = app.transcribe(path, one.samples, TIMBRES[name])
    return answers


def print_heard(console: Console, heard: Sequence[Heard]) -> None:
    """Print a table of every recording, and each worker's mean and time."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("", overflow="fold")
    for heading in ("notes", "F1 to the score", "CPU, new / old"):
        table.add_column(heading, no_wrap=True)
    for worker in dict.fromkeys(one.worker for one in heard):
        rows = [one for one in heard if one.worker == worker]
        for one in rows:
            style = "red" if one.is_worse else None
            ratio = _write_ratio([one])
            table.add_row(f"{worker}, {one.recording}", *_write(one), ratio, style=style)
        if len(rows) > 1:
            means = [sum(one.f1[side] for one in rows) / len(rows) for side in (0, 1)]
            mean = f"{means[0]:.3f} → {means[1]:.3f}"
            table.add_row(f"{worker}, mean of {len(rows)}", "", mean, _write_ratio(rows))
    console.print(table)


def _write(one: Heard) -> tuple[str, str]:
    return f"{one.notes[0]} → {one.notes[1]}", f"{one.f1[0]:.3f} → {one.f1[1]:.3f}"


def _write_ratio(rows: Sequence[Heard]) -> str:
    before, after = (sum(one.cpu_seconds[side] for one in rows) for side in (0, 1))
    return f"{after / before:.2f}" if before else "–"


def describe_worse(heard: Sequence[Heard]) -> str:
    """The recordings that the app would hear worse, with both figures; empty if there are none."""
    return ", ".join(
        f"{one.worker} on {one.recording} {one.f1[0]:.3f} → {one.f1[1]:.3f}"
        for one in heard
        if one.is_worse
    )
