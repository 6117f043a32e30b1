"""A page in a browser of its own, driven by Playwright."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any, Literal, Protocol, TypeVar

from playwright.async_api import (
    BrowserType,
    CDPSession,
    ConsoleMessage,
    Dialog,
    Error,
    Page,
    async_playwright,
)

from verify.runtimes.driver import launch
from verify.runtimes.driver.launch import BrowserName
from verify.runtimes.failures import first_line

T = TypeVar("T")
WebGPU = Literal["software", "hardware"]
CLOSE_SECONDS = 10


class TabError(RuntimeError):
    """A page or its browser failed; the message says why in one line."""


class Tab(Protocol):
    """A page in a browser; after an error it must be closed."""

    version: str
    """The browser's version, once it is open."""
    complaints: list[str]
    """Uncaught errors of the page, and what it told its user."""

    def open(self, url: str, limit_seconds: float) -> None:
        """Start the browser and load a page; TabError, TimeoutError, BrowserMissingError."""

    def evaluate(self, function: str, arguments: Sequence[object], limit_seconds: float) -> Any:  # noqa: ANN401  # what the page returned
        """Call a function of one list in the page and wait for it; TabError, TimeoutError."""

    def close(self) -> None:
        """End the browser."""


class PlaywrightTab:
    """A page in Chromium, Firefox or Playwright's own WebKit."""

    def __init__(self, browser: BrowserName, webgpu: WebGPU | None = None) -> None:
        self.version = ""
        self.complaints: list[str] = []
        self.warnings: list[str] = []
        """What the page and its workers wrote to the console as warnings."""
        self._browser = browser
        self._webgpu = webgpu
        self._events = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._page: Page
        self._devtools: CDPSession | None = None

    def open(self, url: str, limit_seconds: float) -> None:
        """As Tab.open."""
        self._wait(self._open(url), limit_seconds)

    async def _open(self, url: str) -> None:
        playwright = await self._stack.enter_async_context(async_playwright())
        browser_type: BrowserType = getattr(playwright, self._browser)
        installed = launch.find(self._browser, browser_type.executable_path)
        browser = await launch.launch(browser_type, installed, webgpu=self._webgpu)
        self._stack.push_async_callback(browser.close)
        self.version = browser.version
        page = self._page = await browser.new_page()
        page.on("pageerror", lambda error: self.complaints.append(first_line(error)))
        page.on("crash", lambda _: self.complaints.append("the page crashed"))
        page.on("dialog", self._dismiss)
        page.on("console", self._note)
        if self._browser == "chromium":
            self._devtools = await browser.new_browser_cdp_session()
        await page.goto(url)

    def _note(self, message: ConsoleMessage) -> None:
        if message.type == "warning":
            self.warnings.append(message.text)

    async def _dismiss(self, dialog: Dialog) -> None:
        self.complaints.append(dialog.message)
        await dialog.accept()

    def evaluate(self, function: str, arguments: Sequence[object], limit_seconds: float) -> Any:  # noqa: ANN401  # as Tab.evaluate
        """As Tab.evaluate."""
        return self._wait(self._page.evaluate(function, list(arguments)), limit_seconds)

    def list_processes(self, limit_seconds: float) -> list[dict[str, Any]] | None:
        """The browser's processes with type, id and cpuTime in seconds; only in Chromium."""
        if self._devtools is None:
            return None
        answer = self._wait(self._devtools.send("SystemInfo.getProcessInfo"), limit_seconds)
        found: list[dict[str, Any]] = answer["processInfo"]
        return found

    def collect_garbage(self, limit_seconds: float) -> None:
        """Let Chromium's page free what nothing refers to any more; TabError in other browsers."""
        self._wait(self._collect_garbage(), limit_seconds)

    async def _collect_garbage(self) -> None:
        session = await self._page.context.new_cdp_session(self._page)
        await session.send("HeapProfiler.collectGarbage")
        await session.detach()

    def close(self) -> None:
        """As Tab.close."""
        with suppress(TimeoutError, TabError):  # dead or hung: it goes with its driver
            self._wait(self._stack.aclose(), CLOSE_SECONDS)
        self._events.close()

    def _wait(self, work: Coroutine[Any, Any, T], limit_seconds: float) -> T:
        try:
            return self._events.run(asyncio.wait_for(work, limit_seconds))
        except Error as error:
            raise TabError(first_line(error)) from None
