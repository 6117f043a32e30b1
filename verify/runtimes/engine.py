"""The engine in real browsers and in Node, as the page ships it, a stage at a time.

A runner takes the path of a stage's file, as onnxruntime does, and uses the module and the weights
that compute the same stage, from the manifest beside it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from export.manifest import Manifest, ModelFile, sha256_of
from verify.compare import Array
from verify.runtimes.browser import run_stream
from verify.runtimes.runners import RunnerError, Tensors
from verify.runtimes.session import Runtime, Session
from verify.runtimes.wire import pack, unpack

NODE_SCRIPT = Path(__file__).with_name("engine_node.mjs")

ENGINES: dict[str, Runtime] = {
    runtime.name: runtime
    for browser in ("chromium", "firefox", "webkit")
    for runtime in (
        Runtime(f"{browser}-engine", browser, backend="engine"),
        Runtime(f"{browser}-engine-relaxed", browser, backend="engine-relaxed"),
    )
}


class Parts(NamedTuple):
    """The module and weights that compute a stage."""

    stage: ModelFile
    module: Path
    weights: Path

    @property
    def digest(self) -> str:
        """SHA-256 over module and weights."""
        both = sha256_of(self.module) + sha256_of(self.weights)
        return hashlib.sha256(both.encode()).hexdigest()


def find_parts(file: Path, *, relaxed: bool) -> Parts:
    """The module and weights beside a stage's file; RunnerError if they are not the manifest's."""
    manifest = Manifest.read(file.parent)
    stage = next((one for one in manifest.files if one.path == file.name and one.stage), None)
    if stage is None:
        raise RunnerError(f"{file.name} is no stage of the manifest beside it")
    weights = next((one for one in manifest.engines if one.model == stage.model), None)
    module = next((one for one in manifest.modules if one.relaxed == relaxed), None)
    if weights is None or module is None:
        raise RunnerError(f"the manifest has no engine for {stage.model}; run `make export` again")
    for entry in (module, weights):
        if sha256_of(file.parent / entry.path) != entry.sha256:
            raise RunnerError(f"{entry.path} is not the manifest's file; run `make export` again")
    return Parts(stage, file.parent / module.path, file.parent / weights.path)


class EngineRunner(Session):
    """The engine in one browser, behind ``runners.Runner``."""

    page = "runtimes/page/engine.html"

    def __init__(self, runtime: Runtime, **options: object) -> None:
        super().__init__(runtime, **options)  # type: ignore[arg-type]
        self._stage: ModelFile | None = None

    def prove_installed(self) -> None:
        """The library is part of this checkout."""

    def start_runtime(self) -> dict[str, str]:
        """Load the library's engine."""
        script = f"{self.server.root}lib/engine/module.js"
        self.call("start the engine", self.limits.start, "start", {"script": script})
        return {}

    def load(self, file: Path, sha256: str | None = None) -> None:
        """Open the engine for a stage's model, in a fresh browser if the last step failed.

        The stage's own file is not read, and its hash not compared.
        """
        parts = find_parts(file, relaxed=self.runtime.backend == "engine-relaxed")
        if self.tab is None:
            self.start()
        self.versions["engine"] = sha256_of(parts.module)[:12]
        paths = [self.server.lay(path.read_bytes()) for path in (parts.module, parts.weights)]
        stage = str(parts.stage.stage)
        try:
            self.call(f"load {file.name}", self.limits.load, "load", parts.digest, *paths, stage)
        finally:
            self.server.clear()
        self._stage = parts.stage

    def run(self, inputs: Mapping[str, Array]) -> Tensors:
        """Run the stage once."""
        if self._stage is None:
            raise RunnerError(f"{self.name}: no stage is loaded")
        wires, data = pack(inputs)
        path = self.server.lay(data)
        target = self.server.expect()
        shapes = {output.name: output.shape[:-1] for output in self._stage.outputs}
        try:
            what = f"run {self._stage.title}"
            made = self.call(what, self.limits.run, "run", wires, path, target, shapes)
            return unpack(self.server.blobs[target], made)
        finally:
            self.server.clear()

    def stream(
        self, stages: Sequence[ModelFile], folder: Path, audio: Array, chunk_frames: int
    ) -> Tensors:
        """Run the library's stream on the engine; see ``library.Streams``."""
        relaxed = self.runtime.backend == "engine-relaxed"
        parts = find_parts(folder / stages[0].path, relaxed=relaxed)
        if self.tab is None:
            self.start()
        self.versions["engine"] = sha256_of(parts.module)[:12]
        module, weights = (self.server.lay(p.read_bytes()) for p in (parts.module, parts.weights))
        opened = {"hash": parts.digest, "module": module, "weights": weights}
        return run_stream(self, stages, audio, chunk_frames, opened)


class NodeEngineRunner:
    """The engine in Node, without a browser: the quickest check of the shipped files."""

    name = "node-engine"

    def __init__(self) -> None:
        self.versions: dict[str, str] = {}
        self._parts: Parts | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._opened = ""

    def __enter__(self) -> Self:
        if shutil.which("node") is None:
            raise RunnerError(f"{self.name}: node is not installed")
        found = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
        self.versions = {"node": found.stdout.strip()}
        return self

    def __exit__(self, *exception: object) -> None:
        if self._process:
            self._process.kill()
            self._process.communicate()
        self._process, self._opened = None, ""

    def load(self, file: Path, sha256: str | None = None) -> None:
        """Open the engine for a stage's model; the stage's own file is not read."""
        parts = find_parts(file, relaxed=False)
        if parts.digest != self._opened:
            self.__exit__()
            command = ["node", str(NODE_SCRIPT), str(parts.module), str(parts.weights)]
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe)
            self._opened = parts.digest
        self._parts = parts
        self.versions["engine"] = sha256_of(parts.module)[:12]

    def run(self, inputs: Mapping[str, Array]) -> Tensors:
        """Run the stage once."""
        if self._process is None or self._parts is None:
            raise RunnerError(f"{self.name}: no stage is loaded")
        lengths = {name: value.size for name, value in inputs.items()}
        head = {"stage": self._parts.stage.stage, "lengths": lengths}
        body = b"".join(np.ascontiguousarray(one, "<f4").tobytes() for one in inputs.values())
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            stdin.write(json.dumps(head).encode() + b"\n" + body)
            stdin.flush()
            found = json.loads(stdout.readline())
            arrays = {name: stdout.read(4 * count) for name, count in found.items()}
        except (OSError, ValueError):
            _, complaint = self._process.communicate()
            self.__exit__()
            reason = (complaint.decode().strip() or "it ended").splitlines()[-1]
            raise RunnerError(f"{self.name}: could not run {head['stage']}: {reason}") from None
        shapes = {output.name: output.shape[:-1] for output in self._parts.stage.outputs}
        return {
            name: np.frombuffer(data, "<f4").reshape((*map(int, shapes[name]), -1))
            for name, data in arrays.items()
        }
