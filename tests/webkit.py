"""A page in WebKit as a person uses it, over WebDriver."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tests.patience import PATIENCE_SECONDS
from verify.runtimes.driver.webdriver import WebDriverTab

_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""WebDriver's key of an element."""
_WAIT = """([selector]) => new Promise((resolve) => {
    const look = () => document.querySelector(selector) ? resolve() : setTimeout(look, 50);
    look();
})"""


class WebKitPage(WebDriverTab):
    """A tab that clicks, picks and waits as tests.page_driver does."""

    def wait(self, selector: str) -> None:
        """Wait until the selector matches something."""
        self.evaluate(_WAIT, [selector], PATIENCE_SECONDS)

    def read(self, expression: str) -> Any:  # noqa: ANN401  # what the page has
        """The value of an expression in the page."""
        return self.evaluate(f"async () => {expression}", [], PATIENCE_SECONDS)

    def reload(self) -> None:
        """Load the page again; WebKitGTK 2.50.6 hangs if it is sent to the address it has."""
        self._say("/refresh", {})
        self.wait_for_load(PATIENCE_SECONDS)

    def click(self, selector: str) -> None:
        """Click as a hand would: what a page allows for a gesture alone is allowed."""
        self._say(f"/element/{self._find(selector)}/click", {})

    def pick(self, selector: str, file: Path) -> None:
        """Choose a file."""
        self._say(f"/element/{self._find(selector)}/value", {"text": str(file)})

    def _find(self, selector: str) -> str:
        query = {"using": "css selector", "value": selector}
        found: str = self._say("/element", query)[_ELEMENT]
        return found

    def _say(self, path: str, body: object) -> Any:  # noqa: ANN401  # the driver's answer
        self._deadline = time.monotonic() + PATIENCE_SECONDS
        return self._send("POST", path, body)
