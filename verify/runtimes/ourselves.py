"""Starting a module of ours in another process, in a checkout as where we are installed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

PLACE = Path(__file__).parents[__name__.count(".")]
"""The folder in which the outermost package lies."""


def command(module: str) -> list[str]:
    """The words that run a module by its full name; nothing in the current folder is imported."""
    return [sys.executable, "-P", "-m", module]


def environment() -> dict[str, str]:
    """The one of this process, and a way to our packages."""
    before = os.environ.get("PYTHONPATH")
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(PLACE), *([before] if before else [])]),
    }
