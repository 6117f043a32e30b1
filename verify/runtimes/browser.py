"""Runners in real browsers: browser x onnxruntime-web version x backend.

One page per runtime is reused for every model and signal; after a failure the next ``load`` opens
a fresh one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from export.manifest import ModelFile
from verify.compare import Array
from verify.runtimes.border import SUFFIX
from verify.runtimes.driver.launch import BrowserName
from verify.runtimes.ready import read_file, read_model
from verify.runtimes.runners import Tensors
from verify.runtimes.session import Runtime, Session
from verify.runtimes.wire import pack, unpack


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


class BrowserRunner(Session):
    """One runtime in one browser, behind ``runners.Runner``."""

    _wide: frozenset[str] = frozenset()
    """Inputs and outputs of the loaded model that have a Cast (border.py)."""

    def load(self, file: Path, sha256: str | None = None) -> None:
        """Create a session in the page, in a fresh browser if the last step failed."""
        model = read_model(self.name, file, sha256)
        if self.tab is None:
            self.start()
        self._wide = model.wide
        path = self.server.lay(model.content)
        outside = [
            {"path": part.location, "data": self.server.lay(part.path.read_bytes())}
            for part in model.external
        ]
        try:
            nodes = self.call(
                f"load {file.name}", self.limits.load, "load", model.digest, path, outside
            )
        finally:
            self.server.clear()
        if nodes:
            self.versions[f"nodes of {file.name}"] = nodes

    def run(self, inputs: Mapping[str, Array]) -> Tensors:
        """Run the page's session once."""
        wide = {name + SUFFIX if name in self._wide else name: v for name, v in inputs.items()}
        wires, data = pack(wide)
        path = self.server.lay(data)
        target = self.server.expect()
        shapes = ", ".join(f"{name} {list(value.shape)}" for name, value in inputs.items())
        try:
            made = self.call(f"run {shapes}", self.limits.run, "run", wires, path, target)
            outputs = unpack(self.server.blobs[target], made)
        finally:
            self.server.clear()
        return {name.removesuffix(SUFFIX): value for name, value in outputs.items()}

    def stream(
        self, stages: Sequence[ModelFile], folder: Path, audio: Array, chunk_frames: int
    ) -> Tensors:
        """Run the library's stream on these stages' files; see ``library.Streams``."""
        if self.tab is None:
            self.start()
        parts = []
        for stage in stages:
            content, digest = read_file(self.name, folder / stage.path, stage.sha256)
            parts.append({"hash": digest, "path": self.server.lay(content)})
        return run_stream(self, stages, audio, chunk_frames, parts)


def run_stream(
    session: Session,
    stages: Sequence[ModelFile],
    audio: Array,
    chunk_frames: int,
    parts: object,
) -> Tensors:
    """Call the page's ``stream``; ``parts`` are what it opens the stages from."""
    server = session.server
    path = server.lay(np.ascontiguousarray(audio, np.float32).tobytes())
    target = server.expect()
    files = json.loads(json.dumps([asdict(stage) for stage in stages]))
    what = f"stream {audio.size} samples through {stages[0].model}"
    library = f"{server.root}lib/"
    try:
        made = session.call(
            what, session.limits.run, "stream", library, files, parts, path, chunk_frames, target
        )
        return unpack(server.blobs[target], made)
    finally:
        server.clear()
