"""Many runs in one page: memory must not grow, results not drift, nothing burn afterwards.

``make soak``; in Chromium on Linux, which say what a page's process takes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from export.example import read_example
from export.manifest import Manifest
from verify.bench.lengths import read_memory
from verify.compare import Array
from verify.runtimes.browser import RUNTIMES, BrowserRunner
from verify.runtimes.runners import RunnerError
from verify.runtimes.tab import PlaywrightTab

RUNTIME = "chromium-wasm"
SECONDS = 2.0
"""Of audio in a run."""
SETTLED = 0.2
"""Share of the runs after which the page's memory is that of its work."""
MOST_GROWTH = 1.1
MOST_IDLE = 0.05
"""CPU seconds of the page in each second in which it has nothing to do."""
IDLE_SECONDS = 5.0
LIMIT_SECONDS = 30.0


@dataclass(frozen=True)
class Soak:
    """The state after many runs."""

    runs: int
    equal: bool
    """Whether the last outputs are the first, bit for bit."""
    settled_bytes: int
    last_bytes: int
    idle: float
    """CPU seconds in a second of rest."""

    def list_faults(self) -> list[str]:
        """Faults in words; NaN is a fault too."""
        faults = []
        if not self.equal:
            faults.append(f"run {self.runs} gave other outputs than the first")
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
    parser.add_argument("--runs", type=int, default=500)
    args = parser.parse_args(arguments)
    entry = Manifest.read(args.folder).find(args.model)
    with BrowserRunner(RUNTIMES[RUNTIME]) as runner:
        runner.load(args.folder / entry.path, entry.sha256)
        soak = run_often(runner, read_example(SECONDS), args.runs)
    faults = soak.list_faults()
    Console(highlight=False, soft_wrap=True).print(
        f"{soak.runs} runs of {entry.path} in {RUNTIME}: {soak.settled_bytes / 1e6:.0f} → "
        f"{soak.last_bytes / 1e6:.0f} MB, {soak.idle:.3f} of a core at rest; "
        f"{'; '.join(faults) or 'all well'}"
    )
    return 1 if faults else 0


def run_often(runner: BrowserRunner, audio: Array, runs: int) -> Soak:
    """Run the loaded model again and again; RunnerError if a run fails."""
    first = runner.run({"audio": audio})
    settled = 0
    for count in range(2, runs + 1):
        last = runner.run({"audio": audio})
        if count == max(2, round(SETTLED * runs)):
            settled = _measure(runner)[1]
    equal = all(np.array_equal(first[name], last[name]) for name in first)
    before, memory = _measure(runner)
    time.sleep(IDLE_SECONDS)
    idle = (_measure(runner)[0] - before) / IDLE_SECONDS
    return Soak(runs, equal, settled, memory, idle)


def _measure(runner: BrowserRunner) -> tuple[float, int]:
    """CPU seconds so far, and bytes, of the page's process."""
    tab = runner.tab
    processes = tab.list_processes(LIMIT_SECONDS) if isinstance(tab, PlaywrightTab) else None
    if processes is None:
        raise RunnerError(f"{runner.name}: only Chromium says which process is the page's")
    renderers = [process for process in processes if process["type"] == "renderer"]
    page = max(renderers, key=lambda process: float(process["cpuTime"]))
    return float(page["cpuTime"]), read_memory(str(page["id"]))["VmRSS"]
