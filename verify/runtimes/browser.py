"""Runner over Playwright: browser x onnxruntime-web version x backend.

One page per runtime is reused for every model and signal. Whatever fails, by an error, by a
browser that died or by a hang that the time limit cuts, takes the whole browser down with it;
the next ``load`` starts a fresh one, so that no runtime is judged on another's remains.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

import numpy as np
from playwright.async_api import BrowserType, Error, Page, async_playwright

from verify.compare import Array
from verify.runtimes import launch
from verify.runtimes.launch import BrowserMissingError, BrowserName
from verify.runtimes.loopback import Loopback
from verify.runtimes.runners import HangError, RunnerError, Tensors, first_line

T = TypeVar("T")

NODE_MODULES = Path(__file__).parents[2] / "web" / "node_modules"
PAGE = Path(__file__).parent / "page"


@dataclass(frozen=True)
class Runtime:
    """What runs in a browser."""

    name: str
    browser: BrowserName
    backend: Literal["wasm", "webgpu"] = "wasm"
    threads: int = 1
    package: str = "onnxruntime-web"
    """Folder in node_modules."""
    script: str = "ort.wasm.min.mjs"
    """In the package's dist folder."""


def _of(browser: BrowserName) -> tuple[Runtime, ...]:
    return (
        Runtime(f"{browser}-wasm", browser),
        Runtime(f"{browser}-threads", browser, threads=2),
        # The version that noteDigger ships; its script is older than modules.
        Runtime(
            f"{browser}-wasm-1.18",
            browser,
            package="onnxruntime-web-1.18",
            script="ort.wasm.min.js",
        ),
        Runtime(f"{browser}-webgpu", browser, backend="webgpu", script="ort.webgpu.min.mjs"),
    )


RUNTIMES: dict[str, Runtime] = {
    runtime.name: runtime
    for browser in ("chromium", "firefox", "webkit")
    for runtime in _of(browser)
}


@dataclass(frozen=True)
class Limits:
    """Seconds after which a step counts as hung."""

    start: float = 90
    load: float = 120
    run: float = 300
    close: float = 10


class BrowserRunner:
    """One runtime in one browser, behind verify.runners.Runner."""

    def __init__(
        self,
        runtime: Runtime,
        *,
        node_modules: Path = NODE_MODULES,
        page: Path = PAGE,
        limits: Limits | None = None,
        webgpu: Literal["software", "hardware"] = "software",
    ) -> None:
        self.name = runtime.name
        self.versions: dict[str, str] = {}
        self._runtime = runtime
        self._dist = node_modules / runtime.package / "dist"
        self._folder = page
        self._limits = limits or Limits()
        self._webgpu = webgpu
        self._page: Page | None = None
        self._complaints: list[str] = []

    def __enter__(self) -> Self:
        if not (self._dist / self._runtime.script).is_file():
            raise RunnerError(
                f"{self.name}: {self._runtime.package} is not installed; "
                "run `npm --prefix web ci` first"
            )
        package = json.loads((self._dist.parent / "package.json").read_text(encoding="utf-8"))
        self.versions["onnxruntime-web"] = package["version"]
        self._events = asyncio.Runner()
        self._server = Loopback({"page": self._folder, "ort": self._dist})
        self._server.__enter__()
        try:
            self._start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._close()
        self._server.__exit__(*exception)
        self._events.close()

    def load(self, file: Path) -> None:
        """Create a session in the page, in a fresh browser if the last step failed."""
        if self._page is None:
            self._start()
        path = self._server.put(file.read_bytes())
        try:
            self._call(f"load {file.name}", self._limits.load, "load", path)
        finally:
            self._server.blobs.clear()

    def run(self, inputs: Mapping[str, Array]) -> Tensors:
        """Run the page's session once."""
        if self._page is None:
            raise RunnerError(f"{self.name}: no model is loaded")
        wires = [
            {
                "name": name,
                "dtype": value.dtype.name,
                "shape": list(value.shape),
                "path": self._server.put(np.ascontiguousarray(value).tobytes()),
            }
            for name, value in inputs.items()
        ]
        shapes = ", ".join(f"{name} {list(value.shape)}" for name, value in inputs.items())
        prefix = self._server.put()
        try:
            outputs = self._call(f"run {shapes}", self._limits.run, "run", wires, prefix)
            return {wire["name"]: self._tensor(wire) for wire in outputs}
        finally:
            self._server.blobs.clear()

    def _tensor(self, wire: dict[str, Any]) -> Array:
        data = np.frombuffer(self._server.blobs[wire["path"]], np.dtype(wire["dtype"]))
        return data.reshape(wire["shape"])

    def _start(self) -> None:
        self._stack = AsyncExitStack()
        self._complaints.clear()
        self._server.missing.clear()
        try:
            self._page = self._wait("start the browser", self._limits.start, self._open())
        except BrowserMissingError as error:
            raise RunnerError(f"{self.name}: {error}") from None
        options = {
            "script": f"/ort/{self._runtime.script}",
            "wasmPaths": "/ort/",
            "backend": self._runtime.backend,
            "threads": self._runtime.threads,
        }
        about = self._call("start onnxruntime-web", self._limits.start, "start", options)
        self.versions.update(about)

    async def _open(self) -> Page:
        playwright = await self._stack.enter_async_context(async_playwright())
        browser_type: BrowserType = getattr(playwright, self._runtime.browser)
        installed = launch.find(self._runtime.browser, browser_type.executable_path)
        webgpu = self._webgpu if self._runtime.backend == "webgpu" else None
        browser = await launch.launch(browser_type, installed, webgpu=webgpu)
        self._stack.push_async_callback(browser.close)
        self.versions[self._runtime.browser] = browser.version
        page = await browser.new_page()
        page.on("pageerror", lambda error: self._complaints.append(first_line(error)))
        page.on("crash", lambda _: self._complaints.append("the page crashed"))
        await page.goto(f"{self._server.origin}/page/index.html")
        await page.wait_for_function("globalThis.runtime !== undefined")
        return page

    def _call(self, what: str, limit: float, function: str, *arguments: object) -> Any:  # noqa: ANN401  # what the page returned
        assert self._page is not None
        script = f"args => runtime.{function}(...args)"
        return self._wait(what, limit, self._page.evaluate(script, list(arguments)))

    def _wait(self, what: str, limit: float, work: Coroutine[Any, Any, T]) -> T:
        error: type[RunnerError] = RunnerError
        try:
            return self._events.run(asyncio.wait_for(work, limit))
        except TimeoutError:
            error, problem = HangError, f"hung: could not {what} within {limit:g} s"
        except Error as cause:
            problem = f"could not {what}: {first_line(cause)}"
        except BaseException:
            self._close()
            raise
        notes = [*self._complaints, *(f"{path} was not found" for path in self._server.missing)]
        self._close()
        raise error("; ".join([f"{self.name}: {problem}", *dict.fromkeys(notes)]))

    def _close(self) -> None:
        self._page = None
        with suppress(TimeoutError, Error):  # dead or hung: it goes with its driver
            self._events.run(asyncio.wait_for(self._stack.aclose(), self._limits.close))
