"""Publish to noteDigger: exactly the bytes that passed verification.

python -m verify publish DIR [--dry-run | --restore]
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from rich.console import Console
from rich.table import Table

from export.describe import has_own_recipe
from export.example import read_example
from export.manifest import Manifest, ModelFile
from verify.bench import measure
from verify.compare import DisagreementError
from verify.compare import measure as measure_deviations
from verify.matrix.notes import agree, transcribe
from verify.publish.checkout import (
    FILES,
    Checkout,
    CheckoutError,
    open_checkout,
    refuse_foreign_changes,
    replace_all,
    restore,
)
from verify.publish.gate import PublishError, require_passed
from verify.runtimes.runners import NativeRunner, Tensors

OLD_RUNTIME = "wasm-1.18"
"""Ending of the runtimes with the version that noteDigger ships."""
NEWEST_OPSET, NEWEST_IR = 21, 10
"""The newest that onnxruntime-web 1.18.0 reads."""
ROUNDS = 5
"""Of old and new in turns; a median of five holds against a stray one."""
MUSIC_SECONDS = 6.0


@dataclass(frozen=True)
class Change:
    """The effect of one replacement."""

    name: str
    bytes: tuple[int, int]
    """Before and after, as in every pair here."""
    nodes: tuple[int, int]
    error: dict[str, float | None]
    """Largest distance between old and new outputs on music; None if one is not finite."""
    notes: tuple[int, int]
    notes_f1: float
    """New notes against old ones."""
    silence: tuple[bool, bool]
    """Whether the outputs on silence are finite."""
    time_ratio: float | None
    """CPU time of new over old, in Chromium and onnxruntime-web 1.18.0; None if not measured."""


def main(arguments: Sequence[str]) -> int:
    """Run the command; its exit status, 2 where publishing is refused."""
    parser = argparse.ArgumentParser(
        prog="python -m verify publish",
        description="Replace noteDigger's models with those that passed the last `make verify`.",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="a noteDigger checkout")
    parser.add_argument("--models", type=Path, default=Path("dist/models"), metavar="DIR")
    parser.add_argument("--report", type=Path, default=Path("dist/report"), metavar="DIR")
    parser.add_argument("--no-browser", action="store_true", help="do not measure the time ratio")
    act = parser.add_mutually_exclusive_group()
    act.add_argument(
        "--dry-run", action="store_true", help="show what would change, change nothing"
    )
    act.add_argument("--restore", action="store_true", help="put back what publishing replaced")
    args = parser.parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    try:
        checkout = open_checkout(args.folder)
        if args.restore:
            console.print(f"restored: {', '.join(restore(checkout))}")
            return 0
        refuse_foreign_changes(checkout)
        files = find_publishable(args.models, args.report)
        changes = [
            compare(checkout, args.models / file.path, file, browser=not args.no_browser)
            for file in files
        ]
        print_changes(console, changes)
        if args.dry_run:
            console.print("dry run: nothing was changed")
            return 0
        replace_all(checkout, {file.path: args.models / file.path for file in files})
    except (PublishError, CheckoutError, OSError) as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(
            f"error: {error}", style="bold red", markup=False
        )
        return 2
    console.print(f"published to {checkout.models}; undo with --restore")
    return 0


def find_publishable(models: Path, report: Path) -> list[ModelFile]:
    """The manifest's entries for noteDigger's files; PublishError if one may not be published."""
    files = Manifest.read(models).wholes
    found = []
    for name in FILES:
        entry = next((file for file in files if file.path == name), None)
        if entry is None:
            raise PublishError(f"{models} has no {name}; run `make export` for it")
        if entry.variant != "fp32" or not has_own_recipe(entry):
            # An fp16 or int8 file promises less, whatever it is called.
            raise PublishError(
                f"{name} is not the fp32 file that this version makes of {entry.model} with "
                "default options; run `make export` and `make verify` again"
            )
        found.append(entry)
    runtimes = require_passed(models, ([file] for file in found), report)
    for name in FILES:
        if not any(runtime.endswith(OLD_RUNTIME) for runtime in runtimes[name]):
            raise PublishError(
                f"{name} was not judged with onnxruntime-web 1.18.0, which noteDigger ships, on "
                f"music and silence; run `make verify` without leaving out *-{OLD_RUNTIME}"
            )
        check_contract(models / name)
    return found


def check_contract(path: Path) -> None:
    """Check the file itself: names, dtypes, shapes, opset and IR must be as the app expects."""
    model = onnx.load(path, load_external_data=False)
    name = path.name
    expected: dict[str, tuple[int | str, ...]] = {
        "onset": (1, 84, "frames"),
        "frame": (1, 84, "frames"),
    }
    if name.startswith("septimbre"):
        expected["embedding"] = (1, 12, 84, "frames")
    for found, wanted in (
        (_describe(model.graph.input), {"audio": (1, 1, "samples")}),
        (_describe(model.graph.output), expected),
    ):
        if found != wanted:
            raise PublishError(f"{name} has {found}, noteDigger expects {wanted}")
    opset = max(entry.version for entry in model.opset_import)
    if opset > NEWEST_OPSET or model.ir_version > NEWEST_IR:
        raise PublishError(
            f"{name} has opset {opset} and IR {model.ir_version}; onnxruntime-web 1.18.0 reads up "
            f"to {NEWEST_OPSET} and {NEWEST_IR}; run `make export` without --opset"
        )
    if any(tensor.external_data for tensor in model.graph.initializer):
        raise PublishError(f"{name} keeps weights outside the file; the app loads one file")


def _describe(values: Sequence[onnx.ValueInfoProto]) -> dict[str, tuple[int | str, ...]]:
    described = {}
    for value in values:
        tensor = value.type.tensor_type
        if tensor.elem_type != onnx.TensorProto.FLOAT:
            raise PublishError(f"{value.name} is not float32, as noteDigger reads it")
        described[value.name] = tuple(d.dim_param or d.dim_value for d in tensor.shape.dim)
    return described


def compare(checkout: Checkout, new: Path, entry: ModelFile, *, browser: bool) -> Change:
    """Measure the effect of replacing the checkout's file by ``new``, on the bundled music."""
    old = checkout.models / new.name
    music = {"audio": read_example(MUSIC_SECONDS)}
    silence = {"audio": np.zeros_like(music["audio"])}
    before, after = (_run_native(path, music) for path in (old, new))
    notes = [transcribe(outputs, entry.thresholds) for outputs in (before, after)]
    return Change(
        new.name,
        (old.stat().st_size, new.stat().st_size),
        (_count_nodes(old), _count_nodes(new)),
        _measure(after, before),
        (len(notes[0].notes), len(notes[1].notes)),
        agree(notes[1], notes[0]).f1,
        (_is_finite(_run_native(old, silence)), _is_finite(_run_native(new, silence))),
        measure_ratio(old, new, entry.model) if browser else None,
    )


def _measure(after: Tensors, before: Tensors) -> dict[str, float | None]:
    try:
        deviations = measure_deviations(after, before)
    except DisagreementError as error:
        deviations = error.deviations
    return {one.output: one.largest_absolute for one in deviations}


def _run_native(path: Path, inputs: Tensors) -> Tensors:
    with NativeRunner("full") as runner:
        runner.load(path)
        return runner.run(inputs)


def _count_nodes(path: Path) -> int:
    return len(onnx.load(path, load_external_data=False).graph.node)


def _is_finite(outputs: Mapping[str, np.ndarray]) -> bool:
    return all(bool(np.isfinite(values).all()) for values in outputs.values())


def measure_ratio(old: Path, new: Path, model: str) -> float:
    """Median CPU time of new over old in Chromium with onnxruntime-web 1.18.0, in turns."""
    runtime = f"chromium-{OLD_RUNTIME}"
    rows = measure.compare(runtime, model, old, {"new": new}, MUSIC_SECONDS, ROUNDS)
    return next(row.ratio for row in rows if row.name == "new")


def print_changes(console: Console, changes: Sequence[Change]) -> None:
    """Print a table of the checkout's files before and after."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("")
    for change in changes:
        table.add_column(change.name, justify="right")
    words = {True: "numbers", False: "NaN"}
    rows = {
        "bytes": [_arrow(*map(_group, change.bytes)) for change in changes],
        "nodes": [_arrow(*map(str, change.nodes)) for change in changes],
        "silence gives": [_arrow(*(words[s] for s in change.silence)) for change in changes],
        "notes on the example": [_arrow(*map(str, change.notes)) for change in changes],
        "note F1, old against new": [f"{change.notes_f1:.3f}" for change in changes],
        "largest difference": [
            ", ".join(
                f"{name} not comparable" if value is None else f"{name} {value:.1e}"
                for name, value in change.error.items()
            )
            for change in changes
        ],
        "time, new / old": [
            "not measured" if change.time_ratio is None else f"{change.time_ratio:.2f}"
            for change in changes
        ],
    }
    for heading, cells in rows.items():
        table.add_row(heading, *cells)
    console.print(table)


def _arrow(before: str, after: str) -> str:
    return f"{before} → {after}"


def _group(number: int) -> str:
    return f"{number:,}".replace(",", " ")
