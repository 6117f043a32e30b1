"""Many runs in one page: memory must not grow, results not drift, nothing burn afterwards.

``make soak``; in Chromium on Linux, which say what a page's process takes. The music is made in the
page: what it fetches, Chromium keeps for its tools.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from export.catalog import RATE_HZ
from export.manifest import Manifest
from verify.arguments import at_least_one
from verify.bench.stopwatch import Stopwatch
from verify.runtimes.browser import RUNTIMES

RUNTIME = "chromium-wasm"
SECONDS = 2.0
"""Of audio in a run."""
SETTLED = 0.2
"""Share of the runs after which the page's memory is that of its work."""
MOST_GROWTH = 1.1
MOST_IDLE = 0.05
"""CPU seconds of the page in each second in which it has nothing to do."""
IDLE_SECONDS = 5.0
LIMIT_SECONDS = 3600.0


@dataclass(frozen=True)
class Soak:
    """The state after many runs."""

    runs: int
    different: int
    """Runs that gave other outputs than the first, bit for bit."""
    settled_bytes: int
    last_bytes: int
    idle: float
    """CPU seconds in a second of rest."""

    def list_faults(self) -> list[str]:
        """Faults in words; NaN is a fault too."""
        faults = []
        if self.different:
            faults.append(f"{self.different} runs gave other outputs than the first")
        growth = self.last_bytes / self.settled_bytes
        if not growth <= MOST_GROWTH:
            faults.append(f"memory grew {growth:.2f} times, {MOST_GROWTH:g} is allowed")
        if not self.idle <= MOST_IDLE:
            faults.append(f"at rest it takes {self.idle:.2f} of a core, {MOST_IDLE:g} is allowed")
        return faults


def main(arguments: Sequence[str]) -> int:
    """Run ``python -m verify soak``; 0, or 1 if something grew, drifted or burns."""
    parser = argparse.ArgumentParser(prog="python -m verify soak", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("dist/models"), metavar="DIR")
    parser.add_argument("--model", default="basicamt")
    parser.add_argument("--runs", type=at_least_one, default=500)
    args = parser.parse_args(arguments)
    entry = Manifest.read(args.folder).find(args.model)
    with Stopwatch(RUNTIMES[RUNTIME], limit_seconds=LIMIT_SECONDS) as stopwatch:
        stopwatch.load(args.model, args.folder / entry.path)
        soak = run_often(stopwatch, args.model, round(SECONDS * RATE_HZ), args.runs)
    faults = soak.list_faults()
    Console(highlight=False, soft_wrap=True).print(
        f"{soak.runs} runs of {entry.path} in {RUNTIME}: {soak.settled_bytes / 1e6:.0f} → "
        f"{soak.last_bytes / 1e6:.0f} MB, {soak.idle:.3f} of a core at rest; "
        f"{'; '.join(faults) or 'all well'}"
    )
    return 1 if faults else 0


def run_often(stopwatch: Stopwatch, key: str, samples: int, runs: int) -> Soak:
    """Run a session again and again; RunnerError if a run fails."""
    settling = max(1, round(SETTLED * runs))
    different = stopwatch.repeat(key, samples, settling)
    _, settled = stopwatch.measure()
    different += stopwatch.repeat(key, samples, runs - settling)
    before, memory = stopwatch.measure()
    time.sleep(IDLE_SECONDS)
    idle = (stopwatch.measure()[0] - before) / IDLE_SECONDS
    return Soak(runs, different, settled, memory, idle)
