"""The benchmark in one browser: files in turns with their baseline, then alone on each length."""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

from rich.console import Console

from export.catalog import MODELS, RATE_HZ
from export.manifest import ModelFile
from verify.bench.operations import count_or_none
from verify.bench.results import Bench, Comparison, Start, write
from verify.bench.stopwatch import Stopwatch, take_turns
from verify.runtimes.browser import RUNTIMES
from verify.runtimes.runners import RunnerError


def measure_model(
    bench: Bench,
    runtime: str,
    model: str,
    variants: dict[str, ModelFile],
    args: argparse.Namespace,
    console: Console,
) -> None:
    """One model in one runtime: beside its baseline, then alone on every length."""
    paths = {name: args.folder / file.path for name, file in variants.items()}
    baseline = args.baseline / f"{MODELS[model].stem}.onnx"
    if not baseline.is_file():
        raise RunnerError(f"{baseline} is not there; `make bench` makes it")
    if not bench.holds(runtime, model):
        console.print(f"{runtime}: {model}")
        bench.comparisons.extend(compare(runtime, model, baseline, paths, args))
        write(bench, args.out)
    for seconds in map(float, args.lengths):
        if not bench.holds_start(runtime, model, seconds):
            console.print(f"{runtime}: {model}, {seconds:.0f} s")
            bench.starts.append(start(runtime, model, next(iter(paths.values())), seconds))
            write(bench, args.out)


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
