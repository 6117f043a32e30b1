"""The peer beside our file: the choice of its backend, and the words if there is none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Self

import pytest

from verify.bench import peers
from verify.bench.results import Bench, read, write
from verify.bench.stopwatch import Lap
from verify.readme import write_times
from verify.runtimes.runners import RunnerError
from verify.runtimes.session import Runtime


class Fake:
    """A stopwatch that knows what everything costs; what costs nothing does not run."""

    costs: Mapping[str, float] = {"cpu": 6.0, "webgl": 40.0}

    def __init__(self, runtime: Runtime, mounts: Mapping[str, Path], limit_seconds: float) -> None:
        assert runtime.name == peers.RUNTIME
        assert {"peer", "peer-model", "peer-wasm"} == mounts.keys()
        self.backend = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def load(self, key: str, file: Path) -> Lap:
        return Lap(0.1, 0.1)

    def load_engine(self, key: str, weights: Path, *, relaxed: bool, separate: bool) -> Lap:
        assert not separate
        return Lap(0.1, 0.1)

    def run(self, key: str, samples: int) -> Lap:
        return Lap(0.6, 0.6 if key == "fp32" else 0.3)

    def open_peer(self, backend: str) -> Lap:
        self.backend = backend
        return Lap(0.1, 0.1)

    def run_peer(self, samples: int) -> Lap:
        if self.backend not in self.costs:
            raise RunnerError(f"{self.backend}: Unknown dtype undefined")
        return Lap(1.0, self.costs[self.backend])


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / peers.NAME
    package.mkdir(parents=True)
    (package / "package.json").write_text('{"version": "1.2.3"}')
    monkeypatch.setattr(peers, "MODULES", tmp_path)
    monkeypatch.setattr(peers, "Stopwatch", Fake)
    monkeypatch.setattr(peers, "bundle", lambda folder: folder)


@pytest.mark.usefixtures("installed")
def test_the_best_backend_is_taken_and_the_others_are_reported(tmp_path: Path) -> None:
    peer = peers.measure("basicamt", {"fp32": Path("x.onnx"), "engine": Path("x.engine")})
    assert (peer.package, peer.backend) == ("@spotify/basic-pitch 1.2.3", "cpu")
    assert peer.ratios["fp32"] == pytest.approx((0.1,) * peers.ROUNDS)
    assert peer.ratios["engine"] == pytest.approx((0.05,) * peers.ROUNDS)
    assert peer.trials == {
        "wasm": "wasm: Unknown dtype undefined",
        "cpu": "6.0 s",
        "webgl": "40.0 s",
    }
    bench = Bench("2026-01-01T00:00+00:00", {"baseline": "plain", "rounds": "3"}, peer=peer)
    write(bench, tmp_path)
    assert read(tmp_path) == bench
    assert "Unknown dtype undefined" in (tmp_path / "bench.html").read_text(encoding="utf-8")
    for name, ratio in (("fp32", "0.10"), ("engine", "0.05")):
        row = (
            f"| basicamt {name} ÷ @spotify/basic-pitch 1.2.3 (cpu) | {ratio} ({ratio} – {ratio}) |"
        )
        assert row in list(write_times(bench))


@pytest.mark.usefixtures("installed")
def test_a_peer_that_runs_nowhere_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fake, "costs", {})
    with pytest.raises(RunnerError, match="runs on no backend"):
        peers.measure("basicamt", {"fp32": Path("basicamt.onnx")})


def test_a_peer_that_is_not_installed_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "MODULES", tmp_path)
    with pytest.raises(
        RunnerError, match="is not installed; run `npm --prefix verify/bench/peer ci`"
    ):
        peers.measure("basicamt", {"fp32": Path("basicamt.onnx")})
