"""The changes that publishing announces, and how the time is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from verify.bench.measure import Comparison
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
    def compare(
        runtime: str, model: str, baseline: Path, files: Mapping[str, Path], *_: object
    ) -> list[Comparison]:
        assert (runtime, baseline, files) == ("chromium-wasm-1.18", Path("a"), {"new": Path("b")})
        ratios = {"baseline": (1.0, 1.0), "control": (1.1, 0.9), "new": (0.2, 0.3)}
        return [
            Comparison(runtime, model, name, 1, 0.1, 1.0, rounds, 6.0)
            for name, rounds in ratios.items()
        ]

    monkeypatch.setattr("verify.bench.measure.compare", compare)
    assert measure_ratio(Path("a"), Path("b"), "basicamt") == 0.25
