"""The usual alternative: `@spotify/basic-pitch` from npm, in turns with ours in one page.

The package brings its model and runs it on TensorFlow.js, here on the backend that needs the least
CPU time. `peer/` is a package of its own, installed on demand: it has 300 MB.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from export.catalog import RATE_HZ
from verify.bench.measure import load
from verify.bench.stopwatch import Stopwatch
from verify.runtimes.browser import RUNTIMES
from verify.runtimes.runners import RunnerError
from verify.runtimes.session import NODE_MODULES

FOLDER = Path(__file__).parent / "peer"
MODULES = FOLDER / "node_modules"
NAME = "@spotify/basic-pitch"
RUNTIME = "chromium-wasm"
BACKENDS = ("wasm", "cpu", "webgl")
"""Of TensorFlow.js."""
TRIAL_SECONDS = 2.0
SECONDS = 10.0
"""Of audio: a backend without WebAssembly takes three seconds for each."""
ROUNDS = 3
LIMIT_SECONDS = 180


@dataclass(frozen=True)
class Peer:
    """The peer on its best backend, beside one of our files."""

    package: str
    """Name and version."""
    runtime: str
    model: str
    """Ours."""
    backend: str
    audio_seconds: float
    cpu_seconds: float
    """The peer's, median over the rounds; of the page's process and the GPU process."""
    ratios: dict[str, tuple[float, ...]]
    """By the names of ours: their CPU time over the peer's in the same round."""
    trials: dict[str, str]
    """CPU time of every backend on TRIAL_SECONDS, or why it does not run."""


def measure(model: str, ours: Mapping[str, Path]) -> Peer:
    """Run the peer on each backend, then the best in turns with our files by name.

    RunnerError if it is not installed or runs on none.
    """
    package = MODULES / NAME
    if not package.is_dir():
        raise RunnerError(f"{NAME} is not installed; run `npm --prefix verify/bench/peer ci`")
    version = json.loads((package / "package.json").read_text(encoding="utf-8"))["version"]
    with tempfile.TemporaryDirectory() as folder:
        mounts = {
            "peer": bundle(Path(folder)),
            "peer-model": package / "model",
            "peer-wasm": MODULES / "@tensorflow" / "tfjs-backend-wasm" / "dist",
        }
        tried = {backend: _try(backend, mounts) for backend in BACKENDS}
        ran = {name: cost for name, cost in tried.items() if isinstance(cost, float)}
        if not ran:
            raise RunnerError(f"{NAME} runs on no backend: {tried}")
        best = min(ran, key=lambda name: ran[name])
        samples = round(SECONDS * RATE_HZ)
        with Stopwatch(RUNTIMES[RUNTIME], mounts, LIMIT_SECONDS) as stopwatch:
            for name, file in ours.items():
                load(stopwatch, model, name, file)
            stopwatch.open_peer(best)
            laps: dict[str, list[float]] = {name: [] for name in (*ours, NAME)}
            for _ in range(1 + ROUNDS):  # the first to warm up
                for name in ours:
                    laps[name].append(stopwatch.run(name, samples).cpu_seconds)
                laps[NAME].append(stopwatch.run_peer(samples).cpu_seconds)
        peer = laps.pop(NAME)[1:]
    return Peer(
        package=f"{NAME} {version}",
        runtime=RUNTIME,
        model=model,
        backend=best,
        audio_seconds=SECONDS,
        cpu_seconds=statistics.median(peer),
        ratios={
            name: tuple(a / b for a, b in zip(those[1:], peer, strict=True))
            for name, those in laps.items()
        },
        trials={
            name: f"{cost:.1f} s" if isinstance(cost, float) else cost
            for name, cost in tried.items()
        },
    )


def _try(backend: str, mounts: Mapping[str, Path]) -> float | str:
    samples = round(TRIAL_SECONDS * RATE_HZ)
    try:
        with Stopwatch(RUNTIMES[RUNTIME], mounts, LIMIT_SECONDS) as stopwatch:
            stopwatch.open_peer(backend)
            stopwatch.run_peer(samples)
            return stopwatch.run_peer(samples).cpu_seconds
    except RunnerError as error:
        return str(error)


def bundle(folder: Path) -> Path:
    """Write peer.js and what it imports into a folder as one module; return the folder."""
    esbuild = NODE_MODULES / ".bin" / "esbuild"
    command = [
        str(esbuild),
        "peer.js",
        "--bundle",
        "--format=esm",
        f"--outfile={folder / 'peer.js'}",
    ]
    try:
        done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise RunnerError("esbuild is not installed; run `npm --prefix web ci` first") from None
    if done.returncode != 0:
        raise RunnerError(f"esbuild cannot bundle {FOLDER / 'peer.js'}: {done.stderr.strip()}")
    return folder
