"""Get the browsers that are missing: ``make browsers``."""

from __future__ import annotations

import argparse
import asyncio
import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from playwright.async_api import async_playwright
from rich.console import Console

from verify.runtimes.driver import webdriver
from verify.runtimes.driver.launch import BrowserMissingError, BrowserName, Installed, find
from verify.runtimes.driver.trial import find_fault, read_version

NEEDED: tuple[BrowserName, ...] = ("chromium", "firefox")
"""Browsers that the matrix needs."""
WELCOME: tuple[BrowserName, ...] = ("webkit",)
"""Browsers that are used if installed; the report lists what was left out."""
_PACKAGES: dict[BrowserName, tuple[str, ...]] = {
    "chromium": ("chromium",),
    "firefox": ("firefox-esr",),
    "webkit": webdriver.PACKAGES,
}
"""Debian's package names."""


def locate(browser: BrowserName) -> Installed:
    """Find one browser that Playwright drives; BrowserMissingError if there is none."""
    return find(browser, _list_bundled()[browser])


@functools.cache
def _list_bundled() -> dict[str, str]:
    """Browser → path of Playwright's own build, installed or not."""

    async def ask() -> dict[str, str]:
        async with async_playwright() as playwright:
            types = (playwright.chromium, playwright.firefox, playwright.webkit)
            return {one.name: one.executable_path for one in types}

    return asyncio.run(ask())


def locate_any(browser: BrowserName) -> Installed:
    """Find one browser, driven by Playwright or, if it is WebKit, by WebDriver.

    BrowserMissingError if it is not installed or cannot be driven; the message says why.
    """
    try:
        return locate(browser)
    except BrowserMissingError:
        if browser != "webkit":
            raise
    found = Installed(browser, Path(webdriver.find().driver), bundled=False)
    if fault := find_fault(found):
        raise BrowserMissingError(fault)
    return found


def is_installed(browser: BrowserName) -> bool:
    """Whether a browser is installed and can be driven."""
    try:
        locate_any(browser)
    except BrowserMissingError:
        return False
    return True


def main(arguments: Sequence[str]) -> int:
    """Run the command; its exit status, 2 if Chromium or Firefox is still missing."""
    parser = argparse.ArgumentParser(
        prog="python -m verify browsers",
        description="Find browsers, drive each once, and get those that are missing.",
    )
    parser.add_argument("--list", action="store_true", help="only list those that are installed")
    only_list = parser.parse_args(arguments).list
    console = Console(highlight=False, soft_wrap=True)
    missing = _look(console)
    if missing and not only_list:
        get(missing)
        missing = _look(console)
    lacking = [browser for browser in missing if browser in NEEDED]
    if lacking and not only_list:
        names = ", ".join(lacking)
        console.print(
            f"cannot get {names}: neither Playwright's download nor the system's packages worked; "
            f"install a version that can be driven, so that `make browsers` finds it on the PATH"
        )
    return 2 if lacking else 0


def _look(console: Console) -> list[BrowserName]:
    missing: list[BrowserName] = []
    for browser in (*NEEDED, *WELCOME):
        try:
            path = locate_any(browser).path
            stated = read_version(path)
            console.print(f"{browser}: {path}{stated and f', {stated}'}", markup=False)
        except BrowserMissingError as error:
            console.print(f"{browser}: not found: {error}", markup=False)
            missing.append(browser)
    return missing


def get(browsers: Sequence[BrowserName]) -> None:
    """Install browsers: Playwright's download, then the system's packages for the rest."""
    for way in (_download, _install_packages):
        if browsers := [browser for browser in browsers if not is_installed(browser)]:
            way(browsers)


def _download(browsers: Sequence[BrowserName]) -> None:
    for browser in browsers:  # one at a time: there may be no build of one for this system
        subprocess.run([sys.executable, "-m", "playwright", "install", browser], check=False)


def _install_packages(browsers: Sequence[BrowserName]) -> None:
    if not shutil.which("apt-get"):
        return
    prefix = [] if os.geteuid() == 0 else ["sudo"]
    # Outdated package lists offer old browsers, which Playwright may not be able to drive.
    subprocess.run([*prefix, "apt-get", "update"], check=False)
    for browser in browsers:
        command = [*prefix, "apt-get", "install", "--yes", *_PACKAGES[browser]]
        subprocess.run(command, check=False)
