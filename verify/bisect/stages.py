"""The first bad stage of the engine: its tensors cannot be exposed, but its stages stand apart.

Every stage gets the inputs that native onnxruntime has from the stages before it, so a fault is
seen in the stage that makes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from export.manifest import Manifest
from verify.bisect.search import RELATIVE, find_fault
from verify.compare import Array
from verify.runtimes.runners import NativeRunner, Runner, Tensors
from verify.runtimes.stream import StreamRunner


class BadStageError(Exception):
    """A stage that gave something else from the same inputs; the message names it."""


class Paired:
    """Runs each file in a suspected runner and in a good one, and goes on with the good outputs."""

    def __init__(self, suspect: Runner, good: Runner, relative: float) -> None:
        self.name = suspect.name
        self.versions = suspect.versions
        self._suspect, self._good, self._relative = suspect, good, relative
        self._file = Path()

    def __enter__(self) -> Self:
        self._good.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._good.__exit__(*exception)

    def load(self, file: Path, sha256: str | None = None) -> None:
        """Load a stage in both."""
        self._good.load(file, sha256)
        self._suspect.load(file, sha256)
        self._file = file

    def run(self, inputs: Mapping[str, Array]) -> Tensors:
        """Run it in both; BadStageError where they differ."""
        truth = self._good.run(inputs)
        seen = self._suspect.run(inputs)
        for name, wanted in truth.items():
            found = f"no {name}" if name not in seen else None
            fault = found or find_fault(seen[name], wanted, self._relative)
            if fault:
                raise BadStageError(f"{self._file.name}, output {name}: {fault}")
        return truth


def find_bad_stage(
    runner: Runner,
    folder: Path,
    model: str,
    inputs: Mapping[str, Array],
    relative: float = RELATIVE,
) -> str | None:
    """Search a model's stages in an entered runner; None if every output agrees."""
    manifest = Manifest.read(folder)
    with StreamRunner(Paired(runner, NativeRunner("off"), relative), manifest) as stream:
        stream.load(folder / manifest.find(model).path)
        try:
            stream.run(inputs)
        except BadStageError as error:
            return str(error)
    return None
