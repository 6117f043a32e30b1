"""The table of memory and time by length, from points that are read back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from verify.publish.gate import PublishError
from verify.publish.judge.usage import FILE_NAME, HEADING, Point, read, write, write_table

OLD = Point("septimbre", 3.0, "as it is", 300_000_000, 450_000_000, 1_300_000_000, 10.0, "")
NEW = replace(OLD, side="published", peak_bytes=500_000_000, cpu_seconds=2.5)


def table(*points: Point) -> list[str]:
    rows = list(write_table({(one.model, one.minutes, one.side): one for one in points}))
    assert rows[0] == HEADING
    return rows[2:]


def test_both_sides_stand_in_a_row() -> None:
    assert table(OLD, NEW) == ["| septimbre | 3 | 300 | 450 | 1 300 | 500 | 0.25 |"]


def test_what_failed_or_was_not_run_has_no_figure() -> None:
    assert table(replace(OLD, fault="out of memory"), NEW) == [
        "| septimbre | 3 | 300 | 450 | fails | 500 | – |"
    ]
    assert table(NEW) == ["| septimbre | 3 | 300 | 450 | – | 500 | – |"]


def test_points_are_kept_for_the_next_run(tmp_path: Path) -> None:
    assert read(tmp_path) == {}
    points = {(one.model, one.minutes, one.side): one for one in (OLD, NEW)}
    write(points, tmp_path)
    assert read(tmp_path) == points


def test_figures_of_an_older_version_are_refused_in_a_line(tmp_path: Path) -> None:
    write({("septimbre", 3.0, "as it is"): OLD}, tmp_path)
    path = tmp_path / FILE_NAME
    path.write_text(path.read_text(encoding="utf-8").replace("decoding", "other"), "utf-8")
    with pytest.raises(PublishError, match="remove it, and measure again"):
        read(tmp_path)
