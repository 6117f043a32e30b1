"""Find an installed browser, and start it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from playwright.async_api import Browser, BrowserType

from verify.runtimes.driver.trial import find_fault

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

SPARE = {"extensions.enabledScopes": 0, "dom.ipc.processPrelaunch.enabled": False}
"""Preferences of Firefox: no add-ons, no processes that nobody waits for: a sixth of a start."""

START_MS = 120_000
"""Playwright gives up after 30 s, which is too soon on a busy machine."""


@dataclass(frozen=True)
class Installed:
    """A browser on this machine."""

    browser: BrowserName
    path: Path
    bundled: bool
    """True for Playwright's own build."""


class BrowserMissingError(RuntimeError):
    """No browser of that kind is installed; the message says what to type."""


def find(browser: BrowserName, bundled: str) -> Installed:
    """Find a browser that can be driven: Playwright's build, at ``bundled``, else the system's.

    BrowserMissingError if there is none; the message says why each installed one is unusable.
    """
    faults = []
    for installed in _list_candidates(browser, bundled):
        fault = find_fault(installed)
        if fault is None:
            return installed
        faults.append(fault)
    raise BrowserMissingError(
        "; ".join(faults) or f"{browser} is not installed; `make browsers` gets it"
    )


def _list_candidates(browser: BrowserName, bundled: str) -> Iterator[Installed]:
    if Path(bundled).is_file():
        yield Installed(browser, Path(bundled), bundled=True)
    for command in _COMMANDS[browser]:
        if path := shutil.which(command):
            yield Installed(browser, Path(path), bundled=False)
    for application in _APPLICATIONS[browser]:
        if Path(application).is_file():
            yield Installed(browser, Path(application), bundled=False)


async def launch(
    browser_type: BrowserType,
    installed: Installed,
    *,
    webgpu: Literal["software", "hardware"] | None,
) -> Browser:
    """Start it without a window; playwright.async_api.Error if it does not start."""
    options: dict[str, Any] = {"headless": True, "timeout": START_MS}
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
        options["firefox_user_prefs"] = SPARE
    return await browser_type.launch(**options)
