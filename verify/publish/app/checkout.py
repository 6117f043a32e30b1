"""A noteDigger checkout: what lies where in it, how it is recognised, what has changed."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from export.manifest import sha256_of

FOLDER = Path("dataProcess") / "AI"
FILES = ("basicamt_44100.onnx", "septimbre_44100.onnx")
"""The models that the app loads, by the names that its scripts know."""
WORKERS = ("basicamt_worker.js", "septimbre_worker.js")
LANDMARK = FOLDER / "dist" / "bundle.min.js"
"""By which a noteDigger checkout is recognised, besides its models."""
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

    def hash(self, path: str) -> str | None:
        """SHA-256 of a file by its path below the root; None if there is none."""
        file = self.root / path
        return sha256_of(file) if file.is_file() else None

    def find_changes(self) -> list[str]:
        """Files that differ from those that git has, by path below the root."""
        # The app may lie inside another repository: git tells paths from that one's root.
        above = _ask_git(self.root, "rev-parse", "--show-prefix")
        status = _ask_git(self.root, "status", "--porcelain", "--untracked-files=no", "--", ".")
        return [line[3:].removeprefix(above) for line in status.splitlines()]


def open_checkout(root: Path) -> Checkout:
    """Check that a folder is a noteDigger checkout that can be written; CheckoutError if not."""
    needed = (LANDMARK, *(FOLDER / name for name in FILES))
    missing = [path for path in needed if not (root / path).is_file()]
    if missing:
        raise CheckoutError(
            f"{root} is not a noteDigger checkout: it has no {missing[0]}; "
            "clone madderscientist/noteDigger and give its folder"
        )
    checkout = Checkout(root, Path(_ask_git(root, "rev-parse", "--absolute-git-dir")))
    if not os.access(checkout.models, os.W_OK):
        raise CheckoutError(f"{checkout.models} cannot be written; change its permissions")
    return checkout


def _ask_git(root: Path, *arguments: str) -> str:
    answer = subprocess.run(
        ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False
    )
    if answer.returncode != 0:
        said = (answer.stderr.splitlines() or [""])[0].removeprefix("fatal: ")
        raise CheckoutError(
            f"{root} is not a git checkout ({said}); clone it, so that it can be undone"
        )
    return answer.stdout.rstrip("\n")
