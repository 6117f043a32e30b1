"""``make listen``: scores of the library's notes by piece, made by its JavaScript in node.

The network's outputs are kept in a cache, so that a change after the network is judged in seconds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mir_eval
import numpy as np
from numpy.typing import NDArray

from train.judge.decode import FRAME_SECONDS
from train.judge.measure import note_f1
from train.judge.pieces import Piece
from web.node import run_node

BEATS = "beats"
BARS = "bars"
PLAIN_BARS = "bars of four"
"""Where bars of four beats from the first one on begin: to compare with."""
SCRIPT = Path(__file__).with_suffix(".js")


@dataclass(frozen=True)
class Heard:
    """The library's transcription of a piece."""

    notes: NDArray[np.float64]
    """Rows of start, end (seconds), MIDI pitch."""
    answer: Mapping[str, Any]
    """The whole answer of the node side."""


def hear(
    pieces: Sequence[Piece],
    models: Path,
    cache: Path,
    model: str = "basicamt",
    options: Mapping[str, object] | None = None,
    engine: bool = False,
) -> list[Heard]:
    """Each piece, transcribed by the library with ``options``, those of ``transcribe``.

    ``engine``: on the engine, which is quicker, and without the cache.

    Raises NodeError if Node is missing or the library fails.
    """
    folder = cache / "waves"
    folder.mkdir(parents=True, exist_ok=True)
    asked = []
    for piece in pieces:
        path = folder / f"{piece.name}.f32"
        path.write_bytes(piece.wave.tobytes())
        asked.append({"samples": str(path.resolve()), "rateHz": piece.rate_hz})
    request = {
        "models": str(models.resolve()),
        "model": model,
        "cache": str((cache / "answers").resolve()),
        "options": options or {},
        "engine": engine,
        "pieces": asked,
    }
    answers = [
        json.loads(line) for line in run_node(SCRIPT, request=json.dumps(request)).splitlines()
    ]
    if len(answers) != len(pieces):
        raise RuntimeError(f"{len(answers)} answers to {len(pieces)} pieces")
    return [Heard(rows(answer["notes"]), answer) for answer in answers]


def rows(notes: Iterable[Mapping[str, float]]) -> NDArray[np.float64]:
    """The library's notes as rows of start, end (seconds), pitch."""
    table = [(note["start"], note["end"], note["pitch"]) for note in notes]
    return np.array(table, np.float64).reshape(-1, 3)


@dataclass(frozen=True)
class Row:
    """One piece's scores, by column."""

    group: str
    name: str
    notes: int
    """Of the score."""
    scores: Mapping[str, float]


def score(pieces: Sequence[Piece], heard: Mapping[str, Sequence[Heard]]) -> list[Row]:
    """Onset-only F1, and F1 with offsets, of each piece for each name in ``heard``.

    Known beats and bars are scored by mir_eval's F-measure (within 70 ms), for the first name.

    Raises ValueError if there is nothing to score.
    """
    if not pieces or not heard:
        raise ValueError("nothing to score: no piece was heard")
    table = []
    for i, piece in enumerate(pieces):
        scores: dict[str, float] = {}
        for name, answers in heard.items():
            found = answers[i].notes / [FRAME_SECONDS, FRAME_SECONDS, 1]
            scores[name] = note_f1(found, piece.notes)
            scores[f"{name}, offsets"] = note_f1(found, piece.notes, offsets=True)
        answer = next(iter(heard.values()))[i].answer
        if piece.beats is not None:
            scores[BEATS] = beat_f(piece.beats, answer["beats"])
        if piece.bars is not None:
            scores[BARS] = beat_f(piece.bars, answer["bars"])
            scores[PLAIN_BARS] = beat_f(piece.bars, answer["beats"][::4])
        table.append(Row(piece.group, piece.name, len(piece.notes), scores))
    return table


def beat_f(truth: NDArray[np.float64], found: Sequence[float]) -> float:
    """The F-measure of times, in seconds, within 70 ms."""
    return float(mir_eval.beat.f_measure(truth, np.array(found)))


def write_table(table: Sequence[Row]) -> Iterator[str]:
    """The scores in Markdown: each group's mean, then its pieces."""
    columns = list(dict.fromkeys(name for row in table for name in row.scores))
    yield "| piece | notes | " + " | ".join(columns) + " |"
    yield "| --- |" + " ---: |" * (len(columns) + 1)
    for group in dict.fromkeys(row.group for row in table):
        members = [row for row in table if row.group == group]
        means = [
            float(np.mean([row.scores.get(name, np.nan) for row in members])) for name in columns
        ]
        total = sum(row.notes for row in members)
        yield _line(f"**{group}, mean of {len(members)}**", total, means)
        for row in members:
            yield _line(row.name, row.notes, [row.scores.get(name, np.nan) for name in columns])


def fill_readme(path: Path, lines: Iterable[str], name: str = "listen") -> None:
    """Put the table between ``<!-- name -->`` and ``<!-- end -->``; ValueError without them."""
    block = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    text = path.read_text(encoding="utf-8")
    if not block.search(text):
        raise ValueError(f"{path} has no <!-- {name} --> … <!-- end --> to write the table between")
    table = "\n".join(lines)
    text = block.sub(lambda found: f"{found[1]}{table}\n{found[2]}", text)
    path.write_text(text, encoding="utf-8")


def _line(name: str, notes: int, scores: Iterable[float]) -> str:
    cells = ("–" if np.isnan(value) else f"{value:.3f}" for value in scores)
    return f"| {name} | {notes} | " + " | ".join(cells) + " |"
