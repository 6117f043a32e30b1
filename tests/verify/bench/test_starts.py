"""First runs in fresh browsers: in turns, each in its own, and never without a time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Self

import pytest

from verify.bench import starts
from verify.bench.results import Bench, read, write
from verify.bench.stopwatch import Lap
from verify.readme import write_times
from verify.runtimes.runners import RunnerError
from verify.runtimes.session import Runtime


class Fake:
    """A browser in which a first run costs so much."""

    costs: Mapping[str, float] = {"chromium-engine": 0.2, "chromium-wasm": 1.0}
    opened: list[str]

    def __init__(self, runtime: Runtime, mounts: Mapping[str, Path]) -> None:
        assert "models" in mounts
        self.name = runtime.name

    def __enter__(self) -> Self:
        self.opened.append(self.name)
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def compose(self, samples: int) -> None:
        assert samples == 441_000

    def transcribe(self, model: str, samples: int) -> Lap:
        return Lap(9.0, self.costs[self.name])


@pytest.fixture
def browsers(monkeypatch: pytest.MonkeyPatch) -> type[Fake]:
    monkeypatch.setattr(starts, "Stopwatch", Fake)
    Fake.opened = []
    return Fake


def test_each_run_has_a_browser_of_its_own(browsers: type[Fake], tmp_path: Path) -> None:
    start = starts.measure("basicamt", tmp_path, rounds=2)
    assert browsers.opened == ["chromium-engine", "chromium-wasm"] * 2
    assert (start.cpu_seconds, start.runtime_cpu_seconds, start.ratio) == (0.2, 1.0, 0.2)
    bench = Bench("2026-01-01T00:00+00:00", {"baseline": "plain", "rounds": "3"}, starts=[start])
    write(bench, tmp_path)
    assert read(tmp_path) == bench
    assert "In a fresh browser" in (tmp_path / "bench.html").read_text(encoding="utf-8")
    row = "| basicamt engine ÷ onnxruntime-web, in a fresh browser | 0.20 (0.20 – 0.20) |"
    assert row in list(write_times(bench))


def test_a_run_without_a_time_is_an_error(
    browsers: type[Fake], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browsers, "costs", {"chromium-engine": 0.0, "chromium-wasm": 1.0})
    with pytest.raises(RunnerError, match="took no time"):
        starts.measure("basicamt", tmp_path, rounds=1)
