"""The memory of a process, now and at its peak."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import Self

from verify.runtimes.runners import RunnerError

WATCH_SECONDS = 0.1
"""Between two readings of a process's memory."""


def read_memory(process: str) -> dict[str, int]:
    """Bytes by name from Linux's /proc; RunnerError without it."""
    try:
        text = Path("/proc", process, "status").read_text(encoding="ascii")
    except OSError as error:
        raise RunnerError(f"memory is read from /proc, as Linux has it: {error}") from None
    lines = (line.split() for line in text.splitlines() if line.endswith(" kB"))
    return {words[0].rstrip(":"): 1024 * int(words[1]) for words in lines}


class Watch:
    """The memory of processes while its block lasts.

    Read again and again: Chromium (156) sets the kernel's own record of the peak back.
    """

    def __init__(self, processes: Iterable[int]) -> None:
        self._readings = {process: [_read(process)] for process in processes}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._read_on)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._thread.join()

    def count(self, process: int) -> int:
        """Bytes at its peak beyond those at the beginning; RunnerError if it was not watched."""
        return self.peak(process) - self._readings[process][0][1]

    def peak(self, process: int, since: float = -inf, until: float = inf) -> int:
        """Bytes, the most between two times (``time.time``); RunnerError if it was not watched."""
        if process not in self._readings:
            raise RunnerError(f"process {process} began after its memory was to be watched")
        inside = [bytes_ for at, bytes_ in self._readings[process] if since <= at <= until]
        if not inside:
            raise RunnerError(f"the memory of process {process} was not read in that time")
        return max(inside)

    def _read_on(self) -> None:
        last = False
        while not last:
            last = self._ended.wait(WATCH_SECONDS)
            for process, readings in self._readings.items():
                # One that has ended holds nothing; what ran in it says why.
                with suppress(RunnerError):
                    readings.append(_read(process))


def _read(process: int) -> tuple[float, int]:
    return time.time(), read_memory(str(process)).get("VmRSS", 0)
