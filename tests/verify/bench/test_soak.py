"""The faults that a soak reports, and a short soak."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from tests import tiny_models
from verify.bench.soak import Soak, run_often
from verify.bench.stopwatch import Stopwatch
from verify.runtimes.browser import RUNTIMES

GOOD = Soak(500, 0, 100_000_000, 105_000_000, 0.01)


@pytest.mark.parametrize(
    ("soak", "fault"),
    [
        (replace(GOOD, different=1), "1 runs gave other outputs"),
        (replace(GOOD, last_bytes=111_000_000), "memory grew 1.11 times"),
        (replace(GOOD, idle=0.5), "at rest it takes 0.50 of a core"),
        (replace(GOOD, idle=math.nan), "at rest it takes nan"),
    ],
)
def test_what_grows_drifts_or_burns_is_a_fault(soak: Soak, fault: str) -> None:
    assert GOOD.list_faults() == []
    (found,) = soak.list_faults()
    assert found.startswith(fault)


@pytest.mark.usefixtures("browsing")
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="reads memory from /proc")
def test_a_short_soak_is_well(tmp_path: Path) -> None:
    file = tiny_models.write(tmp_path / "tiny.onnx")
    with Stopwatch(RUNTIMES["chromium-wasm"]) as stopwatch:
        stopwatch.load("tiny", file)
        soak = run_often(stopwatch, "tiny", 9_000, 10)
        other = tiny_models.write(tmp_path / "other.onnx", seed=1)
        stopwatch.load("tiny", other)  # under the name of what ran before
        assert stopwatch.repeat("tiny", 9_000, 3) == 3
    assert soak.different == 0
    assert soak.settled_bytes > 0
    assert soak.last_bytes > 0
