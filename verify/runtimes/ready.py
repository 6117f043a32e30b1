"""A model's file as a runtime loads it: read, hashed, with a border that can be fed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from verify.runtimes.border import widen
from verify.runtimes.failures import RunnerError
from verify.runtimes.onnx_file import MOST_BYTES, External, ModelFileError, read_onnx


@dataclass(frozen=True)
class Ready:
    """A model as a runtime loads it."""

    content: bytes
    digest: str
    """Of the file and its weights outside."""
    external: tuple[External, ...]
    wide: frozenset[str]
    """Inputs and outputs that have a Cast (border.py)."""


_PLAIN: set[str] = set()
"""Digests of files with nothing outside and nothing to widen: a stream goes back to them often."""


def read_model(name: str, file: Path, sha256: str | None) -> Ready:
    """A model's bytes and weights; RunnerError by a runner's name as of ``read_file``."""
    content, digest = read_file(name, file, None)
    external: tuple[External, ...] = ()
    wide: frozenset[str] = frozenset()
    if digest not in _PLAIN:
        try:
            found = read_onnx(file)
            external, digest = found.external, found.sha256
            content, wide = widen(found)
        except ModelFileError as error:
            raise RunnerError(f"{name}: cannot load {file.name}: {error}") from None
        if not external and not wide:
            _PLAIN.add(digest)
    if sha256 not in (None, digest):
        raise _changed(name, file)
    return Ready(content, digest, external, wide)


def _changed(name: str, file: Path) -> RunnerError:
    return RunnerError(f"{name}: {file.name} has changed since it was chosen; run again")


def read_file(name: str, file: Path, sha256: str | None) -> tuple[bytes, str]:
    """A model's bytes and their SHA-256; RunnerError by a runner's name if not those given."""
    try:
        if file.stat().st_size > MOST_BYTES:
            raise RunnerError(f"{name}: {file.name} is larger than an .onnx file can be")
        content = file.read_bytes()
    except OSError as error:
        raise RunnerError(f"{name}: cannot load {file.name}: {error.strerror}") from None
    digest = hashlib.sha256(content).hexdigest()
    if sha256 not in (None, digest):
        raise _changed(name, file)
    return content, digest
