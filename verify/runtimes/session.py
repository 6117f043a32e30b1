"""One onnxruntime-web in one page of a browser of its own: starting, calling, ending.

Any failure ends the browser: an error, a dead browser, a hang that exceeds the time limit.
``start`` opens a fresh one, so that nothing runs on the remains of a failure.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from verify.runtimes.driver.install import locate
from verify.runtimes.driver.launch import BrowserMissingError, BrowserName
from verify.runtimes.driver.tab import PlaywrightTab, Tab, TabError, WebGPU
from verify.runtimes.driver.webdriver import WebDriverTab
from verify.runtimes.failures import HangError, RunnerError, failure
from verify.runtimes.loopback import Loopback
from web import packages
from web.packages import NODE_MODULES as NODE_MODULES

PAGE = Path(__file__).parent / "page"
LIBRARY = Path(__file__).parents[2] / "web" / "lib"


@dataclass(frozen=True)
class Runtime:
    """A browser, a version of onnxruntime-web and a backend."""

    name: str
    browser: BrowserName
    backend: Literal["wasm", "webgpu", "engine", "engine-relaxed"] = "wasm"
    """The first two are onnxruntime-web's."""
    threads: int = 1
    package: str = "onnxruntime-web"
    """As web/package-lock.json calls it."""
    script: str = "ort.wasm.min.mjs"
    """In the package's dist folder."""


@dataclass(frozen=True)
class Limits:
    """Seconds after which a step counts as hung."""

    start: float = 90
    load: float = 120
    run: float = 300


class Session:
    """A page with one onnxruntime-web, open while its block lasts.

    ``mounts`` are folders by the first part of their path, served beside the page's own and
    onnxruntime-web's. ``page`` is its path among them.
    """

    page = "runtimes/page/index.html"

    def __init__(
        self,
        runtime: Runtime,
        *,
        mounts: Mapping[str, Path] | None = None,
        node_modules: Path | None = None,
        limits: Limits | None = None,
        webgpu: WebGPU = "software",
    ) -> None:
        self.name = runtime.name
        self.versions: dict[str, str] = {}
        self.runtime = runtime
        self.limits = limits or Limits()
        self.tab: Tab | None = None
        """None after a failure: ``start`` opens another."""
        found = packages.find(runtime.package)
        self._package = node_modules / runtime.package if node_modules else found
        own = {"runtimes/page": PAGE, "lib": LIBRARY, "ort": self._package / "dist"}
        self._mounts = {**own, **(mounts or {})}
        self._webgpu = webgpu if runtime.backend == "webgpu" else None

    def __enter__(self) -> Self:
        self.prove_installed()
        self.server = Loopback(self._mounts)
        self.server.__enter__()
        try:
            self.start()
        except BaseException:
            self.server.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._close()
        self.server.__exit__(*exception)

    def prove_installed(self) -> None:
        """RunnerError where onnxruntime-web is not there, and cannot be had."""
        try:
            packages.get(self.runtime.package)
        except packages.PackageError as error:
            raise RunnerError(f"{self.name}: {error}") from None
        if not (self._package / "dist" / self.runtime.script).is_file():
            raise RunnerError(
                f"{self.name}: {self.runtime.package} is not installed; run `npm --prefix web ci` "
                f"first, or give --runtime-dir DIR: it is not in {self._package.parent}"
            )

    def start(self) -> None:
        """Open a fresh browser; RunnerError if it or what runs in it does not start."""
        self.server.missing.clear()
        self.tab = self._make_tab()
        with self._attempt("start the browser", self.limits.start):
            self.tab.open(self.server.url + self.page, self.limits.start)
        version = self.tab.version
        self.versions = {self.runtime.browser: version, **self.start_runtime()}

    def start_runtime(self) -> dict[str, str]:
        """Start onnxruntime-web in the page; its versions."""
        options = {
            "script": f"{self.server.root}ort/{self.runtime.script}",
            "wasmPaths": f"{self.server.root}ort/",
            "backend": self.runtime.backend,
            "threads": self.runtime.threads,
        }
        about: dict[str, str] = self.call(
            "start onnxruntime-web", self.limits.start, "start", options
        )
        package = json.loads((self._package / "package.json").read_text(encoding="utf-8"))
        if about["onnxruntime-web"] != package["version"]:
            self._close()
            raise RunnerError(
                f"{self.name}: {self.runtime.script} says that it is onnxruntime-web "
                f"{about['onnxruntime-web']}, its package.json {package['version']}; "
                "run `npm --prefix web ci`"
            )
        return about

    def _make_tab(self) -> Tab:
        if self.runtime.browser == "webkit":
            try:
                locate("webkit")
            except BrowserMissingError:
                return WebDriverTab()
        return PlaywrightTab(self.runtime.browser, self._webgpu)

    def call(self, what: str, limit_seconds: float, function: str, *arguments: object) -> Any:  # noqa: ANN401  # what the page returned
        """Call a function of the page's ``runtime``; RunnerError, HangError."""
        if self.tab is None:
            raise RunnerError(f"{self.name}: no model is loaded")
        with self._attempt(what, limit_seconds):
            return self.tab.evaluate(
                f"args => runtime.{function}(...args)", arguments, limit_seconds
            )

    @contextmanager
    def _attempt(self, what: str, limit_seconds: float) -> Iterator[None]:
        assert self.tab is not None
        error: Callable[[str], RunnerError] = failure
        try:
            yield
            return
        except TimeoutError:
            error, problem = HangError, f"hung: could not {what} within {limit_seconds:g} s"
        except TabError as cause:
            problem = f"could not {what}: {cause}"
        except BrowserMissingError as cause:
            problem = str(cause)
        except BaseException:
            self._close()
            raise
        notes = [
            *self.tab.complaints,
            *(f"{path} was not found" for path in self.server.missing),
        ]
        self._close()
        raise error("; ".join([f"{self.name}: {problem}", *dict.fromkeys(notes)])) from None

    def _close(self) -> None:
        if self.tab is not None:
            self.tab.close()
        self.tab = None
