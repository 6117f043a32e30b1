"""Find a browser where it is, get it where it is missing, and start it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from playwright.async_api import Browser, BrowserType, Playwright

BrowserName = Literal["chromium", "firefox", "webkit"]

_COMMANDS: dict[BrowserName, tuple[str, ...]] = {
    "chromium": ("chromium", "chromium-browser", "google-chrome", "microsoft-edge", "msedge"),
    "firefox": ("firefox-esr", "firefox"),
    "webkit": (),
}
"""The system's browsers on the PATH. WebKit is driven in Playwright's own build alone."""

_APPLICATIONS: dict[BrowserName, tuple[str, ...]] = {
    "chromium": (
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    ),
    "firefox": ("/Applications/Firefox.app/Contents/MacOS/firefox",),
    "webkit": (),
}

_PACKAGES = {"chromium": "chromium", "firefox": "firefox-esr"}
"""Debian's names."""

_QUIET = (
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_SOFTWARE_WEBGPU = (
    "--enable-unsafe-webgpu",
    "--enable-features=Vulkan",
    "--use-webgpu-adapter=swiftshader",
    "--use-vulkan=swiftshader",
)
_HARDWARE_WEBGPU = ("--enable-unsafe-webgpu", "--enable-features=Vulkan")


@dataclass(frozen=True)
class Installed:
    """A browser on this machine."""

    browser: BrowserName
    path: Path
    bundled: bool
    """True for Playwright's own build."""


class BrowserMissingError(RuntimeError):
    """No browser of that kind is installed; the message says what to type."""


def find(playwright: Playwright, browser: BrowserName) -> Installed:
    """Playwright's own build, else the system's; BrowserMissingError if there is neither."""
    bundled = Path(_type(playwright, browser).executable_path)
    if bundled.is_file():
        return Installed(browser, bundled, bundled=True)
    for command in _COMMANDS[browser]:
        if path := shutil.which(command):
            return Installed(browser, Path(path), bundled=False)
    for application in _APPLICATIONS[browser]:
        if Path(application).is_file():
            return Installed(browser, Path(application), bundled=False)
    raise BrowserMissingError(
        f"{browser} is not installed; `make browsers` gets it"
        + ("" if _PACKAGES.get(browser) else f" (or: playwright install {browser})")
    )


async def launch(
    playwright: Playwright, installed: Installed, *, webgpu: Literal["software", "hardware"] | None
) -> Browser:
    """Start it without a window; playwright.async_api.Error where it does not start."""
    options: dict[str, Any] = {"headless": True}
    if not installed.bundled:
        options["executable_path"] = installed.path
    if installed.browser == "chromium":
        # Playwright's default headless shell has no WebGPU; its full build does.
        if installed.bundled:
            options["channel"] = "chromium"
        gpu = {"software": _SOFTWARE_WEBGPU, "hardware": _HARDWARE_WEBGPU, None: ()}[webgpu]
        options["args"] = [*_QUIET, *gpu]
        options["chromium_sandbox"] = hasattr(os, "geteuid") and os.geteuid() != 0
    elif installed.browser == "firefox" and not installed.bundled:
        # A Firefox without Playwright's patches speaks WebDriver BiDi.
        options["channel"] = "moz-firefox"
    return await _type(playwright, installed.browser).launch(**options)


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


def _type(playwright: Playwright, browser: BrowserName) -> BrowserType:
    kind: BrowserType = getattr(playwright, browser)
    return kind
