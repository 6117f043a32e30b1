"""Drive noteDigger itself: with our files it must transcribe as with its own.

python -m verify notedigger DIR [--audio FILE]
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Dialog, Error, Page, async_playwright
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from export.catalog import HOP_SAMPLES, LOWEST_PITCH, NETWORK_RATE_HZ
from export.example import EXAMPLE
from verify.compare import DisagreementError
from verify.matrix.notes import Note, Transcription, agree
from verify.publish.checkout import FILES, FOLDER, CheckoutError, open_checkout
from verify.runtimes import launch
from verify.runtimes.loopback import Loopback
from verify.runtimes.runners import HangError, RunnerError, first_line

MOUNT = "app"
LEAST_F1 = 0.95
"""Smallest note F1 of new notes against old: upstream's guards differ, so a note may too."""
ENTRIES = {"basicamt": "人工智障扒谱", "septimbre": "音色分离扒谱"}
"""The app's menu entries by model; `Analyser` has a method of the model's name."""
PANEL = "#analysePannel"
IMPORT = "#filePannel > li:first-child"
CONFIRM = ".request-cover .ui-confirm"

# The app gives no sign when it is done: wrap the method it calls, and keep its promise.
_WATCH = """name => {
    const method = app.Analyser[name];
    app.Analyser[name] = (...args) => {
        const result = method.apply(app.Analyser, args);
        if (result instanceof Promise) globalThis.watched = result;
        return result;
    };
}"""
_CLICK = """([panel, text]) => {
    const entries = [...document.querySelectorAll(`${panel} > li`)];
    entries.find(entry => entry.textContent.includes(text)).click();
}"""
_NOTES = "() => app.MidiAction.midi.map(({x1, x2, y, ch}) => ({x1, x2, y, ch, dt: app.dt}))"


@dataclass(frozen=True)
class Heard:
    """The app's transcription of a recording."""

    transcription: Transcription
    complaints: tuple[str, ...]
    """Messages to the user, and errors in the page."""


def main(arguments: Sequence[str]) -> int:
    """Run the command; 0 if old and new notes agree, 1 if not, 2 if they could not be compared."""
    parser = argparse.ArgumentParser(
        prog="python -m verify notedigger",
        description="Import a recording through noteDigger's own page in Chromium, transcribe it "
        "with the checkout's models and with ours, and compare the notes. Nothing is changed.",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="a noteDigger checkout")
    parser.add_argument("--models", type=Path, default=Path("dist/models"), metavar="DIR")
    parser.add_argument(
        "--audio", type=Path, default=EXAMPLE, metavar="FILE", help="default: the bundled example"
    )
    parser.add_argument(
        "--note-f1",
        type=float,
        default=LEAST_F1,
        metavar="X",
        help="required of new notes against old ones (default: %(default)s, for files made "
        "from the same weights; others give other notes)",
    )
    parser.add_argument("--time-limit", type=float, default=600, metavar="SECONDS")
    args = parser.parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    try:
        root = open_checkout(args.folder).root
        ours = {f"{MOUNT}/{FOLDER.as_posix()}/{name}": args.models / name for name in FILES}
        replaced = {path: file.read_bytes() for path, file in ours.items()}
        audio = args.audio.resolve(strict=True)
        with console.status("noteDigger with its own models") as status:
            old = asyncio.run(listen(root, {}, audio, args.time_limit))
            status.update("noteDigger with ours")
            new = asyncio.run(listen(root, replaced, audio, args.time_limit))
    except (CheckoutError, RunnerError, launch.BrowserMissingError, OSError) as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(
            f"error: {error}", style="bold red", markup=False
        )
        return 2
    return tell(console, old, new, args.note_f1)


async def listen(
    root: Path, replaced: Mapping[str, bytes], audio: Path, limit_seconds: float
) -> dict[str, Heard]:
    """Open the app, with some of its files ``replaced`` by path, and transcribe as a user does.

    Raises HangError if a step takes too long, RunnerError if the page is not noteDigger's.
    """
    # Not isolated: isolation would make the app ask for a build with threads, which it lacks.
    with Loopback({MOUNT: root}, isolated=False) as server:
        server.blobs.update({server.root + path: data for path, data in replaced.items()})
        address = f"{server.url}{MOUNT}/index.html"
        step = "start Chromium"
        heard = {}
        try:
            async with asyncio.timeout(limit_seconds), async_playwright() as playwright:
                installed = launch.find("chromium", playwright.chromium.executable_path)
                browser = await launch.launch(playwright.chromium, installed, webgpu=None)
                for name in ENTRIES:
                    step = name
                    page, complaints = await _open(browser, address)
                    await _import(page, audio)
                    heard[name] = await _transcribe(page, name, audio, complaints)
                    await page.close()
        except TimeoutError:
            raise HangError(f"noteDigger: timed out after {limit_seconds:g} s in {step}") from None
        except Error as error:
            raise RunnerError(f"noteDigger: {step}: {first_line(error)}") from None
        return heard


async def _open(browser: Browser, address: str) -> tuple[Page, list[str]]:
    page = await browser.new_page()
    page.set_default_timeout(0)  # one limit for all steps together
    complaints: list[str] = []

    async def dismiss(dialog: Dialog) -> None:
        complaints.append(dialog.message)
        await dialog.accept()

    page.on("dialog", dismiss)
    page.on("pageerror", lambda error: complaints.append(first_line(error)))
    await page.goto(address)
    await page.wait_for_function("() => globalThis.app && globalThis.AI", timeout=30_000)
    return page, complaints


async def _import(page: Page, audio: Path) -> None:
    async with page.expect_file_chooser() as chooser:
        await page.evaluate("selector => document.querySelector(selector).click()", IMPORT)
    await (await chooser.value).set_files(audio)
    await page.locator(CONFIRM).click()
    await page.wait_for_function("() => app.Spectrogram._spectrogram")


async def _transcribe(page: Page, name: str, audio: Path, complaints: list[str]) -> Heard:
    await page.evaluate(_WATCH, name)
    async with page.expect_file_chooser() as chooser:
        await page.evaluate(_CLICK, [PANEL, ENTRIES[name]])
    await (await chooser.value).set_files(audio)
    if name == "septimbre":
        await page.locator(CONFIRM).click()
    await page.wait_for_function("() => globalThis.watched")
    await page.evaluate("() => globalThis.watched")
    return Heard(_read(await page.evaluate(_NOTES)), tuple(complaints))


def _read(found: Sequence[Mapping[str, Any]]) -> Transcription:
    """The app's notes, from its own time grid to frames; its channels are timbres."""
    frame_ms = 1000 * HOP_SAMPLES / NETWORK_RATE_HZ
    notes = tuple(
        Note(
            round(note["x1"] * note["dt"] / frame_ms),
            round(note["x2"] * note["dt"] / frame_ms),
            note["y"] + LOWEST_PITCH,
        )
        for note in found
    )
    return Transcription(notes, (tuple(int(note["ch"]) for note in found),))


def tell(
    console: Console, old: Mapping[str, Heard], new: Mapping[str, Heard], least_f1: float
) -> int:
    """Print both side by side; the exit status."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("", "notes", "note F1", "same timbre", ""):
        table.add_column(heading)
    agreed = True
    for name in ENTRIES:
        before, after = old[name], new[name]
        notes = f"{len(before.transcription.notes)} → {len(after.transcription.notes)}"
        try:
            found = agree(after.transcription, before.transcription)
        except DisagreementError as error:
            said = "; ".join([*before.complaints, *after.complaints, str(error)])
            table.add_row(name, notes, "", "", f"[red]{escape(said)}[/]")
            agreed = False
            continue
        good = found.f1 >= least_f1 and not after.complaints
        agreed = agreed and good
        said = "; ".join(after.complaints) or f"{least_f1:g} or more is required"
        timbre = "" if name == "basicamt" else f"{found.label_agreement:.1%}"
        table.add_row(name, notes, f"{found.f1:.3f}", timbre, "" if good else f"[red]{said}[/]")
    console.print(table)
    console.print(
        "[bold green]noteDigger finds the same notes[/]" if agreed else "[bold red]differs[/]"
    )
    return 0 if agreed else 1
