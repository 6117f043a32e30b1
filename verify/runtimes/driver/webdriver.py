"""A page in WebKit over W3C WebDriver: Debian's WebKitGTK under Xvfb, or Safari on a Mac.

Playwright drives only its own build of WebKit. Where that is not available, this drives the same
engine: https://www.w3.org/TR/webdriver2/. The code for Safari has never been run.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from verify.runtimes.driver.launch import BrowserMissingError
from verify.runtimes.driver.tab import TabError

PACKAGES = ("webkit2gtk-driver", "xvfb")
"""Debian's packages for ``find``."""
_BROWSERS = "*/webkit2gtk-4.*/MiniBrowser"
"""In /usr/lib, by architecture and version."""
_FOR_EVER_MS = 86_400_000
"""The driver's own limit, out of the way: limits are kept here, and a hung browser is killed."""
_CALL = """const [list, done] = arguments;
Promise.resolve().then(() => ({function})(list)).then(
  (value) => done({{ value: value ?? null }}),
  (error) => done({{ error: String(error) }}),
);"""

_LOAD = """async () => {
  if (document.readyState === "complete") return;
  await new Promise((done) => addEventListener("load", done));
}"""


@dataclass(frozen=True)
class Installed:
    """WebKit on this machine."""

    driver: str
    browser: str | None
    """WebKitGTK's MiniBrowser; None for Safari."""


def find() -> Installed:
    """Safari's driver on a Mac, else WebKitGTK's with Xvfb; BrowserMissingError without them."""
    if sys.platform == "darwin" and (safari := shutil.which("safaridriver")):
        return Installed(safari, None)
    driver = shutil.which("WebKitWebDriver")
    browsers = sorted(Path("/usr/lib").glob(_BROWSERS))
    if driver and browsers and shutil.which("Xvfb"):
        return Installed(driver, str(browsers[-1]))
    raise BrowserMissingError("webkit is not installed; `make browsers` gets it")


def is_installed() -> bool:
    """Whether ``find`` succeeds."""
    try:
        find()
    except BrowserMissingError:
        return False
    return True


class WebDriverTab:
    """A page in WebKit; a ``tab.Tab``."""

    def __init__(self) -> None:
        self.version = ""
        self.complaints: list[str] = []  # WebDriver does not say
        self._processes: list[subprocess.Popen[bytes]] = []
        self._home: Path | None = None
        self._deadline = 0.0
        self._path = ""
        """Address of the session's commands."""

    def open(self, url: str, limit_seconds: float) -> None:
        """As Tab.open."""
        installed = find()
        self._deadline = time.monotonic() + limit_seconds
        environment = dict(os.environ)
        capabilities: dict[str, Any] = {"browserName": "safari"}
        if installed.browser:
            environment |= self._prepare_display()
            options = {"binary": installed.browser, "args": ["--automation"]}
            capabilities = {"webkitgtk:browserOptions": options}
        self._port = _find_free_port()
        driver = self._start([installed.driver, f"--port={self._port}"], env=environment)
        self._wait_for_port(driver)
        session = self._send("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
        self._path = f"/session/{session['sessionId']}"
        found = session["capabilities"]
        self.version = f"{found['browserName']} {found['browserVersion']}"
        self._send("POST", "/timeouts", {"script": _FOR_EVER_MS, "pageLoad": _FOR_EVER_MS})
        self._send("POST", "/url", {"url": url})
        self.wait_for_load(self._deadline - time.monotonic())

    def wait_for_load(self, limit_seconds: float) -> None:
        """Wait for the load event: WebKitGTK 2.50.6 answers before an isolated page has it."""
        self.evaluate(_LOAD, [], limit_seconds)

    def evaluate(self, function: str, arguments: Sequence[object], limit_seconds: float) -> Any:  # noqa: ANN401  # as Tab.evaluate
        """As Tab.evaluate, without code that the page's policy could forbid."""
        self._deadline = time.monotonic() + limit_seconds
        script = _CALL.format(function=function)
        answer = self._send("POST", "/execute/async", {"script": script, "args": [list(arguments)]})
        if "error" in answer:
            raise TabError(answer["error"])
        return answer["value"]

    def close(self) -> None:
        """As Tab.close: end every process that was started, and their children."""
        for process in reversed(self._processes):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._processes.clear()
        if self._home:
            shutil.rmtree(self._home, ignore_errors=True)

    def _prepare_display(self) -> dict[str, str]:
        """Start an invisible screen; return WebKitGTK's environment."""
        self._home = Path(tempfile.mkdtemp(prefix="webkit-"))
        read, write = os.pipe()
        screen = ["-screen", "0", "1280x1024x24", "-nolisten", "tcp"]
        self._start(["Xvfb", "-displayfd", str(write), *screen], pass_fds=(write,))
        os.close(write)
        with os.fdopen(read) as stream:  # which ends with Xvfb
            display = stream.readline().strip()
        if not display:
            raise TabError("Xvfb did not start")
        homes = {f"XDG_{name}_HOME": f"{self._home}/{name}" for name in ("CACHE", "DATA", "CONFIG")}
        return homes | {
            "DISPLAY": f":{display}",
            "GDK_BACKEND": "x11",
            "JSC_useSharedArrayBuffer": "1",  # missing by default, even in an isolated page
            "NO_AT_BRIDGE": "1",
        }

    def _start(self, command: list[str], **options: Any) -> subprocess.Popen[bytes]:  # noqa: ANN401  # Popen's own
        """Start a process in its own group, so that ``close`` ends its children too."""
        process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            **options,
        )
        self._processes.append(process)
        return process

    def _wait_for_port(self, driver: subprocess.Popen[bytes]) -> None:
        while driver.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), timeout=1):
                return
            if time.monotonic() > self._deadline:
                raise TimeoutError
            time.sleep(0.05)
        raise TabError(f"the driver ended with status {driver.returncode}")

    def _send(self, method: str, path: str, body: object) -> Any:  # noqa: ANN401  # the driver's answer
        remaining = max(self._deadline - time.monotonic(), 0.01)
        connection = HTTPConnection("127.0.0.1", self._port, timeout=remaining)
        try:
            headers = {"Content-Type": "application/json"}
            connection.request(method, self._path + path, json.dumps(body), headers)
            answer = connection.getresponse()
            value = json.loads(answer.read())["value"]
        except (ConnectionError, HTTPException, ValueError) as error:
            raise TabError(f"the driver does not answer: {error}") from None
        finally:
            connection.close()
        if answer.status != 200:
            raise TabError(f"{value['error']}: {value['message']}")
        return value


def _find_free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
