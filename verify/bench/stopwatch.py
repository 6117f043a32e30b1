"""Time in a browser: sessions side by side in one page, wall time and CPU time of each run.

CPU time is that of the page's own process, with all its threads, as Chromium reports it; a busy
machine stretches it far less than wall time. Other browsers do not report it, and there it is the
wall time.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from verify.runtimes.driver.tab import PlaywrightTab
from verify.runtimes.memory import read_memory
from verify.runtimes.runners import RunnerError
from verify.runtimes.session import Limits, Runtime, Session

PAGE = Path(__file__).parent / "page"
LIBRARY = Path(__file__).parents[2] / "web" / "lib"
LIMIT_SECONDS = 600
"""After which one step counts as hung, by default."""
TICK_SECONDS = 0.01
"""Resolution of the clock of CPU time, by which a shorter step may take none."""


class Lap(NamedTuple):
    """The time of a step."""

    wall_seconds: float
    cpu_seconds: float


class Stopwatch(Session):
    """Sessions by name in one page. RunnerError if a step fails, HangError at the limit."""

    page = "bench/page/bench.html"

    def __init__(
        self,
        runtime: Runtime,
        mounts: Mapping[str, Path] | None = None,
        limit_seconds: float = LIMIT_SECONDS,
    ) -> None:
        super().__init__(
            runtime,
            mounts={"bench/page": PAGE, "lib": LIBRARY, **(mounts or {})},
            limits=Limits(run=limit_seconds),
            webgpu="hardware",
        )

    def load(self, key: str, file: Path) -> Lap:
        """Create a session and keep it under a name; the time is that of the creation only."""
        return self._time(f"load {key}", "load", key, self.server.lay(file.read_bytes()))

    def load_engine(self, key: str, weights: Path, *, relaxed: bool, separate: bool) -> Lap:
        """Open the engine beside a model's weights under a name; ``separate``: with embeddings."""
        module = weights.with_name("engine-relaxed.wasm" if relaxed else "engine.wasm")
        paths = [self.server.lay(path.read_bytes()) for path in (module, weights)]
        return self._time(f"load {key}", "loadEngine", key, *paths, separate)

    def run(self, key: str, samples: int) -> Lap:
        """Run a session on music of that length."""
        return self._time(f"run {key} on {samples} samples", "run", key, samples)

    def repeat(self, key: str, samples: int, count: int) -> int:
        """Run a session so often on the same music; how many outputs were not the first's."""
        found = self.call(
            f"run {key} {count} times", self.limits.run, "repeat", key, samples, count
        )
        return int(found)

    def measure(self) -> tuple[float, int]:
        """CPU seconds so far and bytes of the page's process, its garbage collected."""
        if not isinstance(self.tab, PlaywrightTab) or self.runtime.browser != "chromium":
            raise RunnerError(f"{self.name}: only Chromium says what a page's process takes")
        with self._attempt("collect garbage", self.limits.start):
            self.tab.collect_garbage(self.limits.start)
        memory = read_memory(str(self.find_process()))["VmRSS"]
        return self._measure_cpu(gpu=False) or 0.0, memory

    def transcribe(self, model: str, samples: int) -> Lap:
        """Make notes with the library, which streams; ``models`` must be mounted."""
        backend = "engine" if self.runtime.backend.startswith("engine") else self.runtime.backend
        return self._time(f"transcribe {samples} samples", "transcribe", model, samples, backend)

    def open_peer(self, backend: str) -> Lap:
        """Open the other transcriber on a backend; for the mounts see ``peers``."""
        return self._time(f"open the peer on {backend}", "openPeer", backend)

    def run_peer(self, samples: int) -> Lap:
        """Run it on the music of ``run``; its CPU time includes the GPU process (WebGL)."""
        return self._time(f"run the peer on {samples} samples", "runPeer", samples, gpu=True)

    def compose(self, samples: int) -> None:
        """Make the music of this length, which later steps share."""
        self.call("compose", self.limits.run, "compose", samples)

    def find_process(self) -> int:
        """The page's process, only in Chromium; its workers are threads of it."""
        processes = self._list_processes()
        if processes is None:
            raise RunnerError(f"{self.name}: only Chromium says which process is the page's")
        renderers = [process for process in processes if process["type"] == "renderer"]
        return int(max(renderers, key=lambda process: float(process["cpuTime"]))["id"])

    def list_pages(self) -> list[int]:
        """The processes of which one is the page's; before it has worked, nobody knows which."""
        processes = self._list_processes() or []
        return [int(process["id"]) for process in processes if process["type"] == "renderer"]

    def _time(self, what: str, function: str, *arguments: object, gpu: bool = False) -> Lap:
        before = self._measure_cpu(gpu)
        wall = float(self.call(what, self.limits.run, function, *arguments))
        after = self._measure_cpu(gpu)
        if before is None or after is None:
            return Lap(wall, wall)
        return Lap(wall, max(after - before, TICK_SECONDS))

    def _measure_cpu(self, gpu: bool) -> float | None:
        processes = self._list_processes()
        if processes is None:
            return None
        counted = ("renderer", "GPU") if gpu else ("renderer",)
        return float(sum(p["cpuTime"] for p in processes if p["type"] in counted))

    def _list_processes(self) -> list[dict[str, Any]] | None:
        if not isinstance(self.tab, PlaywrightTab):
            return None
        with self._attempt("list the browser's processes", self.limits.start):
            return self.tab.list_processes(self.limits.start)


def take_turns(
    stopwatch: Stopwatch, keys: Sequence[str], samples: int, rounds: int
) -> dict[str, list[Lap]]:
    """Run each session once to warm up, then in turns, A B C A B C."""
    for key in keys:
        stopwatch.run(key, samples)
    laps: dict[str, list[Lap]] = {key: [] for key in keys}
    for _, key in itertools.product(range(rounds), keys):
        laps[key].append(stopwatch.run(key, samples))
    return laps
