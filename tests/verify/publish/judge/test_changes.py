"""The changes to a model's file that publishing announces."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

from rich.console import Console

from verify.publish.judge.changes import Change, print_changes


def test_the_table_says_what_changes() -> None:
    shown = Console(record=True, width=100, file=StringIO())
    change = Change("a.onnx", (1000, 20_000), (3, 4), {"onset": 0.5}, (7, 8), 0.25, (False, True))
    print_changes(shown, [change, replace(change, error={"onset": None})])
    rows = dict(line.split("  ", 1) for line in shown.export_text().splitlines()[1:])
    cells = {name.strip(): row.split("  ") for name, row in rows.items()}
    found = {name: [cell.strip() for cell in row if cell.strip()] for name, row in cells.items()}
    assert found == {
        "bytes": ["1 000 → 20 000"] * 2,
        "nodes": ["3 → 4"] * 2,
        "silence gives": ["NaN → numbers"] * 2,
        "notes on the example": ["7 → 8"] * 2,
        "note F1, old against new": ["0.250"] * 2,
        "largest difference": ["onset 5.0e-01", "onset not comparable"],
    }
