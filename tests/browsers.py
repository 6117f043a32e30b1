"""Real browsers for the tests, started and stopped here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, sync_playwright

from tests.patience import PATIENCE_SECONDS
from verify.runtimes.driver.launch import _QUIET, BrowserMissingError, BrowserName, find


@contextmanager
def open_browser(name: BrowserName) -> Iterator[Browser]:
    """A browser without a window; the test is skipped if it is not installed."""
    with sync_playwright() as playwright:
        try:
            installed = find(name, getattr(playwright, name).executable_path)
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
            options["channel"] = "moz-firefox"
        try:
            browser = getattr(playwright, name).launch(**options)
        except Error as error:
            pytest.fail(f"{name} is installed and did not start: {error}")
        try:
            yield browser
        finally:
            browser.close()
