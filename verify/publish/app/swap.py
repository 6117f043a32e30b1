"""Several files replaced as one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path


def swap(root: Path, wanted: Mapping[str, bytes | None]) -> None:
    """Write files by path below the root, and remove those without content: all or none.

    Every file is written beside its place first, so that a full disk is noticed before anything
    moves. OSError if that fails, with everything as it was, as after Ctrl-C. What a killed one
    left beside these files goes too.
    """
    with ExitStack() as stack:
        staged, spares = {}, {}
        for folder in {(root / path).parent for path in wanted}:
            stack.callback(_remove_if_empty, folder)  # the last thing, when nothing lies in it
        for path in wanted:
            target = root / path
            staged[path] = target.with_name(f".{target.name}.new")
            spare = target.with_name(f".{target.name}.old")
            for beside in (staged[path], _part_of(staged[path]), spare):
                stack.callback(_remove, beside)
        for path, content in wanted.items():
            target = root / path
            if content is not None:
                target.parent.mkdir(parents=True, exist_ok=True)
                write_whole(staged[path], content)
                if target.is_file():
                    shutil.copymode(target, staged[path])
        for path in wanted:
            target = root / path
            if target.is_file():
                spares[path] = target.with_name(f".{target.name}.old")
                spares[path].unlink(missing_ok=True)  # of an earlier, killed one
                os.link(target, spares[path])
        try:
            for path, content in wanted.items():
                target = root / path
                if content is None:
                    target.unlink(missing_ok=True)
                else:
                    staged[path].replace(target)
        except BaseException:
            for path in wanted:
                if path in spares:
                    spares[path].replace(root / path)
                else:
                    (root / path).unlink(missing_ok=True)
            raise


def _remove(file: Path) -> None:
    with suppress(FileNotFoundError, NotADirectoryError):
        file.unlink()


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def write_whole(target: Path, content: bytes) -> None:
    """Write a file so that it appears whole or not at all."""
    part = _part_of(target)
    try:
        with part.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _part_of(target: Path) -> Path:
    """Where a file is written first; always the same, so that the next one takes it away."""
    return target.with_name(f"{target.name}.part")
