"""noteDigger's workers, given recordings as the app gives them, in a page beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from verify.runtimes.driver.launch import BrowserMissingError, BrowserName
from verify.runtimes.driver.tab import PlaywrightTab, TabError
from verify.runtimes.loopback import Loopback
from verify.runtimes.runners import HangError, RunnerError

MOUNT = "app"
PAGE = "tiny-amt-workers.html"
START_SECONDS = 90
LIMIT_SECONDS = 600.0
SEED = """\
{
    let state = %d >>> 0;
    const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0);
    Math.random = () => next() / 2 ** 32;
}
"""
"""Put before a worker's first line, so that what it draws is the same each time."""
# The app ends a worker after its first message; one that is told of "#progress" posts more.
_RUN = """async ([worker, audio, timbres]) => {
    const samples = new Float32Array(await (await fetch(audio)).arrayBuffer());
    const own = new Worker(worker);
    const fractions = [];
    const began = performance.now();
    const answer = await new Promise((resolve) => {
        own.onerror = (event) => resolve({ error: event.message || "the worker did not load" });
        own.onmessage = ({ data }) => {
            if (data.type === "progress") fractions.push(data.fraction);
            else if (data.type === "error") resolve({ error: String(data.message) });
            else resolve({ lists: Array.isArray(data[0]) || timbres ? data : [data] });
        };
        if (timbres) own.postMessage(timbres);
        own.postMessage(samples, [samples.buffer]);
    });
    own.terminate();
    return { error: "", lists: [], ...answer, fractions, ms: performance.now() - began };
}"""


@dataclass(frozen=True)
class AppNote:
    """A note as a worker answers it."""

    onset: int
    """Frame of 256 / 22 050 s."""
    offset: int
    """Exclusive."""
    note: int
    """MIDI number."""
    velocity: float


@dataclass(frozen=True)
class Answer:
    """What a worker made of a recording."""

    lists: tuple[tuple[AppNote, ...], ...]
    """One for each timbre; one for all where timbres are not told apart."""
    error: str
    """Empty if it succeeded."""
    fractions: tuple[float, ...]
    """Progress that it reported."""
    wall_seconds: float
    cpu_seconds: float | None
    """Of the page's process with all its threads; None where the browser does not say."""

    @property
    def notes(self) -> list[AppNote]:
        """Of all timbres, by onset and pitch."""
        return sorted((n for one in self.lists for n in one), key=lambda n: (n.onset, n.note))


def serve_app(
    root: Path, workers: Sequence[str], replaced: Mapping[str, bytes], seed: int
) -> Loopback:
    """A server of the app's folder, with files replaced by path, and its workers' chance fixed."""
    # Isolation would make the app's onnxruntime-web ask for a build that the app lacks.
    server = Loopback({MOUNT: root}, isolated=False)
    files = dict(replaced)
    for path in workers:
        own = files[path] if path in files else (root / path).read_bytes()
        files[path] = (SEED % seed).encode() + own
    base = f"{server.root}{MOUNT}/"
    server.blobs |= {base + path: data for path, data in files.items()}
    return server


class AppWorkers:
    """A page in the app's folder ``root``, open while its block lasts.

    ``replaced`` are files by path below the root that take the place of the app's own; workers
    draw from ``seed``. RunnerError if the browser or the page does not start.
    """

    def __init__(
        self,
        root: Path,
        workers: Sequence[str],
        replaced: Mapping[str, bytes] | None = None,
        *,
        browser: BrowserName = "chromium",
        seed: int = 0,
    ) -> None:
        self._browser: BrowserName = browser
        self._server = serve_app(root, workers, replaced or {}, seed)
        self._server.blobs[f"{self._server.root}{MOUNT}/{PAGE}"] = (
            b"<!doctype html><title>workers</title>"
        )

    def __enter__(self) -> Self:
        self._server.__enter__()
        self.tab = PlaywrightTab(self._browser)
        try:
            self.tab.open(f"{self._server.url}{MOUNT}/{PAGE}", START_SECONDS)
        except (TabError, TimeoutError, BrowserMissingError) as error:
            self.__exit__()
            raise RunnerError(f"{self._browser}: could not start: {error}") from None
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.tab.close()
        self._server.__exit__(None, None, None)

    def transcribe(
        self,
        worker: str,
        samples: NDArray[np.float32],
        timbres: int = 0,
        limit_seconds: float = LIMIT_SECONDS,
        *,
        followed: bool = True,
    ) -> Answer:
        """A recording, mono at 44 100 Hz, through the worker at a path below the root.

        ``timbres``: 0 for a worker that does not tell them apart. ``followed``: as a page that
        follows progress. HangError at the limit, RunnerError if the page fails.
        """
        path = self._server.lay(np.ascontiguousarray(samples, np.float32).tobytes())
        before = self._measure()
        try:
            url = worker + ("#progress" if followed else "")
            found: dict[str, Any] = self.tab.evaluate(_RUN, [url, path, timbres], limit_seconds)
        except TimeoutError:
            raise HangError(f"{worker}: no answer within {limit_seconds:g} s") from None
        except TabError as error:
            raise RunnerError(f"{worker}: {error}") from None
        finally:
            del self._server.blobs[path]
        after = self._measure()
        return Answer(
            tuple(tuple(AppNote(**note) for note in one) for one in found["lists"]),
            found["error"],
            tuple(found["fractions"]),
            found["ms"] / 1000,
            None if before is None or after is None else after - before,
        )

    def _measure(self) -> float | None:
        processes = self.tab.list_processes(START_SECONDS)
        if processes is None:
            return None
        return float(sum(one["cpuTime"] for one in processes if one["type"] == "renderer"))
