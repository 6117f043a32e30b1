"""References, PyTorch's outputs in float64: made once, kept on disk by what they depend on."""

from __future__ import annotations

import hashlib
import zipfile
from importlib.metadata import version
from pathlib import Path

import numpy as np

from export.manifest import ModelFile
from verify.runtimes.runners import Tensors, TorchRunner, hash_tensors

FOLDER = Path("dist/references")
MOST_BYTES = 2e9
"""Of what is kept; what was not used for longest goes."""
_EXPORT = Path(__file__).parents[2] / "export"
CODE = (
    *sorted((_EXPORT / "nets").glob("*.py")),
    *sorted((_EXPORT / "load").glob("*.py")),
    _EXPORT / "catalog.py",
    _EXPORT.parent / "verify" / "runtimes" / "runners.py",
)
"""Files that determine what a network computes."""


class References:
    """PyTorch's outputs for a model and inputs, from ``folder`` where they are kept there."""

    def __init__(self, runner: TorchRunner, folder: Path | None) -> None:
        self._runner = runner
        self._folder = folder
        self._loaded: ModelFile | None = None

    def make(self, models: Path, entry: ModelFile, inputs: Tensors) -> Tensors:
        """Outputs by name; RunnerError or SubjectError where the network cannot be run."""
        path = self._folder / f"{_key(entry, inputs)}.npz" if self._folder else None
        if path and (kept := _read(path)):
            return kept
        if self._loaded != entry:
            self._runner.load(models / entry.path)
            self._loaded = entry
        outputs = self._runner.run(inputs)
        if path:
            _write(path, outputs)
        return outputs


def _key(entry: ModelFile, inputs: Tensors) -> str:
    """A hash of everything that the outputs depend on: weights, code, version, signal."""
    digest = hashlib.sha256()
    weights = (entry.model, entry.checkpoint_sha256, entry.epsilon)
    names = tuple(output.name for output in entry.outputs)
    digest.update(repr((weights, names, version("torch"), version("numpy"))).encode())
    for path in CODE:
        digest.update(path.read_bytes())
    digest.update(hash_tensors(inputs).encode())
    return digest.hexdigest()


def _read(path: Path) -> Tensors | None:
    try:
        with np.load(path) as archive:
            kept = {name: archive[name] for name in archive.files}
        path.touch()
        return kept
    except (OSError, ValueError, zipfile.BadZipFile):
        return None  # not there, or half written


def _write(path: Path, outputs: Tensors) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    with beside.open("wb") as stream:
        np.savez(stream, **outputs)  # type: ignore[arg-type]  # its stub means an option
    beside.replace(path)
    _drop_oldest(path.parent)


def _drop_oldest(folder: Path) -> None:
    """Keep what was used last, up to MOST_BYTES."""
    total = 0
    for path in sorted(folder.glob("*.npz"), key=lambda one: one.stat().st_mtime, reverse=True):
        total += path.stat().st_size
        if total > MOST_BYTES:
            path.unlink()
