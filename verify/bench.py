"""The benchmark: exported files against a baseline, in turns, in real browsers. ``make bench``.

It measures and judges nothing: no status depends on a time.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import jinja2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from rich.console import Console

from export.catalog import RATE_HZ
from export.manifest import Manifest
from verify.browser import RUNTIMES
from verify.operations import count_multiply_adds
from verify.options import Names
from verify.report import TEMPLATES
from verify.runners import RunnerError
from verify.stopwatch import Stopwatch, take_turns

MATRIX = 512
"""Rows and columns of the matrix product that shows what the runtime can do."""


@dataclass(frozen=True)
class Comparison:
    """One file against the baseline of its model, run in turns in one page."""

    runtime: str
    model: str
    name: str
    """The variant, or ``control``: the baseline's own file a second time, which shows the noise."""
    bytes: int
    load_seconds: float
    """CPU time of the session's creation; the page has created one before."""
    cpu_seconds: float
    """Median over the rounds."""
    ratios: tuple[float, ...]
    """CPU time over the baseline's in the same round."""
    multiply_adds: float | None
    """For each second of audio; None where a shape is not known."""
    audio_seconds: float

    @property
    def ratio(self) -> float:
        """Median of the ratios."""
        return statistics.median(self.ratios)

    @property
    def gflops(self) -> float | None:
        """Thousand million operations a second, a multiply-add counted as two."""
        if self.multiply_adds is None:
            return None
        return 2e-9 * self.multiply_adds * self.audio_seconds / self.cpu_seconds


@dataclass(frozen=True)
class Start:
    """One file on one length, in a page of its own."""

    runtime: str
    model: str
    audio_seconds: float
    cold_seconds: float
    """Creation of the page's first session, WebAssembly's compilation included; CPU time."""
    warm_seconds: float
    first_run_seconds: float
    run_seconds: float
    heap_bytes: int
    """Peak of WebAssembly's heap."""


@dataclass(frozen=True)
class Bench:
    """Everything that was measured."""

    made: str
    baseline: str
    rounds: int
    peak_gflops: dict[str, float]
    """Of a matrix product, by runtime."""
    comparisons: list[Comparison]
    starts: list[Start]
    failures: list[str]


def main(arguments: Sequence[str]) -> int:
    """Run ``python -m verify bench``; 0, or 1 where a file could not be run."""
    parser = argparse.ArgumentParser(
        prog="python -m verify bench",
        description="Time exported files against a baseline, in turns, in real browsers.",
    )
    parser.add_argument("--folder", type=Path, default=Path("dist/models"), metavar="DIR")
    parser.add_argument(
        "--baseline",
        type=Path,
        default=Path("dist/plain"),
        metavar="DIR",
        help="files of the same names, e.g. upstream's",
    )
    parser.add_argument(
        "--models", action=Names, nargs="+", default=["basicamt", "septimbre"], metavar="A,B"
    )
    parser.add_argument("--variants", action=Names, nargs="+", default=["fp32"], metavar="A,B")
    parser.add_argument(
        "--runtimes",
        action=Names,
        nargs="+",
        default=["chromium-wasm", "chromium-wasm-1.18"],
        metavar="A,B",
    )
    parser.add_argument("--seconds", type=float, default=30, help="of audio (default: 30)")
    parser.add_argument("--rounds", type=int, default=7, help="default: 7")
    parser.add_argument(
        "--lengths",
        action=Names,
        nargs="+",
        default=["10", "60", "300"],
        metavar="S,S",
        help="for the memory",
    )
    parser.add_argument("--out", type=Path, default=Path("dist/report"), metavar="DIR")
    args = parser.parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    unknown = [name for name in args.runtimes if name not in RUNTIMES]
    if unknown:
        raise RunnerError(f"no runtime {unknown[0]}; there are {', '.join(RUNTIMES)}")
    bench = measure(args, Manifest.read(args.folder), console)
    write(bench, args.out)
    console.print(f"{args.out / 'bench.html'}")
    return 1 if bench.failures else 0


def measure(args: argparse.Namespace, manifest: Manifest, console: Console) -> Bench:
    """Everything, one runtime after the other; a fault costs its part and is told."""
    bench = Bench(
        datetime.now(UTC).isoformat(timespec="minutes"),
        str(args.baseline),
        args.rounds,
        peak_gflops={},
        comparisons=[],
        starts=[],
        failures=[],
    )
    for runtime in args.runtimes:
        try:
            with Stopwatch(RUNTIMES[runtime]) as stopwatch:
                bench.peak_gflops[runtime] = measure_peak(stopwatch)
        except RunnerError as error:
            bench.failures.append(str(error))
            continue
        for model in args.models:
            console.print(f"{runtime}: {model}")
            try:
                files = {v: args.folder / manifest.find(model, v).path for v in args.variants}
                baseline = args.baseline / manifest.find(model).path
                if not baseline.is_file():
                    raise RunnerError(
                        f"{baseline} is not there; `python -m export --variants fp32 "
                        f"--out {args.baseline}` makes it"
                    )
                bench.comparisons.extend(compare(runtime, model, baseline, files, args))
                for seconds in map(float, args.lengths):
                    bench.starts.append(start(runtime, model, files[args.variants[0]], seconds))
            except RunnerError as error:
                bench.failures.append(str(error))
                console.print(str(error), markup=False)
    return bench


def compare(
    runtime: str, model: str, baseline: Path, files: dict[str, Path], args: argparse.Namespace
) -> list[Comparison]:
    """A model's files against its baseline, in one page."""
    contestants = {"baseline": baseline, "control": baseline, **files}
    with Stopwatch(RUNTIMES[runtime]) as stopwatch:
        stopwatch.load("warm-up", baseline)
        loads = {name: stopwatch.load(name, file) for name, file in contestants.items()}
        samples = round(args.seconds * RATE_HZ)
        laps = take_turns(stopwatch, list(contestants), (1, 1, samples), args.rounds)
    cpu = {name: [lap.cpu_seconds for lap in those] for name, those in laps.items()}
    return [
        Comparison(
            runtime,
            model,
            name,
            file.stat().st_size,
            loads[name].cpu_seconds,
            statistics.median(cpu[name]),
            tuple(a / b for a, b in zip(cpu[name], cpu["baseline"], strict=True)),
            count_or_none(file),
            args.seconds,
        )
        for name, file in contestants.items()
    ]


def start(runtime: str, model: str, file: Path, seconds: float) -> Start:
    """A file's beginning and its memory, in a page of its own."""
    samples = round(seconds * RATE_HZ)
    with Stopwatch(RUNTIMES[runtime]) as stopwatch:
        cold = stopwatch.load("file", file)
        warm = stopwatch.load("file", file)
        first = stopwatch.run("file", 1, 1, samples)
        second = stopwatch.run("file", 1, 1, samples)
        return Start(
            runtime,
            model,
            seconds,
            cold.cpu_seconds,
            warm.cpu_seconds,
            first.cpu_seconds,
            second.cpu_seconds,
            stopwatch.heap_bytes(),
        )


def measure_peak(stopwatch: Stopwatch) -> float:
    """GFLOP/s of a product of two matrices, which is what a convolution comes down to."""
    ones = np.ones((MATRIX, MATRIX), np.float32) / MATRIX
    shape = [MATRIX, MATRIX]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in "xy"]
    node = helper.make_node("MatMul", ["w", "x"], ["y"])
    graph = helper.make_graph(
        [node], "peak", values[:1], values[1:], [numpy_helper.from_array(ones, "w")]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    stopwatch.load("peak", model.SerializeToString())
    laps = take_turns(stopwatch, ["peak"], (MATRIX, MATRIX), 50)["peak"]
    return 2e-9 * MATRIX**3 * len(laps) / sum(lap.cpu_seconds for lap in laps)


def count_or_none(file: Path) -> float | None:
    """Multiply-adds for each second of audio, None where a shape is not known."""
    try:
        return count_multiply_adds(file)
    except (ValueError, onnx.shape_inference.InferenceError):
        return None


def write(bench: Bench, folder: Path) -> None:
    """Write bench.json and bench.html, each into place when it is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True
    )
    page = environment.get_template("bench.html").render(bench=bench)
    for name, text in {
        "bench.json": json.dumps(asdict(bench), indent=1) + "\n",
        "bench.html": page,
    }.items():
        beside = folder / f"{name}.part"
        beside.write_text(text, encoding="utf-8")
        beside.replace(folder / name)
