"""Scripts on the library, run in Node."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

NODE = ("node", "--single-threaded")
"""Node 20 to 26 sometimes never end: at exit the main thread waits for a thread that compiles, and
that for the main thread (nodejs/node#54918). Without such threads nothing waits, and scripts as
short as these take no longer."""


class NodeError(RuntimeError):
    """A script could not be run in Node; the message says why."""


def run_node(*arguments: str | Path, request: str = "", limit_seconds: float | None = None) -> str:
    """What Node prints; ``arguments`` are a script and its own, ``request`` its standard input.

    Raises NodeError if Node is missing, if the script fails, with the error's line, or if it has
    not ended after ``limit_seconds``.
    """
    if shutil.which(NODE[0]) is None:
        raise NodeError("node is not installed; the library runs in Node >= 20")
    command = [*NODE, *map(str, arguments)]
    try:
        done = subprocess.run(
            command,
            input=request,
            capture_output=True,
            text=True,
            check=False,
            timeout=limit_seconds,
        )
    except subprocess.TimeoutExpired:
        raise NodeError(f"node did not end within {limit_seconds:g} s") from None
    if done.returncode != 0:
        line = re.search(r"^\w*Error\b.*", done.stderr, re.MULTILINE)
        raise NodeError(line[0] if line else done.stderr.strip()[-400:])
    return done.stdout
