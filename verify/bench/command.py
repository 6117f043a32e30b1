"""The benchmark: exported files against a baseline, in turns, in real browsers. ``make bench``.

It measures but does not judge: no exit status depends on a time.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from export.catalog import MODELS
from export.manifest import Manifest, ModelFile
from verify.arguments import Names, above_zero, at_least_one
from verify.bench import decide, fidelity, peers, starts
from verify.bench.measure import ENGINE, RELAXED, compare
from verify.bench.results import Bench, read, write
from verify.bench.stopwatch import Stopwatch
from verify.runtimes.browser import RUNTIMES
from verify.runtimes.runners import RunnerError

ALL_RUNTIMES = [
    "chromium-wasm",
    "chromium-wasm-1.18",
    "chromium-threads",
    "firefox-wasm",
    "chromium-webgpu",
]
"""WebGPU only on real hardware; if there is none, the report says so."""
QUICK_RUNTIMES = ALL_RUNTIMES[:2]
PEER_MODEL = "basicamt"
"""The model to compare with the peer: both give notes without timbres."""


def main(arguments: Sequence[str]) -> int:
    """Run ``python -m verify bench``; 0, or 1 if a file could not be run."""
    parser = argparse.ArgumentParser(
        prog="python -m verify bench",
        description="Time exported files against a baseline, in turns, in real browsers.",
    )
    parser.add_argument("--folder", type=Path, default=Path("dist/models"), metavar="DIR")
    parser.add_argument(
        "--more", type=Path, metavar="DIR", help="further variants of the models in --folder"
    )
    parser.add_argument(
        "--baseline",
        type=Path,
        default=Path("dist/plain"),
        metavar="DIR",
        help="files of the same names: layers as they were trained, or upstream's",
    )
    parser.add_argument(
        "--models", action=Names, nargs="+", default=["basicamt", "septimbre"], metavar="A,B"
    )
    parser.add_argument(
        "--variants", action=Names, nargs="+", default=[], metavar="A,B", help="default: all"
    )
    parser.add_argument("--runtimes", action=Names, nargs="+", default=[], metavar="A,B")
    parser.add_argument("--seconds", type=above_zero, help="of audio (default: 30)")
    parser.add_argument("--rounds", type=at_least_one, help="default: 7")
    parser.add_argument(
        "--audio",
        type=Path,
        nargs="+",
        default=[],
        metavar="PATH",
        help="music that the variants' notes are compared on, in addition to the bundled recording",
    )
    parser.add_argument("--quick", action="store_true", help="Chromium, 10 s, three rounds")
    parser.add_argument(
        "--fresh", action="store_true", help="measure everything again, even if --out has it"
    )
    parser.add_argument("--out", type=Path, default=Path("dist/report"), metavar="DIR")
    args = parser.parse_args(arguments)
    args.runtimes = args.runtimes or (QUICK_RUNTIMES if args.quick else ALL_RUNTIMES)
    args.seconds = args.seconds or (10.0 if args.quick else 30.0)
    args.rounds = args.rounds or (3 if args.quick else 7)
    console = Console(highlight=False, soft_wrap=True)
    if unknown := [name for name in args.runtimes if name not in RUNTIMES]:
        raise RunnerError(f"no runtime {unknown[0]}; there are {', '.join(RUNTIMES)}")
    bench = measure(args, gather(args.folder, args.more), console)
    console.print(f"{args.out / 'bench.html'}")
    return 1 if bench.failures or not bench.comparisons else 0


def gather(folder: Path, more: Path | None) -> Manifest:
    """A folder's manifest, with further variants of its models from the folder ``more``."""
    manifest = Manifest.read(folder)
    if more is None:
        return manifest
    have = {(file.model, file.variant) for file in manifest.files}
    models = {file.model for file in manifest.files}
    beside = tuple(
        replace(file, path=os.path.relpath(more / file.path, folder))
        for file in Manifest.read(more).files
        if file.model in models and (file.model, file.variant) not in have
    )
    return replace(manifest, files=manifest.files + beside)


def measure(args: argparse.Namespace, manifest: Manifest, console: Console) -> Bench:
    """Measure one runtime after the other, writing results at once; a failure costs its part.

    Results of an earlier run with the same files and settings are not measured again.
    """
    files: dict[str, dict[str, ModelFile]] = {model: {} for model in args.models}
    for file in manifest.wholes:
        if file.model in files and (not args.variants or file.variant in args.variants):
            files[file.model][file.variant] = file
    if missing := [model for model in files if not files[model]]:
        raise RunnerError(f"{args.folder} holds nothing of {missing[0]}; run `make export` first")
    settings = {name: str(getattr(args, name)) for name in ("baseline", "seconds", "rounds")}
    settings |= {file.path: file.sha256 for those in files.values() for file in those.values()}
    settings |= {one.path: one.sha256 for one in manifest.engines if one.model in files}
    settings |= {module.path: module.sha256 for module in manifest.modules}
    before = None if args.fresh else read(args.out)
    bench = Bench(datetime.now(UTC).isoformat(timespec="minutes"), settings)
    if before and before.settings == settings:
        bench = before
        bench.absent, bench.failures = [], []
    elif before:
        bench.fidelity = before.fidelity  # which knows its own files and recordings
    measure_fidelity(bench, manifest, args, console)
    for runtime in args.runtimes:
        measure_runtime(bench, runtime, files, args, console)
    measure_starts(bench, args, console)
    measure_peer(bench, files, args, console)
    write(bench, args.out)
    return bench


def measure_runtime(
    bench: Bench,
    runtime: str,
    files: dict[str, dict[str, ModelFile]],
    args: argparse.Namespace,
    console: Console,
) -> None:
    """Each model's files against its baseline; a runtime that does not start is absent."""
    missing = [model for model in files if not bench.holds(runtime, model)]
    try:
        with Stopwatch(RUNTIMES[runtime]):
            pass
    except RunnerError as error:
        bench.absent.append(str(error))
        return
    for model in missing:
        paths = {name: args.folder / file.path for name, file in files[model].items()}
        if RUNTIMES[runtime].backend == "wasm" and runtime.endswith("-wasm"):
            paths |= engines_of(args.folder, model)
        baseline = args.baseline / f"{MODELS[model].stem}.onnx"
        console.print(f"{runtime}: {model}")
        try:
            if not baseline.is_file():
                raise RunnerError(f"{baseline} is not there; `make bench` makes it")
            bench.comparisons += compare(runtime, model, baseline, paths, args.seconds, args.rounds)
        except RunnerError as error:
            bench.failures.append(str(error))
            console.print(str(error), markup=False)
        write(bench, args.out)


def engines_of(folder: Path, model: str) -> dict[str, Path]:
    """A model's weights for the engine, by each module's name; empty if there are none."""
    weights = [one for one in Manifest.read(folder).engines if one.model == model]
    return {name: folder / one.path for one in weights for name in (ENGINE, RELAXED)}


def measure_fidelity(
    bench: Bench, manifest: Manifest, args: argparse.Namespace, console: Console
) -> None:
    """Compare each variant's notes with fp32's, unless that was done for the same files."""
    recordings = fidelity.find_recordings(args.audio)
    names = tuple(path.stem for path in recordings)
    for model in args.models:
        files = {
            str(file.variant): file
            for file in manifest.wholes
            if file.model == model and {"onset", "frame"} <= {out.name for out in file.outputs}
        }
        if bench.holds_fidelity({file.sha256 for file in files.values()}, names):
            continue
        console.print(f"notes of {model} {', '.join(files)} on {len(names)} recordings")
        bench.fidelity = [row for row in bench.fidelity if row.model != model]
        try:
            bench.fidelity += fidelity.measure(args.folder, files, recordings)
        except RunnerError as error:
            bench.failures.append(str(error))
            console.print(str(error), markup=False)
        write(bench, args.out)


def measure_starts(bench: Bench, args: argparse.Namespace, console: Console) -> None:
    """Each model's first run in a fresh browser; not in a quick run."""
    have = {one.model for one in bench.starts}
    for model in args.models:
        if args.quick or model in have or not engines_of(args.folder, model):
            continue
        console.print(f"fresh browsers: {model}")
        try:
            bench.starts.append(starts.measure(model, args.folder))
        except RunnerError as error:
            bench.failures.append(str(error))
            console.print(str(error), markup=False)
        write(bench, args.out)


def measure_peer(
    bench: Bench,
    files: dict[str, dict[str, ModelFile]],
    args: argparse.Namespace,
    console: Console,
) -> None:
    """Our smallest network against the usual alternative; not in a quick run."""
    ours = files.get(PEER_MODEL, {}).get(decide.REFERENCE)
    if bench.peer or ours is None:
        return
    if args.quick:
        bench.absent.append(f"{peers.NAME}: left out of a quick run")
        return
    console.print(f"{peers.RUNTIME}: {PEER_MODEL} beside {peers.NAME}")
    try:
        contestants = {decide.REFERENCE: args.folder / ours.path}
        contestants |= engines_of(args.folder, PEER_MODEL)
        bench.peer = peers.measure(PEER_MODEL, contestants)
    except RunnerError as error:
        bench.absent.append(str(error))
        console.print(str(error), markup=False)
