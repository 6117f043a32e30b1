"""Publish to noteDigger: exactly the bytes that passed verification.

python -m verify publish DIR [--restore] [--dry-run]
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from export.manifest import ModelFile
from verify.publish.app.checkout import FOLDER, WORKERS, Checkout, CheckoutError, open_checkout
from verify.publish.app.letter import write_letter
from verify.publish.app.patch import EDITS, Patch, make_patch
from verify.publish.app.published import (
    find_originals,
    read_original,
    refuse_foreign_changes,
    replace_all,
    restore,
)
from verify.publish.contract import find_publishable
from verify.publish.gate import PublishError
from verify.publish.judge import heard, recordings
from verify.publish.judge.changes import compare, print_changes
from verify.publish.workers import read_workers, require_workers
from verify.runtimes.runners import RunnerError


@dataclass(frozen=True)
class Parcel:
    """What will be written into the app, by path below its root."""

    files: Mapping[str, bytes]
    patch: Patch | None
    """None where only the models are published."""
    models: tuple[ModelFile, ...]


def main(arguments: Sequence[str]) -> int:
    """Run the command; its exit status, 2 where publishing is refused."""
    args = _parser().parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    try:
        checkout = open_checkout(args.folder)
        if args.restore:
            _restore(console, checkout, dry=args.dry_run)
            return 0
        _publish(console, checkout, args)
    except (
        PublishError,
        CheckoutError,
        recordings.RecordingError,
        RunnerError,
        OSError,
    ) as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(
            f"error: {error}", style="bold red", markup=False
        )
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m verify publish",
        description="Give noteDigger the models that passed the last `make verify`, workers that "
        "run them, and a small patch; all of it or nothing.",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="a noteDigger checkout")
    parser.add_argument("--models", type=Path, default=Path("dist/models"), metavar="DIR")
    parser.add_argument("--report", type=Path, default=Path("dist/report"), metavar="DIR")
    parser.add_argument(
        "--workers",
        type=Path,
        default=Path("dist/notedigger"),
        metavar="DIR",
        help="what `python -m web notedigger` wrote",
    )
    parser.add_argument("--files-only", action="store_true", help="publish the two models alone")
    parser.add_argument("--no-patch", action="store_true", help="leave the app's scripts alone")
    parser.add_argument(
        "--recordings",
        type=Path,
        metavar="DIR",
        help="judge on these too: .wav or .flac, each with its notes (.tsv, .mid) beside it",
    )
    parser.add_argument("--no-browser", action="store_true", help="do not judge the app")
    parser.add_argument("--force", action="store_true", help="publish though the app gets worse")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("dist/publish"),
        metavar="DIR",
        help="for the diff and a note to the app's maintainer",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would change, change nothing"
    )
    parser.add_argument("--restore", action="store_true", help="put back what publishing replaced")
    return parser


def _restore(console: Console, checkout: Checkout, *, dry: bool) -> None:
    if dry:
        originals = find_originals(checkout)
        console.print("dry run: nothing was changed; --restore would")
        for path, content in originals.items():
            what = "remove" if content is None else "put back"
            console.print(f"  {what} {path}", markup=False)
    else:
        console.print(f"restored: {', '.join(restore(checkout))}", markup=False)


def _publish(console: Console, checkout: Checkout, args: argparse.Namespace) -> None:
    refuse_foreign_changes(checkout)
    parcel = pack(checkout, args)
    print_changes(console, [compare(checkout, args.models / m.path, m) for m in parcel.models])
    if args.files_only:
        for warning in warn_of_thresholds(checkout, parcel.models):
            console.print(f"[bold yellow]warning:[/] {warning}")
    worse = ""
    if args.no_browser:
        console.print("the app was not judged: --no-browser")
    else:
        with console.status("read recordings") as status:
            rows = heard.compare_workers(
                checkout.root, parcel.files, recordings.read_all(args.recordings), status.update
            )
        heard.print_heard(console, rows)
        worse = heard.describe_worse(rows)
    if parcel.patch:
        _tell_of_patch(console, args.out, parcel.patch, shown=args.dry_run)
    if worse and not args.force:
        raise PublishError(
            f"the app would find fewer of the notes: {worse}; nothing was changed; "
            "--force publishes all the same"
        )
    if args.dry_run:
        console.print("dry run: nothing was changed; it would write")
        for path, content in parcel.files.items():
            console.print(f"  {path}, {len(content)} bytes", markup=False)
        return
    replace_all(checkout, parcel.files)
    console.print(f"published {len(parcel.files)} files to {checkout.root}; undo with --restore")


def pack(checkout: Checkout, args: argparse.Namespace) -> Parcel:
    """Everything that will be written; PublishError if a part may not be published."""
    models = tuple(find_publishable(args.models, args.report))
    files = {(FOLDER / m.path).as_posix(): (args.models / m.path).read_bytes() for m in models}
    if args.files_only:
        return Parcel(files, None, models)
    require_workers(checkout)
    for path, content in read_workers(args.workers, args.models, args.report).items():
        files[(FOLDER / path).as_posix()] = content
    patch = Patch({}, "", "--no-patch")
    if not args.no_patch:
        patch = make_patch({path: read_original(checkout, path) for path in EDITS})
    return Parcel({**files, **patch.files}, patch, models)


def warn_of_thresholds(checkout: Checkout, models: Sequence[ModelFile]) -> list[str]:
    """What to say of models whose thresholds do not stand in the worker that will run them."""
    warnings = []
    for worker, model in zip(WORKERS, models, strict=True):
        path = checkout.models / worker
        if not path.is_file():
            continue
        script = path.read_text(encoding="utf-8", errors="replace")
        wanted = (model.thresholds.frame, model.thresholds.onset)
        if not all(f"{value:g}" in script for value in wanted):
            warnings.append(
                f"{model.path} is made for the thresholds frame {wanted[0]:g}, onset "
                f"{wanted[1]:g}, and {worker} has others, so the app may find fewer of the notes; "
                "--recordings DIR shows it, and without --files-only the worker goes with its model"
            )
    return warnings


def _tell_of_patch(console: Console, out: Path, patch: Patch, *, shown: bool) -> None:
    write_letter(out, patch)
    if patch.left_out:
        console.print(
            f"the app's scripts stay as they are, without progress and cancel: {patch.left_out}",
            markup=False,
        )
    elif shown:
        console.print(patch.diff, markup=False)
    console.print(f"the diff, and a note for the app's maintainer: {out}", markup=False)
