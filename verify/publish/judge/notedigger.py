"""Drive noteDigger itself, as it is and as publishing would make it, and compare what it finds.

python -m verify notedigger DIR [--audio FILE]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from export.example import EXAMPLE
from verify.arguments import above_zero
from verify.publish.app.checkout import (
    FILES,
    FOLDER,
    WORKERS,
    Checkout,
    CheckoutError,
    open_checkout,
)
from verify.publish.app.patch import EDITS, make_patch
from verify.publish.app.published import read_original
from verify.publish.gate import PublishError
from verify.publish.judge import recordings, verdicts
from verify.publish.judge.verdicts import Found
from verify.runtimes.app_page import ENTRIES, AppPage
from verify.runtimes.driver import launch
from verify.runtimes.runners import RunnerError

LEAST_F1 = 0.95
"""Smallest note F1 of new notes against old: upstream's guards differ, so a note may too."""
SEEDS = (0, 1)
"""Of the app's random start; the second, to see what chance does."""
DRAWS = ("septimbre",)
"""Models whose timbres depend on it."""


def main(arguments: Sequence[str]) -> int:
    """Run the command; 0 if the app is as good, 1 if not, 2 if nothing could be compared."""
    args = _parser().parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    try:
        checkout = open_checkout(args.folder)
        replaced = read_replaced(checkout, args)
        audio = args.audio.resolve(strict=True)
        scored = recordings.find_score(audio)
        score = recordings.read(audio) if scored else None
        if is_itself(checkout, replaced):
            console.print("these are the app's own files: it is compared with itself")
        with console.status("start") as status:

            def run(side: str, files: Mapping[str, bytes]) -> dict[str, list[Found]]:
                def show(step: str) -> None:
                    status.update(f"{side}: {step}")

                return run_app(checkout.root, files, audio, args.browser, args.time_limit, show)

            found = {"before": run("before", {}), "after": run("after", replaced)}
    except (
        CheckoutError,
        PublishError,
        RunnerError,
        launch.BrowserMissingError,
        recordings.RecordingError,
        OSError,
    ) as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(
            f"error: {error}", style="bold red", markup=False
        )
        return 2
    least_f1: float | None = args.note_f1
    if least_f1 is None and score is None and args.files_only:
        least_f1 = LEAST_F1
    rows = [
        verdicts.judge(
            model,
            found["before"][model],
            found["after"][model],
            score,
            least_f1=least_f1,
            repeatable=not args.files_only,
        )
        for model in ENTRIES
    ]
    verdicts.print_rows(console, rows)
    if score is None and least_f1 is None:
        console.print("no score is beside the recording, so nothing says which notes are right")
    if all(row.is_empty for row in rows):
        console.print(f"there are no notes in {escape(str(args.audio))}, before and after")
        return 1 if any(row.faults for row in rows) else 2
    good = not any(row.faults for row in rows)
    console.print("[bold green]noteDigger is as good[/]" if good else "[bold red]worse[/]")
    return 0 if good else 1


def is_itself(checkout: Checkout, replaced: Mapping[str, bytes]) -> bool:
    """Whether every file is the one that the app has."""
    own = {path: checkout.root / path for path in replaced}
    return all(own[p].is_file() and own[p].read_bytes() == data for p, data in replaced.items())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m verify notedigger",
        description="Import a recording through noteDigger's own page, transcribe it with the "
        "checkout's files and with those that publishing would write, and compare. Nothing is "
        "changed.",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="a noteDigger checkout")
    parser.add_argument("--models", type=Path, default=Path("dist/models"), metavar="DIR")
    parser.add_argument("--workers", type=Path, default=Path("dist/notedigger"), metavar="DIR")
    parser.add_argument("--files-only", action="store_true", help="the two models alone")
    parser.add_argument("--no-patch", action="store_true", help="with the app's own scripts")
    parser.add_argument(
        "--audio",
        type=Path,
        default=EXAMPLE,
        metavar="FILE",
        help="default: the bundled example; notes beside it (.tsv, .mid) are its score",
    )
    parser.add_argument(
        "--note-f1",
        type=float,
        metavar="X",
        help="required of new notes against old ones (default: nothing; with --files-only, and "
        f"no score, {LEAST_F1:g}, for files made from the same weights)",
    )
    parser.add_argument("--browser", choices=("chromium", "firefox"), default="chromium")
    parser.add_argument("--time-limit", type=above_zero, default=600, metavar="SECONDS")
    return parser


def read_replaced(checkout: Checkout, args: argparse.Namespace) -> dict[str, bytes]:
    """What publishing would write, passed or not, by path; OSError if a part is missing."""
    files = {(FOLDER / name).as_posix(): (args.models / name).read_bytes() for name in FILES}
    if args.files_only:
        return files
    for name in WORKERS:
        if not (args.workers / name).is_file():
            raise PublishError(
                f"{args.workers} has no {name}; run `python -m web notedigger` first"
            )
    for path in args.workers.rglob("*"):
        if path.is_file():
            name = (FOLDER / path.relative_to(args.workers)).as_posix()
            files[name] = path.read_bytes()
    if not args.no_patch:
        files |= make_patch({path: read_original(checkout, path) for path in EDITS}).files
    return files


def run_app(
    root: Path,
    replaced: Mapping[str, bytes],
    audio: Path,
    browser: launch.BrowserName,
    limit_seconds: float,
    on_step: Callable[[str], None],
) -> dict[str, list[Found]]:
    """The app's transcriptions by model; of septimbre, which draws, one for each seed.

    Raises HangError if it takes too long, RunnerError if the page or the recording is not right.
    """
    workers = [(FOLDER / name).as_posix() for name in WORKERS]
    found: dict[str, list[Found]] = {model: [] for model in ENTRIES}
    for seed in SEEDS:
        on_step("import")
        page = AppPage(
            root, workers, replaced, browser=browser, seed=seed, limit_seconds=limit_seconds
        )
        with page as app:
            app.decode(audio)
            app.import_audio(audio)
            for model in ENTRIES:
                if seed == SEEDS[0] or model in DRAWS:
                    run = app.transcribe(model, audio, partial(_name, on_step, model))
                    found[model].append(verdicts.read_run(run))
    return found


def _name(on_step: Callable[[str], None], model: str, share: str) -> None:
    on_step(f"{model}, {share}")
