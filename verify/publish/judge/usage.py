"""Memory and time of noteDigger's page against length, as it is and as published.

python -m verify notedigger-usage DIR [--minutes 3,12,20,30]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soundfile
from rich.console import Console

from export.catalog import RATE_HZ
from export.example import read_example
from verify.arguments import Numbers, above_zero
from verify.publish.app.checkout import FOLDER, WORKERS, CheckoutError, open_checkout
from verify.publish.gate import PublishError
from verify.publish.judge.notedigger import read_replaced
from verify.runtimes.app_page import ENTRIES, AppPage
from verify.runtimes.driver.launch import BrowserMissingError
from verify.runtimes.runners import RunnerError

FILE_NAME = "notedigger.json"
SIDES = ("as it is", "published")
HEADING = (
    "| noteDigger's page in Chromium | minutes | after import, MB | while it decodes, peak MB "
    "| transcribing as it is, peak MB | published, peak MB | CPU time, published ÷ as it is |"
)


@dataclass(frozen=True)
class Point:
    """One run of the app: memory of its page's process, CPU time of the transcription."""

    model: str
    minutes: float
    side: str
    imported_bytes: int
    """Before anything runs: what the app holds."""
    decoding_bytes: int
    """At the peak until the app has samples for its worker: Chromium's decoding, on both sides."""
    peak_bytes: int
    """At the peak from then on, what the app holds included."""
    cpu_seconds: float
    fault: str
    """What the app said instead of notes; empty if it gave some."""


def main(arguments: Sequence[str]) -> int:
    """Run the command; 0, or 2 if something could not be measured."""
    parser = argparse.ArgumentParser(
        prog="python -m verify notedigger-usage",
        description="Peak memory and CPU time of noteDigger's page in Chromium, on the bundled "
        "music repeated to each length in stereo; `make readme` writes the table.",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="a noteDigger checkout")
    parser.add_argument("--models", type=Path, default=Path("dist/models"), metavar="DIR")
    parser.add_argument("--workers", type=Path, default=Path("dist/notedigger"), metavar="DIR")
    parser.add_argument(
        "--minutes", action=Numbers, nargs="+", default=[3.0, 12.0, 20.0, 30.0], metavar="M,M"
    )
    parser.add_argument("--out", type=Path, default=Path("dist/report"), metavar="DIR")
    parser.add_argument("--time-limit", type=above_zero, default=1200, metavar="SECONDS")
    parser.set_defaults(files_only=False, no_patch=False)
    args = parser.parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    try:
        checkout = open_checkout(args.folder)
        sides = dict(zip(SIDES, ({}, read_replaced(checkout, args)), strict=True))
        points = read(args.out)
        for minutes in args.minutes:
            with tempfile.TemporaryDirectory() as folder:
                audio = write_music(Path(folder) / "music.flac", minutes)
                for model in ENTRIES:
                    for side, files in sides.items():
                        point = measure(
                            checkout.root, files, audio, model, minutes, side, args.time_limit
                        )
                        points[model, minutes, side] = point
                        write(points, args.out)
                        console.print(
                            f"{model}, {minutes:g} min, {side}: {point.peak_bytes / 1e6:.0f} MB, "
                            f"{point.cpu_seconds:.1f} s {point.fault}",
                            markup=False,
                        )
    except (CheckoutError, PublishError, RunnerError, BrowserMissingError, OSError) as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(
            f"error: {error}", style="bold red", markup=False
        )
        return 2
    return 0


def write_music(path: Path, minutes: float) -> Path:
    """The bundled music, repeated, in stereo, as FLAC: recordings so long come compressed."""
    mono = np.resize(read_example()[0, 0], round(60 * minutes * RATE_HZ))
    soundfile.write(path, np.stack([mono, mono], 1), RATE_HZ)
    return path


def measure(
    root: Path,
    replaced: Mapping[str, bytes],
    audio: Path,
    model: str,
    minutes: float,
    side: str,
    limit_seconds: float,
) -> Point:
    """One transcription in a page of its own; one that fails is a point too."""
    workers = [(FOLDER / name).as_posix() for name in WORKERS]
    with AppPage(root, workers, replaced, limit_seconds=limit_seconds) as page:
        with page.watch() as watch:
            page.import_audio(audio)
            before = page.measure()
            try:
                run = page.transcribe(model, audio, lambda _: None)
            except RunnerError as error:
                peak = watch.peak(before.process)
                return Point(model, minutes, side, before.memory_bytes, peak, peak, 0.0, str(error))
            after = page.measure()
        return Point(
            model,
            minutes,
            side,
            imported_bytes=before.memory_bytes,
            decoding_bytes=watch.peak(after.process, until=run.began),
            peak_bytes=watch.peak(after.process, since=run.began),
            cpu_seconds=after.cpu_seconds - before.cpu_seconds,
            fault="; ".join(run.complaints) or ("" if run.notes else "no notes"),
        )


Key = tuple[str, float, str]


def read(folder: Path) -> dict[Key, Point]:
    """Earlier figures, so that single points can be measured again; PublishError if unreadable."""
    path = folder / FILE_NAME
    if not path.is_file():
        return {}
    try:
        points = [Point(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]
    except (ValueError, TypeError) as error:
        raise PublishError(f"{path}: {error}; remove it, and measure again") from None
    return {(point.model, point.minutes, point.side): point for point in points}


def write(points: Mapping[Key, Point], folder: Path) -> None:
    """Write the figures."""
    folder.mkdir(parents=True, exist_ok=True)
    content = json.dumps([asdict(points[key]) for key in sorted(points)], indent=1)
    beside = folder / f"{FILE_NAME}.part"
    beside.write_text(content + "\n", encoding="utf-8")
    beside.replace(folder / FILE_NAME)


def write_table(points: Mapping[Key, Point]) -> Iterator[str]:
    """A row for each model and length, in Markdown."""
    yield HEADING
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for model, minutes in sorted({(one.model, one.minutes) for one in points.values()}):
        old, new = (points.get((model, minutes, side)) for side in SIDES)
        imported = max(one.imported_bytes for one in (old, new) if one)
        decoding = max(one.decoding_bytes for one in (old, new) if one)
        both = old and new and not old.fault and not new.fault and old.cpu_seconds > 0
        ratio = f"{new.cpu_seconds / old.cpu_seconds:.2f}" if both and old and new else "–"
        own = _megabytes(imported), _megabytes(decoding)
        cells = (model, f"{minutes:g}", *own, _peak(old), _peak(new), ratio)
        yield f"| {' | '.join(cells)} |"


def _peak(point: Point | None) -> str:
    if point is None:
        return "–"
    return "fails" if point.fault else _megabytes(point.peak_bytes)


def _megabytes(number: int) -> str:
    return f"{round(number / 1e6):,}".replace(",", " ")
