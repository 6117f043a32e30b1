"""The figures of ``make lengths``: kept, drawn, and taken from the process that did the work."""

from __future__ import annotations

import argparse
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from verify.bench.lengths import main, plan
from verify.bench.lengths_results import Point, read, read_plots, round_up, write
from verify.readme import write_lengths
from verify.runtimes.runners import RunnerError

POINTS = [
    Point("native", "basicamt", "streamed", 60.0, 2.1, 160_000_000),
    Point("native", "basicamt", "streamed", 3600.0, 126.0, 640_000_000),
    Point("native", "basicamt", "whole", 60.0, 2.0, 350_000_000),
]


def test_points_are_kept_and_drawn(tmp_path: Path) -> None:
    points = {(p.runtime, p.model, p.way, p.audio_seconds): p for p in POINTS}
    write(points, tmp_path)
    assert read(tmp_path) == points
    plots = read_plots(tmp_path)
    assert len(plots) == 2
    for plot in plots:
        lines = ET.fromstring(plot).findall("{http://www.w3.org/2000/svg}polyline")
        assert [len((line.get("points") or "").split()) for line in lines] == [2, 1]


def test_nothing_measured_is_nothing_drawn(tmp_path: Path) -> None:
    assert read(tmp_path) == {}
    assert read_plots(tmp_path) == []


@pytest.mark.parametrize(("value", "top"), [(0.83, 1), (1.0, 1), (1.1, 2), (4.1, 6), (60, 60)])
def test_axes_end_on_round_numbers(value: float, top: float) -> None:
    assert round_up(value) == pytest.approx(top)


def test_the_engine_has_no_whole_files() -> None:
    args = argparse.Namespace(
        runtimes=["chromium-engine"], models=["basicamt"], ways=["whole", "streamed"], limit=4.0
    )
    args.minutes = [1.0]
    assert [way for *_, way in plan(args)] == ["streamed"]


def test_a_runtime_that_tells_no_memory_is_refused() -> None:
    with pytest.raises(RunnerError, match="firefox-wasm"):
        main(["--runtimes", "firefox-wasm"])


def test_whole_files_stop_at_the_limit() -> None:
    args = argparse.Namespace(
        runtimes=["native"],
        models=["basicamt"],
        ways=["whole", "streamed"],
        minutes=[1.0, 60.0],
        limit=3.0,
    )
    assert [(seconds, way) for _, _, seconds, way in plan(args)] == [
        (60, "whole"),
        (60, "streamed"),
        (3600, "streamed"),
    ]


def test_the_table_has_a_row_for_each_length() -> None:
    points = {(p.runtime, p.model, p.way, p.audio_seconds): p for p in POINTS}
    assert list(write_lengths(points))[2:] == [
        "| native, basicamt | 1 | 350 | 160 | 1.05 |",
        "| native, basicamt | 60 | – | 640 | – |",
    ]
