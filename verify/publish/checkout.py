"""A noteDigger checkout: recognise it, replace its models all or none, and undo.

The original files are kept inside the checkout's .git folder, where neither the work tree nor
another clone sees them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from export.manifest import sha256_of

FOLDER = Path("dataProcess") / "AI"
FILES = ("basicamt_44100.onnx", "septimbre_44100.onnx")
"""The models that the app loads, by the names that its scripts know."""
LANDMARKS = (FOLDER, FOLDER / "dist" / "bundle.min.js")
"""Files by which a noteDigger checkout is recognised, besides its models."""
BACKUP = "tiny-amt"
"""Folder in .git that holds the files that were replaced."""


class CheckoutError(ValueError):
    """Publishing to a folder is impossible; the message says why and what to do."""


@dataclass(frozen=True)
class Checkout:
    """A noteDigger checkout."""

    root: Path
    git: Path
    """Its .git folder."""

    @property
    def models(self) -> Path:
        """Where the app reads its models."""
        return self.root / FOLDER

    @property
    def backup(self) -> Path:
        """Where replaced files are kept."""
        return self.git / BACKUP


def open_checkout(root: Path) -> Checkout:
    """Check that a folder is a noteDigger checkout that can be written; CheckoutError if not."""
    missing = [
        path for path in (*LANDMARKS, *(FOLDER / f for f in FILES)) if not (root / path).exists()
    ]
    if missing:
        raise CheckoutError(
            f"{root} is not a noteDigger checkout: it has no {missing[0]}; "
            "clone madderscientist/noteDigger and give its folder"
        )
    git = _ask_git(root, "rev-parse", "--absolute-git-dir")
    if git is None:
        raise CheckoutError(f"{root} is not a git checkout; clone it, so that it can be undone")
    checkout = Checkout(root, Path(git))
    if not os.access(checkout.models, os.W_OK):
        raise CheckoutError(f"{checkout.models} cannot be written; change its permissions")
    return checkout


def refuse_foreign_changes(checkout: Checkout) -> None:
    """Raise CheckoutError if the work tree has changes that publishing did not make."""
    changed = _ask_git(checkout.root, "status", "--porcelain", "--untracked-files=no") or ""
    ours = {str(FOLDER / name) for name in FILES if _is_ours(checkout, name)}
    foreign = [line[3:] for line in changed.splitlines() if line[3:] not in ours]
    if foreign:
        raise CheckoutError(
            f"{checkout.root} has uncommitted changes ({', '.join(foreign[:3])}); "
            "commit or stash them first"
        )


def _is_ours(checkout: Checkout, name: str) -> bool:
    """Whether a file is still as the last publishing left it."""
    note = checkout.backup / f"{name}.sha256"
    return note.is_file() and note.read_text(encoding="ascii") == sha256_of(checkout.models / name)


def replace_all(checkout: Checkout, new: Mapping[str, Path]) -> None:
    """Replace files by name, all or none, keeping the originals for ``restore``.

    Raises CheckoutError if that fails, with everything as it was.
    """
    try:
        _keep_originals(checkout, new)
        for name, source in new.items():  # written before anything moves: a disc may be full
            (checkout.backup / f".{name}.sha256").write_text(sha256_of(source), encoding="ascii")
        _swap(checkout.models, new)
        for name in new:
            (checkout.backup / f".{name}.sha256").replace(checkout.backup / f"{name}.sha256")
    except OSError as error:
        raise CheckoutError(
            f"{checkout.models}: {error.strerror or error}; nothing was changed"
        ) from None


def _keep_originals(checkout: Checkout, new: Mapping[str, Path]) -> None:
    checkout.backup.mkdir(exist_ok=True)
    for name in new:
        if not _is_ours(checkout, name):  # publishing twice must not lose the original
            _copy(checkout.models / name, checkout.backup / name)


def _swap(folder: Path, new: Mapping[str, Path]) -> None:
    """Write every file beside its place first, so that a failure comes before anything moves."""
    with ExitStack() as stack:
        staged = {}
        for name, source in new.items():
            temporary = folder / f".{name}.new"
            stack.callback(temporary.unlink, missing_ok=True)
            _copy(source, temporary)
            staged[name] = temporary
        old = {}
        for name in new:
            spare = folder / f".{name}.old"
            stack.callback(spare.unlink, missing_ok=True)
            os.link(folder / name, spare)
            old[name] = spare
        try:
            for name, temporary in staged.items():
                temporary.replace(folder / name)
        except OSError:
            for name, spare in old.items():
                spare.replace(folder / name)
            raise


def _copy(source: Path, target: Path) -> None:
    """Copy a file so that the target appears whole or not at all."""
    with NamedTemporaryFile(dir=target.parent, delete=False) as stream:
        temporary = Path(stream.name)
        try:
            with source.open("rb") as original:
                shutil.copyfileobj(original, stream)
            stream.flush()
            os.fsync(stream.fileno())
            temporary.chmod(0o644)
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def restore(checkout: Checkout) -> tuple[str, ...]:
    """Put the originals back; return their names. CheckoutError if there are none."""
    kept = {name: checkout.backup / name for name in FILES if (checkout.backup / name).is_file()}
    if not kept:
        raise CheckoutError(f"{checkout.root} has nothing to restore: nothing was published to it")
    try:
        _swap(checkout.models, kept)
        shutil.rmtree(checkout.backup)
    except OSError as error:
        raise CheckoutError(f"{checkout.models}: {error.strerror or error}") from None
    return tuple(kept)


def _ask_git(root: Path, *arguments: str) -> str | None:
    answer = subprocess.run(
        ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False
    )
    return answer.stdout.rstrip("\n") if answer.returncode == 0 else None
