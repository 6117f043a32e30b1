"""Memory and time against length: whole files, and stages over chunks. ``make lengths``.

It measures but does not judge: no exit status depends on a time or a size.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

import numpy as np
from rich.console import Console

from export.catalog import RATE_HZ
from export.example import read_example
from export.manifest import Manifest
from verify.arguments import Names, Numbers, above_zero
from verify.bench.lengths_results import Point, Way, read, write
from verify.bench.stopwatch import LIMIT_SECONDS, Stopwatch
from verify.runtimes.browser import RUNTIMES
from verify.runtimes.engine import ENGINES
from verify.runtimes.memory import Watch, read_memory
from verify.runtimes.runners import NativeRunner, RunnerError
from verify.runtimes.stream import FRAME_SAMPLES, StreamRunner

ALL_RUNTIMES = ("native", "chromium-wasm", "chromium-engine")
CHUNK_SECONDS = 6.0
"""As in web/lib/stream/stream.js, within a tenth of a second."""
LIB = Path(__file__).parents[2] / "web" / "lib"
WHOLE_BYTES_PER_SECOND = {"basicamt": 1.1e6, "septimbre": 5.8e6}
"""Memory of a whole file, natively or a little more: lengths that would not fit are skipped."""


def main(arguments: Sequence[str]) -> int:
    """Run ``python -m verify lengths``; 0, or 1 if something could not be run."""
    parser = argparse.ArgumentParser(
        prog="python -m verify lengths",
        description="Memory and time against length: whole files, and stages over chunks.",
    )
    parser.add_argument("--folder", type=Path, default=Path("dist/models"), metavar="DIR")
    parser.add_argument(
        "--models", action=Names, nargs="+", default=["basicamt", "septimbre"], metavar="A,B"
    )
    parser.add_argument(
        "--runtimes", action=Names, nargs="+", default=list(ALL_RUNTIMES), metavar="A,B"
    )
    parser.add_argument(
        "--minutes", action=Numbers, nargs="+", default=[1.0, 5.0, 15.0, 60.0], metavar="M,M"
    )
    parser.add_argument(
        "--ways", action=Names, nargs="+", default=list(get_args(Way)), metavar="A,B"
    )
    parser.add_argument(
        "--limit",
        type=above_zero,
        default=4.0,
        metavar="GB",
        help="whole files up to this (default: 4)",
    )
    parser.add_argument("--out", type=Path, default=Path("dist/report"), metavar="DIR")
    args = parser.parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    for name in args.runtimes:
        if name != "native" and not name.startswith("chromium"):
            raise RunnerError(
                f"the memory of {name} cannot be measured; choose from {', '.join(ALL_RUNTIMES)}"
            )
    manifest = Manifest.read(args.folder)
    points = read(args.out)
    failures = 0
    steps = list(plan(args))
    if not steps:
        raise RunnerError(f"nothing to measure: whole files would need over {args.limit:g} GB")
    for runtime, model, seconds, way in steps:
        name = f"{runtime}: {model}, {seconds / 60:g} min, {way}"
        file = args.folder / manifest.find(model).path
        try:
            measure = measure_native if runtime == "native" else measure_page
            point = measure(runtime, file, model, seconds, way)
        except RunnerError as error:
            failures += 1
            console.print(f"{name}: {error}", markup=False)
            continue
        points[runtime, model, way, seconds] = point
        write(points, args.out)  # an hour of work is not lost with the next step
        console.print(f"{name}: {point.peak_bytes / 1e6:.0f} MB, {point.cpu_seconds:.1f} s")
    return 1 if failures else 0


def plan(args: argparse.Namespace) -> Iterator[tuple[str, str, float, Way]]:
    """The points to measure, short lengths first."""
    for runtime in args.runtimes:
        for seconds in (60 * minutes for minutes in args.minutes):
            for model in args.models:
                for way in args.ways:
                    if way == "whole" and runtime in ENGINES:
                        continue  # it has no whole files
                    needed = WHOLE_BYTES_PER_SECOND.get(model, 0) * seconds
                    if way == "streamed" or needed <= args.limit * 1e9:
                        yield runtime, model, seconds, way


def measure_native(runtime: str, file: Path, model: str, seconds: float, way: Way) -> Point:
    """In a process of its own, so that its peak is this run's."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        cpu_seconds, peak_bytes = pool.apply(run_native, (file, seconds, way))
    return Point(runtime, model, way, seconds, cpu_seconds, peak_bytes)


def run_native(file: Path, seconds: float, way: Way) -> tuple[float, int]:
    """CPU seconds and peak bytes of one run on the bundled music, repeated to the length."""
    samples = round(seconds * RATE_HZ)
    music = read_example(20.0)[0, 0]
    audio = np.resize(music, samples)[None, None]
    chunk_frames = round(CHUNK_SECONDS * RATE_HZ / FRAME_SAMPLES)
    before, start = read_memory("self")["VmRSS"], time.process_time()
    with NativeRunner("full") as runner:
        if way == "whole":
            runner.load(file)
            runner.run({"audio": audio})
        else:
            stream = StreamRunner(runner, Manifest.read(file.parent), chunk_frames)
            stream.load(file)
            for _ in stream.stream(audio):
                pass  # no caller needs all of an hour's embeddings at once
    return time.process_time() - start, read_memory("self")["VmHWM"] - before


def measure_page(runtime: str, file: Path, model: str, seconds: float, way: Way) -> Point:
    """In a page of its own; streamed runs are the library's, including notes and timbres."""
    samples = round(seconds * RATE_HZ)
    mounts = {"lib": LIB, "models": file.parent}
    # Slower than half real time counts as hung.
    limit_seconds = LIMIT_SECONDS + 2 * seconds
    with Stopwatch((RUNTIMES | ENGINES)[runtime], mounts, limit_seconds) as stopwatch:
        stopwatch.compose(samples)
        stopwatch.measure()  # without garbage, it holds the page itself and the audio
        pages = stopwatch.list_pages()
        if way == "whole":
            # As the library's time includes the start of the runtime and the session.
            with Watch(pages) as watch:
                cpu_seconds = stopwatch.load("file", file).cpu_seconds
                cpu_seconds += stopwatch.run("file", samples).cpu_seconds
        else:
            with Watch(pages) as watch:
                cpu_seconds = stopwatch.transcribe(model, samples).cpu_seconds
        peak_bytes = watch.count(stopwatch.find_process())
    return Point(runtime, model, way, seconds, cpu_seconds, peak_bytes)
