"""The first seconds of a recording in a fresh browser: the engine beside onnxruntime-web.

By the library as the page uses it, from the first byte of code to the notes. In turns, each run in
a browser of its own, which has compiled nothing.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path

from export.catalog import RATE_HZ
from verify.bench.stopwatch import Stopwatch
from verify.runtimes.engine import ENGINES
from verify.runtimes.runners import RunnerError
from verify.runtimes.session import Runtime

BACKENDS = (
    ENGINES["chromium-engine"],
    Runtime("chromium-wasm", "chromium"),
)
SECONDS = 10.0
"""Of audio."""
ROUNDS = 5


@dataclass(frozen=True)
class Start:
    """A model's first run on both."""

    model: str
    audio_seconds: float
    cpu_seconds: float
    """The engine's, of all threads of the page's process; median over the rounds."""
    runtime_cpu_seconds: float
    """onnxruntime-web's."""
    ratios: tuple[float, ...]
    """CPU time over onnxruntime-web's in the same round."""

    @property
    def ratio(self) -> float:
        """Median of the ratios."""
        return statistics.median(self.ratios)


def measure(model: str, folder: Path, rounds: int = ROUNDS) -> Start:
    """A model of ``folder``; RunnerError if a browser does not start or a run fails."""
    laps = []
    for _ in range(rounds):
        engine, runtime = (start(backend, model, folder) for backend in BACKENDS)
        laps.append((engine, runtime))
    return Start(
        model,
        SECONDS,
        statistics.median(engine for engine, _ in laps),
        statistics.median(runtime for _, runtime in laps),
        tuple(engine / runtime for engine, runtime in laps),
    )


def start(runtime: Runtime, model: str, folder: Path) -> float:
    """CPU seconds of a first run in a browser of its own."""
    samples = round(SECONDS * RATE_HZ)
    with Stopwatch(runtime, {"models": folder}) as stopwatch:
        stopwatch.compose(samples)
        lap = stopwatch.transcribe(model, samples)
    if lap.cpu_seconds <= 0:
        raise RunnerError(f"{runtime.name}: the first run took no time")
    return lap.cpu_seconds
