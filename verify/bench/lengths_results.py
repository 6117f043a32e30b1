"""Results by length: dataclass ↔ lengths.json, and plots."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from verify.bench.results import TEMPLATES
from verify.report.render import render

FILE_NAME = "lengths.json"
Way = Literal["whole", "streamed"]


@dataclass(frozen=True)
class Point:
    """One model on one length."""

    runtime: str
    model: str
    way: Way
    audio_seconds: float
    cpu_seconds: float
    peak_bytes: int
    """Beyond the decoded audio and what the page, or natively Python, held before."""


Key = tuple[str, str, Way, float]


def read(folder: Path) -> dict[Key, Point]:
    """Earlier results, so that single points can be measured again."""
    path = folder / FILE_NAME
    if not path.is_file():
        return {}
    points = [Point(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]
    return {(p.runtime, p.model, p.way, p.audio_seconds): p for p in points}


def write(points: dict[Key, Point], folder: Path) -> None:
    """Write the figures and, for each runtime, a plot of memory and one of time."""
    folder.mkdir(parents=True, exist_ok=True)
    ordered = [points[key] for key in sorted(points)]
    texts = {FILE_NAME: json.dumps([asdict(point) for point in ordered], indent=1) + "\n"}
    for runtime in dict.fromkeys(point.runtime for point in ordered):
        shown = [point for point in ordered if point.runtime == runtime]
        for quantity in ("memory", "time"):
            texts[f"lengths-{runtime}-{quantity}.svg"] = draw(shown, quantity)
    for name, text in texts.items():
        beside = folder / f"{name}.part"
        beside.write_text(text, encoding="utf-8")
        beside.replace(folder / name)


def read_plots(folder: Path) -> list[str]:
    """Plots of an earlier run, for the report; empty if there are none."""
    return [path.read_text(encoding="utf-8") for path in sorted(folder.glob("lengths-*.svg"))]


def draw(points: Sequence[Point], quantity: str) -> str:
    """An SVG: minutes of audio to the right, gigabytes or minutes of work upwards."""
    lines: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for point in points:
        value = point.peak_bytes / 1e9 if quantity == "memory" else point.cpu_seconds / 60
        lines.setdefault((point.model, point.way), []).append((point.audio_seconds / 60, value))
    highest = max(value for line in lines.values() for _, value in line)
    longest = max(minutes for line in lines.values() for minutes, _ in line)
    return render(
        "lengths.svg",
        TEMPLATES,
        lines=lines,
        quantity=quantity,
        top=round_up(highest),
        end=round_up(longest),
    )


def round_up(value: float) -> float:
    """The next 1, 2, 4, 6 or 8 times a power of ten, so that a quarter of it reads well."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(n * power for n in (1, 2, 4, 6, 8, 10) if n * power >= value))
