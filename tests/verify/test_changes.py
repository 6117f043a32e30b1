"""What publishing says that it changes, and how the time is measured."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Self

import pytest
from rich.console import Console

from verify.publish.publish import Change, measure_ratio, print_changes


def test_the_table_says_what_changes() -> None:
    shown = Console(record=True, width=100, file=StringIO())
    change = Change(
        "a.onnx", (1000, 20_000), (3, 4), {"onset": 0.5}, (7, 8), 0.25, (False, True), None
    )
    print_changes(shown, [change, replace(change, time_ratio=0.5)])
    rows = dict(line.split("  ", 1) for line in shown.export_text().splitlines()[1:])
    cells = {name.strip(): row.split("  ") for name, row in rows.items()}
    found = {name: [cell.strip() for cell in row if cell.strip()] for name, row in cells.items()}
    assert found == {
        "bytes": ["1 000 → 20 000"] * 2,
        "nodes": ["3 → 4"] * 2,
        "silence gives": ["NaN → numbers"] * 2,
        "notes on the example": ["7 → 8"] * 2,
        "note F1, old against new": ["0.250"] * 2,
        "largest difference": ["onset 5.0e-01"] * 2,
        "time, new / old": ["not measured", "0.50"],
    }


def test_the_time_ratio_is_new_over_old(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    class Slow:
        def __init__(self, runtime: object) -> None:
            self.cost = 0.0

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *exception: object) -> None:
            pass

        def load(self, file: Path) -> None:
            self.cost = {"old": 4.0, "new": 1.0}[file.name]

        def run(self, inputs: object) -> None:
            nonlocal now
            now += self.cost

    monkeypatch.setattr("verify.publish.publish.BrowserRunner", Slow)
    monkeypatch.setattr("verify.publish.publish.time.perf_counter", lambda: now)
    assert measure_ratio(Path("old"), Path("new"), {}) == 0.25
