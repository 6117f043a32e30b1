"""The command that finds the first bad node: python -m verify bisect."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from export.manifest import Manifest
from verify.bisect.search import RELATIVE, BisectError, find_bad_node
from verify.bisect.stages import find_bad_stage
from verify.cases.stored import read_case
from verify.matrix import plan
from verify.matrix.signals import Signal, select, standard
from verify.runtimes import install
from verify.runtimes.onnx_file import read_onnx
from verify.runtimes.runners import Tensors


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    command = argparse.ArgumentParser(
        prog="python -m verify bisect",
        description="Find the first node whose output is bad while its inputs are good.",
    )
    command.add_argument("model", help="a name in the manifest, e.g. basicamt, or an .onnx file")
    command.add_argument("--variant", default="fp32", help="with a name (default: %(default)s)")
    command.add_argument("--folder", type=Path, default=Path("dist/models"))
    command.add_argument("--runtime", required=True, help="e.g. chromium-wasm")
    command.add_argument(
        "--against", type=Path, help="a good file with the same tensor names; for a variant: fp32"
    )
    which = command.add_mutually_exclusive_group()
    which.add_argument(
        "--signals", action=plan.Names, nargs="+", default=[], help="default: brief ones"
    )
    which.add_argument("--input", type=Path, help="an .npz archive with the inputs by name")
    command.add_argument(
        "--relative",
        type=float,
        help=f"error allowed, as a share of a tensor's range (default: {RELATIVE})",
    )
    return command


def main(arguments: Sequence[str]) -> int:
    """Run the command; its exit status: 1 where a bad node was found."""
    args = parser().parse_args(arguments)
    file, against = _files(args.model, args.variant, args.folder, args.against)
    cases = _cases(file, args.signals, args.input)
    plans, _ = plan.plan(
        [args.runtime], ["torch-float32"], networks=None, installed=install.is_installed,
        brief=None, time_limit_seconds=300, webgpu="software",
    )  # fmt: skip
    console = Console(highlight=False)
    found: object
    with plans[0].make() as runner, console.status("") as status:
        for name, inputs in cases.items():
            status.update(f"{runner.name} on {name}")
            relative = args.relative or RELATIVE
            if "-engine" in runner.name:
                found = find_bad_stage(runner, args.folder, args.model, inputs, relative)
            else:
                found = find_bad_node(runner, file, inputs, against, relative)
            if found:
                console.print(f"{runner.name}, {file.name}, on {name}:\n{found}", markup=False)
                return 1
    console.print(f"{plans[0].name}, {file.name}: outputs agree on {', '.join(cases)}")
    return 0


def _files(
    model: str, variant: str, folder: Path, against: Path | None
) -> tuple[Path, Path | None]:
    if model.endswith(".onnx"):
        if not Path(model).is_file():
            raise BisectError(f"{model} does not exist")
        return Path(model), against
    manifest = Manifest.read(folder)
    try:
        file = folder / manifest.find(model, variant).path
        return file, against or (folder / manifest.find(model).path if variant != "fp32" else None)
    except KeyError as error:
        raise BisectError(str(error.args[0])) from None


def _cases(file: Path, signals: Sequence[str], archive: Path | None) -> dict[str, Tensors]:
    opened = read_onnx(file)
    inputs = [port.name for port in opened.inputs]
    if archive:
        case = read_case(archive, opened, outputs=False)
        return {case.name: case.inputs}
    if len(inputs) != 1:
        raise BisectError(f"{file.name} takes {', '.join(inputs)}: give them with --input FILE.npz")
    chosen: tuple[Signal, ...] = standard()
    chosen = select(chosen, signals) if signals else tuple(s for s in chosen if s.brief)
    return {s.name: {inputs[0]: s.samples.reshape(1, 1, -1)} for s in chosen}
