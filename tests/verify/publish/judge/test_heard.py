"""The table of what the app hears, before and after."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from verify.publish.judge.heard import Heard, print_heard


def test_every_figure_is_readable_in_eighty_columns() -> None:
    rows = [
        Heard("septimbre_worker.js", name, (1066, 1082), (0.718, 0.891), (2.0, 0.5))
        for name in ("example", "a recording with a name that is far too long for one line")
    ]
    shown = Console(record=True, width=80, file=StringIO())
    print_heard(shown, rows)
    text = shown.export_text()
    for figure in ("1066 → 1082", "0.718 → 0.891", "0.25", "F1 to the score", "mean of 2"):
        assert figure in text
    assert "…" not in text
