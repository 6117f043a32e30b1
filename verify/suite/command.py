"""The command that runs ONNX's node tests: python -m verify onnx-suite."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from verify.arguments import Names, above_zero
from verify.matrix import plan
from verify.matrix.matrix import examine
from verify.matrix.records import Subject
from verify.runtimes.driver import install
from verify.suite.collect import collect, subjects
from verify.suite.table import WORDS, sort


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    command = argparse.ArgumentParser(
        prog="python -m verify onnx-suite",
        description="Run the node tests of the onnx package in runtimes, and sort what comes out.",
    )
    command.add_argument(
        "--runtimes", action=Names, nargs="+", default=["native-off", "chromium-wasm"],
        help="the first is what the others are held against (default: native-off,chromium-wasm)",
    )  # fmt: skip
    command.add_argument(
        "--tests", action=Names, nargs="+", default=["*"], help="names or patterns"
    )
    command.add_argument("--out", type=Path, default=Path("dist/report"))
    command.add_argument(
        "--keep", type=Path, metavar="DIR", help="keep each test there, for verify --model DIR/NAME"
    )
    command.add_argument("--time-limit", type=above_zero, default=60, metavar="SECONDS")
    return command


def main(arguments: Sequence[str]) -> int:
    """Run the command; 1 where a test that agrees in the first runtime has other numbers in one."""
    args = parser().parse_args(arguments)
    plans, _ = plan.plan(
        args.runtimes, [], networks=None, installed=install.is_installed, brief=None,
        time_limit_seconds=args.time_limit, webgpu="software", apart=True,
    )  # fmt: skip
    console = Console(highlight=False, soft_wrap=True)
    with ExitStack() as stack:
        folder = args.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        made = list(subjects(collect(args.tests), folder))
        judged = [one for one in made if isinstance(one, Subject)]
        unfed = dict(one for one in made if not isinstance(one, Subject))
        with Progress(console=console, transient=True) as progress:
            total = sum(len(one.cases) for one in judged) * len(plans)
            task = progress.add_task("node tests", total=total)
            result = examine(judged, plans, lambda verdict: progress.advance(task))
    runtimes = [one.name for one in plans]
    table = sort(result, unfed, runtimes)
    page = table.write(args.out)
    for runtime in runtimes:
        counts = (f"{table.count(runtime, word)} {word}" for word in WORDS)
        console.print(f"{runtime}: " + ", ".join(c for c in counts if not c.startswith("0 ")))
    wrong = [
        test
        for runtime in runtimes[1:]
        for test in table.only_in(runtime, runtimes[0])
        if table.status[runtime][test] == "disagrees"
    ]
    console.print(f"{len(wrong)} with other numbers than {runtimes[0]} has; {page}")
    return 1 if wrong else 0
