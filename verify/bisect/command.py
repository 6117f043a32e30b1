"""The command that finds the first bad node: python -m verify bisect."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from export.manifest import Manifest
from verify.arguments import Names, above_zero
from verify.bisect.bad_node import BadNode
from verify.bisect.cut import write_cut
from verify.bisect.search import (
    RELATIVE,
    BisectError,
    UnplacedError,
    find_bad_node,
    find_fault,
)
from verify.bisect.stages import find_bad_stage
from verify.bisect.witness import native_witness
from verify.cases.stored import StoredCase, read_case
from verify.matrix import plan
from verify.matrix.signals import Signal, select, standard
from verify.runtimes.child import ChildRunner
from verify.runtimes.driver import install
from verify.runtimes.onnx_file import read_onnx
from verify.runtimes.runners import Runner, RunnerError, Tensors
from verify.runtimes.session import Limits

ISSUES = "https://github.com/microsoft/onnxruntime/issues/new/choose"


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
    which.add_argument("--signals", action=Names, nargs="+", default=[], help="default: brief ones")
    which.add_argument("--input", type=Path, help="an .npz archive with the inputs by name")
    which.add_argument(
        "--reference",
        type=Path,
        help="a case with expected outputs too, which are believed before any runtime",
    )
    command.add_argument(
        "--relative",
        type=above_zero,
        help=f"error allowed, as a share of a tensor's range (default: {RELATIVE})",
    )
    command.add_argument(
        "--cut",
        type=Path,
        metavar="OUT.onnx",
        help="write the bad node alone, with its inputs and what it should give beside it",
    )
    command.add_argument(
        "--time-limit",
        type=above_zero,
        default=300,
        metavar="SECONDS",
        help="after which one run counts as hung (default: %(default)s)",
    )
    return command


def main(arguments: Sequence[str]) -> int:
    """Run the command; its exit status: 1 where a bad node was found, or an output without one."""
    args = parser().parse_args(arguments)
    file, against = _files(args.model, args.variant, args.folder, args.against)
    cases = _cases(file, args)
    plans, _ = plan.plan(
        [args.runtime], ["torch-float32"], networks=None, installed=install.is_installed,
        brief=None, time_limit_seconds=args.time_limit, webgpu="software", apart=True,
    )  # fmt: skip
    console = Console(highlight=False, soft_wrap=True)
    relative = args.relative or RELATIVE
    limits = replace(Limits(), load=args.time_limit, run=args.time_limit)
    with plans[0].make() as runner, ChildRunner("off", limits=limits) as native:
        for case in cases:
            found: object
            try:
                with console.status(f"{runner.name} on {case.name}"):
                    if "-engine" in runner.name:
                        found = find_bad_stage(
                            runner, args.folder, args.model, case.inputs, relative
                        )
                    else:
                        found = find_bad_node(
                            runner, file, case.inputs, against, relative,
                            reference=case.outputs or None, native=native,
                        )  # fmt: skip
            except UnplacedError as error:
                found = error
            if found:
                head = f"{runner.name}, {file.name}, on {case.name}:"
                console.print(f"{head}\n{found}", markup=False)
                if isinstance(found, BadNode):
                    console.print(_file_it(runner, native, found, args.cut, relative), markup=False)
                return 1
    names = ", ".join(case.name for case in cases)
    console.print(f"{plans[0].name}, {file.name}: outputs agree on {names}")
    return 0


def _file_it(
    runner: Runner, native: Runner, found: BadNode, path: Path | None, relative: float
) -> str:
    """What to do next: the node alone in a file, if it was asked for, and whom to tell."""
    versions = ", ".join(f"{name} {number}" for name, number in runner.versions.items())
    if path is None:
        return f"in {versions}; --cut OUT.onnx writes a file of this node alone, to send along"
    place = found.innermost.place
    assert place is not None
    try:
        inputs, expected = write_cut(place, native_witness(native), path)
    except RunnerError as error:
        return f"in {versions}; {path} could not be cut out: {error}"
    case = path.with_suffix(".npz")
    alone = _try(runner, path, inputs, expected, relative)
    return (
        f"in {versions}\n{path} and {case} hold this node alone, which {alone}\n"
        "to file it, send both, these lines, and the command that shows it:\n"
        f"  python -m verify --model {path} --reference {case} --runtimes {runner.name}\n"
        f"  {ISSUES}"
    )


def _try(runner: Runner, path: Path, inputs: Tensors, expected: Tensors, relative: float) -> str:
    """Whether the fault shows without the nodes around it."""
    try:
        runner.load(path)
        seen = runner.run(inputs)
    except RunnerError as error:
        return f"stops the runtime too: {error}"
    faults = [find_fault(seen[name], value, relative) for name, value in expected.items()]
    shown = next(filter(None, faults), None)
    return (
        f"shows the fault: {shown}" if shown else "is right alone: the fault needs its neighbours"
    )


def _files(
    model: str, variant: str, folder: Path, against: Path | None
) -> tuple[Path, Path | None]:
    if model.endswith(".onnx"):
        if not Path(model).is_file():
            raise BisectError(f"{model} does not exist")
        return Path(model), against
    manifest = Manifest.read(folder)
    file = folder / manifest.find(model, variant).path
    return file, against or (folder / manifest.find(model).path if variant != "fp32" else None)


def _cases(file: Path, args: argparse.Namespace) -> list[StoredCase]:
    opened = read_onnx(file)
    inputs = [port.name for port in opened.inputs]
    signals: Sequence[str] = args.signals
    if args.reference or args.input:
        return [read_case(args.reference or args.input, opened, outputs=bool(args.reference))]
    if len(inputs) != 1:
        raise BisectError(f"{file.name} takes {', '.join(inputs)}: give them with --input FILE.npz")
    chosen: tuple[Signal, ...] = standard()
    chosen = select(chosen, signals) if signals else tuple(s for s in chosen if s.brief)
    return [
        StoredCase(s.name, {inputs[0]: s.samples.reshape(1, 1, -1)}, {}, {}, {}) for s in chosen
    ]
