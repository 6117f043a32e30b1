"""The command: judge exported files in every runtime, and write the report.

Exit status: 0 if everything agrees; 1 if something disagrees, or a runtime fails to run it; 2 if
the command, a file or the set-up is wrong, or something could not be judged: not started, not
supported, stopped at a limit, not deterministic; 3 if this tool itself crashed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import secrets
import sys
import traceback
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from export.manifest import FILE_NAME, Manifest, ManifestError, sha256_of
from verify.bisect.search import BisectError
from verify.cases.archive import CaseError
from verify.compare import LOOSE
from verify.matrix import contract, foreign, golden, networks, options, plan, signals, subjects
from verify.matrix.kept import FILE_NAME as VERDICTS
from verify.matrix.kept import KeptVerdicts
from verify.matrix.matrix import examine
from verify.matrix.records import LeftOut, Plan, Result, Subject, Verdict
from verify.matrix.references import FOLDER
from verify.report.report import Report
from verify.runtimes.driver import install, launch
from verify.runtimes.onnx_file import ModelFileError
from verify.runtimes.runners import RunnerError
from web import packages

_COMMANDS = {
    "bench": "bench.command",
    "browsers": "runtimes.driver.install",
    "bisect": "bisect.command",
    "epsilon": "epsilon.command",
    "lengths": "bench.lengths",
    "notedigger": "publish.judge.notedigger",
    "notedigger-usage": "publish.judge.usage",
    "onnx-suite": "suite.command",
    "publish": "publish.publish",
    "release": "publish.release",
    "soak": "bench.soak",
}
"""Imported when they are called: some need torch, which judging a file does not."""
MISTAKES = (
    ManifestError,
    BisectError,
    CaseError,
    contract.ContractError,
    ModelFileError,
    RunnerError,
    launch.BrowserMissingError,
    signals.SignalError,
    subjects.SubjectError,
)
"""What the user can put right, each in one line."""
CRASHED = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit status."""
    argv = list(sys.argv[1:] if arguments is None else arguments)
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        if argv and argv[0] in _COMMANDS:
            command = importlib.import_module(f"{__package__}.{_COMMANDS[argv[0]]}")
            status: int = command.main(argv[1:])
            return status
        return _matrix(options.parser().parse_args(argv))
    except MISTAKES as error:
        errors.print("[bold red]error:[/]", escape(_printable(str(error))))
        return 2
    except golden.GoldenError as error:
        errors.print("[bold red]disagrees:[/]", escape(str(error)))
        return 1
    except KeyboardInterrupt:
        errors.print("stopped; no report was written")
        return 130
    except ModuleNotFoundError as error:
        if error.name in (None, "export", "verify", "web"):
            raise
        missing = (
            f"this needs {error.name}: pip install 'tiny-amt[export]', in a checkout make setup"
        )
        errors.print("[bold red]error:[/]", escape(missing))
        return 2
    except Exception:  # of ours: it must not look like a disagreement
        traceback.print_exc()
        errors.print(
            "[bold red]crashed:[/] a fault of this tool, not of the model; please report it"
        )
        return CRASHED


def _printable(text: str) -> str:
    """One line without control characters, which a file's names may hold."""
    return "".join(c if c.isprintable() else " " for c in text)


def _matrix(args: argparse.Namespace) -> int:
    if args.runtime_dir:
        os.environ[packages.FOLDER] = str(args.runtime_dir.absolute())
    anyone = args.given or args.against or args.make_reference
    judge = _foreign if anyone else _deployed
    with _progress(Console(quiet=args.quiet, highlight=False)) as progress:
        report = judge(args, progress)
    report.write(args.out)
    return _tell(Console(highlight=False, soft_wrap=True), args.out, report)


def _foreign(args: argparse.Namespace, progress: Progress) -> Report:
    plans, left_out = _plan(args, None, None, apart=True)
    chosen, why = foreign.foreign(args, left_out)
    result = _examine(progress, chosen, plans)
    return Report(chosen, result, left_out, why, versions=_versions())


def _deployed(args: argparse.Namespace, progress: Progress) -> Report:
    manifest = Manifest.read(args.folder)
    manifest_sha256 = sha256_of(args.folder / FILE_NAME)
    files = subjects.choose(manifest, args.models, args.variants)
    contract.check(args.folder, manifest, files)
    seed = secrets.randbelow(2**32) if args.seed is None else args.seed
    judged = [
        *signals.standard(),
        signals.fresh(seed),
        *(signals.load(path) for path in args.audio),
    ]
    judged = list(signals.select(judged, args.signals or ["*"]))
    brief = frozenset(s.name for s in judged if s.brief) or None
    references = networks.networks_of(manifest, args.checkpoints)
    beside = ThreadPoolExecutor(1)
    # Browsers are asked for their versions while PyTorch is imported.
    planned = beside.submit(_plan, args, references, brief)
    networks.prove_weights(manifest, files, args.checkpoints)
    proof = beside.submit(golden.prove_networks)
    plans, left_out = planned.result()
    models = {entry.model: entry for entry in files}
    given = {
        name: subjects.choose_signals(entry, judged, thorough=args.thorough)
        for name, entry in models.items()
    }
    left_out += [
        LeftOut(f"{name}, long signals", "random weights; --thorough judges them on all")
        for name, chosen_signals in given.items()
        if len(chosen_signals) < len(judged)
    ]
    total = sum(map(len, given.values()))
    task = progress.add_task("reference", total=total)

    def advance(name: str) -> None:
        progress.update(task, advance=1, description=f"reference: {name}")

    kept = None if args.fresh else FOLDER
    chosen = subjects.deployed(
        args.folder, files, judged, references, advance, kept, thorough=args.thorough
    )
    proof.result()
    wholes = list(chosen)
    chosen += subjects.streamed(args.folder, manifest, wholes)
    chosen += subjects.on_the_engine(args.folder, manifest, wholes)
    result = _examine(
        progress, chosen, plans, None if args.fresh else KeptVerdicts(args.out / VERDICTS)
    )
    why = {signal.name: signal.why for signal in judged}
    from verify.bench.lengths_results import read_plots

    plots = read_plots(args.out)
    return Report(
        chosen, result, left_out, why, _epsilon(args.out), _versions(), plots, manifest_sha256
    )


def _plan(
    args: argparse.Namespace,
    references: subjects.Networks | None,
    brief: frozenset[str] | None,
    *,
    apart: bool = False,
) -> tuple[list[Plan], list[LeftOut]]:
    return plan.plan(
        args.runtimes,
        args.without,
        networks=references,
        installed=install.is_installed,
        brief=brief,
        time_limit_seconds=args.time_limit,
        webgpu="hardware" if args.gpu else "software",
        apart=apart,
    )


def _examine(
    progress: Progress,
    chosen: Sequence[Subject],
    plans: Sequence[Plan],
    memory: KeptVerdicts | None = None,
) -> Result:
    total = sum(
        plan.takes(subject, case) for plan in plans for subject in chosen for case in subject.cases
    )
    task = progress.add_task("matrix", total=total)
    begun = set()

    def report(verdict: Verdict) -> None:
        name = f"{verdict.runtime}: {verdict.model} {verdict.variant}"
        progress.update(task, advance=1, description=name)
        if not progress.console.is_terminal and name not in begun:
            begun.add(name)  # no bar moves in a log
            progress.console.print(f"{len(begun)}. {name}", markup=False)
        if verdict.status != "agrees":
            progress.console.print(
                f"{verdict.status}: {name} on {verdict.signal}: {verdict.message}", markup=False
            )

    return examine(chosen, plans, report, memory)


def _tell(console: Console, folder: Path, report: Report) -> int:
    result = report.result
    total = len(result.verdicts)
    faults = [verdict for verdict in result.verdicts if verdict.status != "agrees"]
    for reason, names in report.left_out_by_reason().items():
        console.print(f"left out: {', '.join(names)} ({reason})", markup=False)
    for row in report.promises():
        if row["loose"]:
            console.print(
                f"warning: {row['variant']} {row['output']}: the tolerance {row['absolute']:g} is "
                f"over {LOOSE} times this run's largest error, {row['measured']:.2g}",
                markup=False,
            )
    page = folder / "index.html"
    if kept := sum(verdict.kept for verdict in result.verdicts):
        console.print(f"{kept} kept, {total - kept} judged; --fresh judges all")
    if result.passed:
        console.print(f"[bold green]all {total} comparisons agree[/]; {page}")
        return 0
    console.print(f"[bold red]{len(faults)} of {total} comparisons do not agree[/]; {page}")
    return 1 if any(verdict.status in ("disagrees", "failed") for verdict in faults) else 2


def _versions() -> dict[str, str]:
    return {
        "Python": platform.python_version(),
        "numpy": numpy.__version__,
        "platform": platform.platform(),
    }


def _epsilon(folder: Path) -> Mapping[str, Any] | None:
    from verify.epsilon.command import FILE_NAME

    path = folder / FILE_NAME
    if not path.is_file():
        return None
    found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<44}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )


if __name__ == "__main__":
    sys.exit(main())
