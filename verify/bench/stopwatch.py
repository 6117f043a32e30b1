"""Time in a browser: sessions side by side in one page, wall time and CPU time of each run.

CPU time is that of the page's own process, all its threads, as Chromium tells it; a machine that
is busy with other things stretches it far less than wall time. Other browsers do not tell, and
there it is the wall time.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

from playwright.async_api import BrowserType, CDPSession, Error, async_playwright

from verify.runtimes import launch
from verify.runtimes.browser import NODE_MODULES, Runtime
from verify.runtimes.loopback import Loopback
from verify.runtimes.runners import RunnerError, first_line

PAGE = Path(__file__).parent / "page"

T = TypeVar("T")
LIMIT_SECONDS = 600
"""After which one step counts as hung, where nobody says otherwise."""


class Lap(NamedTuple):
    """What a step took."""

    wall_seconds: float
    cpu_seconds: float


class Stopwatch:
    """One page with one onnxruntime-web, for as long as its block lasts.

    Raises RunnerError where the browser or onnxruntime-web does not start, and where a step fails.
    """

    def __init__(
        self,
        runtime: Runtime,
        mounts: Mapping[str, Path] | None = None,
        limit_seconds: float = LIMIT_SECONDS,
    ) -> None:
        self.runtime = runtime
        self._limit_seconds = limit_seconds
        self._mounts = mounts or {}
        """Folders that the page gets beside its own and onnxruntime-web's, by their first part."""
        self._dist = NODE_MODULES / runtime.package / "dist"
        self._devtools: CDPSession | None = None

    def __enter__(self) -> Self:
        if not (self._dist / self.runtime.script).is_file():
            raise RunnerError(
                f"{self.runtime.name}: {self.runtime.package} is not installed; "
                "run `npm --prefix web ci` first"
            )
        self._loop = asyncio.new_event_loop()
        self._stack = AsyncExitStack()
        self._server = Loopback({"page": PAGE, "ort": self._dist, **self._mounts})
        self._server.__enter__()
        try:
            self._wait("start the browser", self._open())
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._loop.run_until_complete(self._stack.aclose())
        self._server.__exit__(*exception)
        self._loop.close()

    def load(self, key: str, file: Path | bytes) -> Lap:
        """Create a session and keep it under a name; the time is the session's alone."""
        path = self._server.put(file if isinstance(file, bytes) else file.read_bytes())
        return self._lap(f"load {key}", "load", key, path, self.runtime.backend)

    def run(self, key: str, *shape: int) -> Lap:
        """Run a session on music of that shape, e.g. 1, 1, samples."""
        return self._lap(f"run {key} on {list(shape)}", "run", key, list(shape))

    def transcribe(self, model: str, samples: int) -> Lap:
        """Make notes with the library, which streams; ``lib`` and ``models`` must be mounted."""
        return self._lap(f"transcribe {samples} samples", "transcribe", model, samples)

    def open_peer(self, backend: str) -> Lap:
        """Open the other transcriber on a backend; ``verify.peers`` says what must be mounted."""
        return self._lap(f"open the peer on {backend}", "openPeer", backend)

    def run_peer(self, samples: int) -> Lap:
        """Run it on the music that ``run`` takes; its CPU time includes what draws (WebGL)."""
        return self._lap(f"run the peer on {samples} samples", "runPeer", samples, gpu=True)

    def process(self) -> int:
        """The page's process, Chromium's alone; its workers are threads of it."""
        if self._devtools is None:
            raise RunnerError(f"{self.runtime.name}: only Chromium tells a page's process")
        told = self._wait("find the process", self._devtools.send("SystemInfo.getProcessInfo"))
        renderers = [p for p in told["processInfo"] if p["type"] == "renderer"]
        return int(max(renderers, key=lambda process: float(process["cpuTime"]))["id"])

    def compose(self, samples: int) -> None:
        """Make the music of this length, which later steps share."""
        self._wait("compose", self._page.evaluate("n => stopwatch.compose(n)", samples))

    def heap_bytes(self) -> int:
        """The largest heap of WebAssembly so far, which is also its peak."""
        return int(self._wait("read the heap", self._page.evaluate("stopwatch.heap()")))

    def _lap(self, what: str, function: str, *arguments: object, gpu: bool = False) -> Lap:
        before = self._cpu(gpu)
        call = self._page.evaluate(f"parts => stopwatch.{function}(...parts)", list(arguments))
        wall = float(self._wait(what, call))
        after = self._cpu(gpu)
        return Lap(wall, wall if before is None or after is None else after - before)

    def _cpu(self, gpu: bool) -> float | None:
        if self._devtools is None:
            return None
        told = self._wait("read the times", self._devtools.send("SystemInfo.getProcessInfo"))
        counted = ("renderer", "GPU") if gpu else ("renderer",)
        times = [p["cpuTime"] for p in told["processInfo"] if p["type"] in counted]
        return float(sum(times))

    async def _open(self) -> None:
        playwright = await self._stack.enter_async_context(async_playwright())
        browser_type: BrowserType = getattr(playwright, self.runtime.browser)
        try:
            installed = launch.find(self.runtime.browser, browser_type.executable_path)
        except launch.BrowserMissingError as error:
            raise RunnerError(str(error)) from None
        hardware = self.runtime.backend == "webgpu"
        browser = await launch.launch(
            browser_type, installed, webgpu="hardware" if hardware else None
        )
        self._stack.push_async_callback(browser.close)
        self._page = await browser.new_page()
        if self.runtime.browser == "chromium":
            self._devtools = await browser.new_browser_cdp_session()
        await self._page.goto(f"{self._server.origin}/page/bench.html")
        await self._page.wait_for_function("globalThis.stopwatch !== undefined")
        options = {
            "script": f"/ort/{self.runtime.script}",
            "wasmPaths": "/ort/",
            "threads": self.runtime.threads,
        }
        await self._page.evaluate("options => stopwatch.start(options)", options)

    def _wait(self, what: str, work: Coroutine[Any, Any, T]) -> T:
        try:
            return self._loop.run_until_complete(asyncio.wait_for(work, self._limit_seconds))
        except TimeoutError:
            problem = f"hung: could not {what} within {self._limit_seconds:g} s"
        except Error as error:
            problem = f"could not {what}: {first_line(error)}"
        raise RunnerError(f"{self.runtime.name}: {problem}")


def take_turns(
    stopwatch: Stopwatch, keys: list[str], shape: tuple[int, ...], rounds: int
) -> dict[str, list[Lap]]:
    """Run each session once to warm up, then in turns, A B C A B C."""
    for key in keys:
        stopwatch.run(key, *shape)
    laps: dict[str, list[Lap]] = {key: [] for key in keys}
    for _, key in itertools.product(range(rounds), keys):
        laps[key].append(stopwatch.run(key, *shape))
    return laps
