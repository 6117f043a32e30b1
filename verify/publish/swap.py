"""Several files replaced as one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile


def swap(root: Path, wanted: Mapping[str, bytes | None]) -> None:
    """Write files by path below the root, and remove those without content: all or none.

    Every file is written beside its place first, so that a full disk is noticed before anything
    moves. OSError if that fails, with everything as it was.
    """
    with ExitStack() as stack:
        staged, spares = {}, {}
        for folder in {(root / path).parent for path in wanted}:
            stack.callback(_remove_if_empty, folder)  # the last thing, when nothing lies in it
        for path, content in wanted.items():
            target = root / path
            if content is not None:
                target.parent.mkdir(parents=True, exist_ok=True)
                staged[path] = target.with_name(f".{target.name}.new")
                stack.callback(staged[path].unlink, missing_ok=True)
                write_whole(staged[path], content)
        for path in wanted:
            target = root / path
            if target.is_file():
                spares[path] = target.with_name(f".{target.name}.old")
                stack.callback(spares[path].unlink, missing_ok=True)
                spares[path].unlink(missing_ok=True)  # of an earlier, interrupted one
                os.link(target, spares[path])
        try:
            for path, content in wanted.items():
                target = root / path
                if content is None:
                    target.unlink(missing_ok=True)
                else:
                    staged[path].replace(target)
        except OSError:
            for path in wanted:
                if path in spares:
                    spares[path].replace(root / path)
                else:
                    (root / path).unlink(missing_ok=True)
            raise


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def write_whole(target: Path, content: bytes) -> None:
    """Write a file so that it appears whole or not at all."""
    with NamedTemporaryFile(dir=target.parent, delete=False) as stream:
        temporary = Path(stream.name)
        try:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
            temporary.chmod(0o644)
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
