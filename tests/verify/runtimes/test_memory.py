"""The memory of a process is read from the kernel, and its peak kept."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

from tests.patience import wait_until
from verify.runtimes.memory import Watch, read_memory
from verify.runtimes.runners import RunnerError


def test_memory_is_that_of_the_process() -> None:
    before = read_memory("self")
    held = np.ones(10_000_000)
    assert read_memory("self")["VmRSS"] - before["VmRSS"] > 0.9 * held.nbytes
    with pytest.raises(RunnerError, match="/proc"):
        read_memory("no-process")


def test_a_peak_that_has_passed_is_seen() -> None:
    size = 80_000_000
    held: list[np.ndarray] = []

    def grow() -> bool:
        """Several times: the kernel may take other pages of this process meanwhile."""
        if len(held) < 20:
            held.append(np.ones(size // 8))
        return watch.count(os.getpid()) > 0.9 * size

    with Watch([os.getpid()]) as watch:
        wait_until(grow)
        held.clear()
    assert watch.count(os.getpid()) > 0.9 * size
    with pytest.raises(RunnerError, match="process 1 began after"):
        watch.count(1)


def test_a_peak_belongs_to_its_time() -> None:
    own = os.getpid()
    with Watch([own]) as watch:
        between = time.time()
        held = np.ones(10_000_000)
    assert watch.peak(own, since=between) - watch.peak(own, until=between) > 0.9 * held.nbytes
    with pytest.raises(RunnerError, match="was not read in that time"):
        watch.peak(own, since=time.time())
