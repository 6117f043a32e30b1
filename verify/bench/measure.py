"""Files in turns with a baseline, in one page."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from export.catalog import MODELS, RATE_HZ
from verify.bench.stopwatch import Lap, Stopwatch, take_turns
from verify.runtimes.browser import RUNTIMES

ENGINE, RELAXED = "engine", "engine-relaxed"
"""Names of the engine on either module, among those of variants."""


@dataclass(frozen=True)
class Comparison:
    """One file against the baseline of its model, run in turns in one page."""

    runtime: str
    model: str
    name: str
    """The variant, or ``control``: the baseline's own file a second time, which shows the noise."""
    bytes: int
    load_seconds: float
    """CPU time of the session's creation; the page has created one before."""
    cpu_seconds: float
    """Median over the rounds."""
    ratios: tuple[float, ...]
    """CPU time over the baseline's in the same round."""
    audio_seconds: float

    @property
    def ratio(self) -> float:
        """Median of the ratios."""
        return statistics.median(self.ratios)


def compare(
    runtime: str, model: str, baseline: Path, files: Mapping[str, Path], seconds: float, rounds: int
) -> list[Comparison]:
    """A model's files by name against its baseline, on ``seconds`` of audio."""
    contestants = {"baseline": baseline, "control": baseline, **files}
    with Stopwatch(RUNTIMES[runtime]) as stopwatch:
        stopwatch.load("warm-up", baseline)
        loads = {name: load(stopwatch, model, name, file) for name, file in contestants.items()}
        laps = take_turns(stopwatch, list(contestants), round(seconds * RATE_HZ), rounds)
    cpu = {name: [lap.cpu_seconds for lap in those] for name, those in laps.items()}
    return [
        Comparison(
            runtime,
            model,
            name,
            file.stat().st_size,
            loads[name].cpu_seconds,
            statistics.median(cpu[name]),
            # 0 s is less than a tick of the browser's clock.
            tuple(
                a / b if b else math.nan for a, b in zip(cpu[name], cpu["baseline"], strict=True)
            ),
            seconds,
        )
        for name, file in contestants.items()
    ]


def load(stopwatch: Stopwatch, model: str, name: str, file: Path) -> Lap:
    """Open a file under its name: weights for the engine, or a session."""
    if file.suffix != ".engine":
        return stopwatch.load(name, file)
    separate = "embedding" in MODELS[model].outputs
    return stopwatch.load_engine(name, file, relaxed=name == RELAXED, separate=separate)
