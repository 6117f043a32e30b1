"""Real browsers for the tests, started and stopped here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import pytest
from playwright.sync_api import Browser, BrowserType, Error, Playwright, sync_playwright

from tests.patience import PATIENCE_SECONDS
from verify.runtimes.driver.launch import _QUIET, SPARE, BrowserMissingError, BrowserName, find


@contextmanager
def open_browser(name: BrowserName) -> Iterator[Browser]:
    """A browser without a window; the test is skipped if it is not installed."""
    with Browsers() as browsers:
        yield browsers.open(name)


class Browsers:
    """Browsers that stay open while its block lasts, each started when it is first needed."""

    def __enter__(self) -> Self:
        self._playwright = sync_playwright().start()
        self._open: dict[BrowserName, Browser] = {}
        return self

    def __exit__(self, *exception: object) -> None:
        for browser in self._open.values():
            browser.close()
        self._playwright.stop()

    def open(self, name: BrowserName) -> Browser:
        """The open one, unless it died; the test is skipped if it is not installed."""
        browser = self._open.get(name)
        if browser is None or not browser.is_connected():
            browser = self._open[name] = _start(self._playwright, name)
        return browser


def _start(playwright: Playwright, name: BrowserName) -> Browser:
    browser_type: BrowserType = getattr(playwright, name)
    try:
        installed = find(name, browser_type.executable_path)
    except BrowserMissingError as error:
        pytest.skip(str(error))
    options: dict[str, Any] = {"timeout": 1000 * PATIENCE_SECONDS}
    if not installed.bundled:
        options["executable_path"] = installed.path
    if name == "chromium":
        options["args"] = [
            *_QUIET,
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
        ]
        options["chromium_sandbox"] = os.geteuid() != 0
    elif not installed.bundled:
        options |= {"channel": "moz-firefox", "firefox_user_prefs": SPARE}
    try:
        return browser_type.launch(**options)
    except Error as error:
        pytest.fail(f"{name} is installed and did not start: {error}")
