"""What replacing a model's file changes: size, outputs on silence and music, notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from rich.console import Console
from rich.table import Table

from export.example import read_example
from export.manifest import ModelFile
from verify.compare import DisagreementError
from verify.compare import measure as measure_deviations
from verify.matrix.notes import agree, transcribe
from verify.publish.app.checkout import Checkout
from verify.runtimes.runners import NativeRunner, Tensors

MUSIC_SECONDS = 6.0


@dataclass(frozen=True)
class Change:
    """The effect of one replacement."""

    name: str
    bytes: tuple[int, int]
    """Before and after, as in every pair here."""
    nodes: tuple[int, int]
    error: dict[str, float | None]
    """Largest distance between old and new outputs on music; None if one is not finite."""
    notes: tuple[int, int]
    notes_f1: float
    """New notes against old ones."""
    silence: tuple[bool, bool]
    """Whether the outputs on silence are finite."""


def compare(checkout: Checkout, new: Path, entry: ModelFile) -> Change:
    """Measure the effect of replacing the checkout's file by ``new``, on the bundled music."""
    old = checkout.models / new.name
    music = {"audio": read_example(MUSIC_SECONDS)}
    silence = {"audio": np.zeros_like(music["audio"])}
    before, after = (_run_native(path, music) for path in (old, new))
    notes = [transcribe(outputs, entry.thresholds) for outputs in (before, after)]
    return Change(
        new.name,
        (old.stat().st_size, new.stat().st_size),
        (_count_nodes(old), _count_nodes(new)),
        _measure(after, before),
        (len(notes[0].notes), len(notes[1].notes)),
        agree(notes[1], notes[0]).f1,
        (_is_finite(_run_native(old, silence)), _is_finite(_run_native(new, silence))),
    )


def _measure(after: Tensors, before: Tensors) -> dict[str, float | None]:
    try:
        deviations = measure_deviations(after, before)
    except DisagreementError as error:
        deviations = error.deviations
    return {one.output: one.largest_absolute for one in deviations}


def _run_native(path: Path, inputs: Tensors) -> Tensors:
    with NativeRunner("full") as runner:
        runner.load(path)
        return runner.run(inputs)


def _count_nodes(path: Path) -> int:
    return len(onnx.load(path, load_external_data=False).graph.node)


def _is_finite(outputs: Mapping[str, np.ndarray]) -> bool:
    return all(bool(np.isfinite(values).all()) for values in outputs.values())


def print_changes(console: Console, changes: Sequence[Change]) -> None:
    """Print a table of the checkout's files before and after."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("")
    for change in changes:
        table.add_column(change.name, justify="right")
    words = {True: "numbers", False: "NaN"}
    rows = {
        "bytes": [_arrow(*map(_group, change.bytes)) for change in changes],
        "nodes": [_arrow(*map(str, change.nodes)) for change in changes],
        "silence gives": [_arrow(*(words[s] for s in change.silence)) for change in changes],
        "notes on the example": [_arrow(*map(str, change.notes)) for change in changes],
        "note F1, old against new": [f"{change.notes_f1:.3f}" for change in changes],
        "largest difference": [
            ", ".join(
                f"{name} not comparable" if value is None else f"{name} {value:.1e}"
                for name, value in change.error.items()
            )
            for change in changes
        ],
    }
    for heading, cells in rows.items():
        table.add_row(heading, *cells)
    console.print(table)


def _arrow(before: str, after: str) -> str:
    return f"{before} → {after}"


def _group(number: int) -> str:
    return f"{number:,}".replace(",", " ")
