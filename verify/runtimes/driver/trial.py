"""Whether an installed browser can be driven: tried once on a blank page, and remembered.

It may be too old or too new for this Playwright, or fail to start. Firefox ESR 140 starts, and then
lacks the command ``network.addDataCollector``.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, cast

from verify.runtimes import ourselves

if TYPE_CHECKING:
    from verify.runtimes.driver.launch import BrowserName, Installed

LIMIT_SECONDS = 150.0
"""Of the trial, and of asking for the version: under load a start can take a minute."""
PATIENCE_SECONDS = 10.0
"""Of what is asked to end."""


def find_fault(installed: Installed, limit_seconds: float = LIMIT_SECONDS) -> str | None:
    """Why a browser cannot be driven, in one sentence with what to type; None if it can.

    Success is remembered by path, version, modification time and Playwright's version. A failure
    is not: its cause may be gone the next time.
    """
    key = identify(installed, limit_seconds)
    if key in _recall():
        return None
    fault = _try(installed, limit_seconds)
    if fault is None:
        _remember(key)
        return None
    stated = read_version(installed.path, limit_seconds)
    needed = read_made_for(installed.browser)
    return (
        f"{installed.path} ({stated or 'version unknown'}) cannot be driven: {fault}; "
        f"Playwright {version('playwright')} is made for {installed.browser} {needed}; "
        "`make browsers` gets another"
    )


def identify(installed: Installed, limit_seconds: float = LIMIT_SECONDS) -> str:
    """A key that distinguishes one installed browser and its driver from any other."""
    stated = read_version(installed.path, limit_seconds)
    time_ns = installed.path.stat().st_mtime_ns
    return f"{installed.path} {stated} {time_ns} playwright {version('playwright')}"


@functools.cache
def read_version(path: Path, limit_seconds: float = LIMIT_SECONDS) -> str:
    """The output of ``--version``, such as ``Mozilla Firefox 153.7.0esr``; empty if it fails."""
    status, out, _ = _run([str(path), "--version"], limit_seconds)
    lines = [line.strip() for line in out.splitlines() if re.search(r"\d", line)]
    return lines[0] if status == 0 and lines else ""


def read_made_for(browser: BrowserName) -> str:
    """The version of this browser that the installed Playwright is built for."""
    import playwright

    folder = Path(playwright.__file__).parent / "driver" / "package"
    known = json.loads((folder / "browsers.json").read_text(encoding="utf-8"))["browsers"]
    return next(str(one["browserVersion"]) for one in known if one["name"] == browser)


def _try(installed: Installed, limit_seconds: float) -> str | None:
    """Drive it once in another process, which can be killed with everything it started."""
    command = [*ourselves.command(__name__), installed.browser]
    command += [str(installed.path), *(["bundled"] if installed.bundled else [])]
    status, out, errors = _run(command, limit_seconds)
    if status is None:
        return f"no answer within {limit_seconds:g} s"
    if status == 0 and out.strip() == "driven":
        return None
    lines = [line.strip() for line in (errors or out).splitlines() if line.strip()]
    return lines[-1] if lines else f"the trial ended with status {status}"


def _run(command: Sequence[str], limit_seconds: float) -> tuple[int | None, str, str]:
    """Exit status (None if it did not end in time), stdout and stderr."""
    try:
        process = subprocess.Popen(
            command,
            env=ourselves.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        return 127, "", str(error)
    try:
        out, errors = process.communicate(timeout=limit_seconds)
        return process.returncode, out, errors
    except subprocess.TimeoutExpired:
        return None, "", ""
    finally:
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    """End a process and all that it started.

    Playwright's driver starts a browser in a group of its own, which only the driver can end: so
    all are asked first, and killed if they are still there after a while.
    """
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        patient_until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < patient_until:
            process.poll()  # else it is still there, as a zombie
            os.killpg(process.pid, 0)
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _memory() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "tiny-amt" / "browsers.json"


def _recall() -> list[str]:
    try:
        found = json.loads(_memory().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return found if isinstance(found, list) else []


def _remember(key: str) -> None:
    """Store a key in place of the path's old one; if that fails, the next run tries again."""
    path = _memory()
    keys = [*(old for old in _recall() if old.split(" ")[0] != key.split(" ")[0]), key]
    part = path.with_suffix(f".{os.getpid()}")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(keys, indent=1), encoding="utf-8")
        part.replace(path)


async def _drive(installed: Installed) -> None:
    """Open a blank page and run a script in it; any failure raises."""
    from playwright.async_api import async_playwright

    from verify.runtimes.driver.launch import launch

    async with async_playwright() as playwright:
        browser = await launch(getattr(playwright, installed.browser), installed, webgpu=None)
        page = await browser.new_page()
        await page.goto("about:blank")
        await page.evaluate("document.title")
        await browser.close()


def _drive_by_webdriver() -> None:
    """The same over WebDriver."""
    from verify.runtimes.driver.webdriver import WebDriverTab

    tab = WebDriverTab()
    try:
        tab.open("about:blank", LIMIT_SECONDS)
        tab.evaluate("() => document.title", [], LIMIT_SECONDS)
    finally:
        tab.close()


def main(arguments: Sequence[str]) -> int:
    """Drive the browser of this kind and path; an error goes to stderr."""
    from verify.runtimes.driver.launch import Installed

    browser, path, *bundled = arguments
    installed = Installed(cast("BrowserName", browser), Path(path), bundled=bool(bundled))
    try:
        if browser == "webkit" and not bundled:
            _drive_by_webdriver()
        else:
            asyncio.run(_drive(installed))
    except Exception as error:  # any error is the answer
        print(_choose_line(str(error)), file=sys.stderr)
        return 1
    print("driven")
    return 0


def _choose_line(message: str) -> str:
    """The first line of Playwright's many."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return lines[0] if lines else "no reason was given"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
