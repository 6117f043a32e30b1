"""Get the browsers that are missing: ``make browsers``."""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

from playwright.async_api import BrowserType, async_playwright
from rich.console import Console

from verify.runtimes import webdriver
from verify.runtimes.launch import BrowserMissingError, BrowserName, Installed, find

WANTED: tuple[BrowserName, ...] = ("chromium", "firefox")
"""Browsers that the matrix needs; WebKit is used if installed."""
_PACKAGES = {"chromium": "chromium", "firefox": "firefox-esr"}
"""Debian's package names."""


def locate(browser: BrowserName) -> Installed:
    """Find one browser that Playwright drives; BrowserMissingError if it is not installed."""
    return find(browser, asyncio.run(_bundled(browser)))


async def _bundled(browser: BrowserName) -> str:
    async with async_playwright() as playwright:
        browser_type: BrowserType = getattr(playwright, browser)
        return browser_type.executable_path


def is_installed(browser: BrowserName) -> bool:
    """Whether a browser is installed; WebKit may be driven by WebDriver."""
    try:
        locate(browser)
    except BrowserMissingError:
        return browser == "webkit" and webdriver.is_installed()
    return True


def main(arguments: Sequence[str]) -> int:
    """Run the command; its exit status, 2 if a browser is still missing."""
    parser = argparse.ArgumentParser(
        prog="python -m verify browsers",
        description="Find Chromium and Firefox, and get those that are missing.",
    )
    parser.add_argument("--list", action="store_true", help="only list those that are installed")
    only_list = parser.parse_args(arguments).list
    console = Console(highlight=False)
    missing = _look(console)
    if missing and not only_list:
        install(missing)
        missing = _look(console)
    return 2 if missing else 0


def _look(console: Console) -> list[BrowserName]:
    missing: list[BrowserName] = []
    for browser in WANTED:
        try:
            console.print(f"{browser}: {locate(browser).path}", markup=False)
        except BrowserMissingError:
            console.print(f"{browser}: not installed")
            missing.append(browser)
    return missing


def install(browsers: list[BrowserName]) -> None:
    """Get browsers: Playwright's download, else the system's packages.

    BrowserMissingError if neither works.
    """
    command = [sys.executable, "-m", "playwright", "install", *browsers]
    if subprocess.run(command, check=False).returncode == 0:
        return
    packages = [_PACKAGES[browser] for browser in browsers if browser in _PACKAGES]
    if packages and shutil.which("apt-get"):
        prefix = [] if os.geteuid() == 0 else ["sudo"]
        command = [*prefix, "apt-get", "install", "--yes", *packages]
        if subprocess.run(command, check=False).returncode == 0:
            return
    raise BrowserMissingError(
        f"cannot get {', '.join(browsers)}: neither Playwright's download nor the system's "
        f"packages ({', '.join(packages) or 'none'}) worked; install them by hand"
    )
