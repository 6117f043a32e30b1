"""The library's own stream, in the page: the JavaScript that users run.

Python's StreamRunner does the same from outside, and stays as the reference of what a stream is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, Self, runtime_checkable

from export.manifest import Manifest, ModelFile
from verify.compare import Array
from verify.runtimes.runners import Runner, RunnerError, Tensors
from verify.runtimes.stream import FRAME_SAMPLES, clean_audio


@runtime_checkable
class Streams(Protocol):
    """A runner whose page can run the library's stream."""

    def stream(
        self, stages: Sequence[ModelFile], folder: Path, audio: Array, chunk_frames: int
    ) -> Tensors:
        """Outputs by name for finite samples; RunnerError, HangError."""


class LibraryRunner:
    """A browser that streams a model's stages where others run its file."""

    def __init__(self, runner: Runner, manifest: Manifest, chunk_frames: int | None = None) -> None:
        self._runner = runner
        self._manifest = manifest
        self._chunk_frames = chunk_frames
        self._stages: tuple[ModelFile, ...] = ()
        self._folder = Path()

    @property
    def name(self) -> str:
        """The runtime's."""
        return self._runner.name

    @property
    def versions(self) -> dict[str, str]:
        """The runtime's."""
        return self._runner.versions

    def __enter__(self) -> Self:
        self._runner.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._runner.__exit__(*exception)

    def load(self, file: Path, sha256: str | None = None) -> None:
        """Find the stages beside the whole model's file, which is not read."""
        model = next((one.model for one in self._manifest.files if one.path == file.name), "")
        self._stages = self._manifest.find_stages(model)
        if not self._stages:
            raise RunnerError(f"{self.name}: the manifest names no stages of {file.name}")
        self._folder = file.parent

    def run(self, inputs: Mapping[str, Array]) -> Tensors:
        """``audio`` (1, 1, samples) → onset, frame and, where stages make one, embedding."""
        audio = clean_audio(inputs["audio"]).reshape(-1)
        total = -(-audio.size // FRAME_SAMPLES)
        chunk = min(self._chunk_frames or -(-total // 3), total)
        assert isinstance(self._runner, Streams)
        return self._runner.stream(self._stages, self._folder, audio, chunk)
