"""The memory of a process."""

from __future__ import annotations

from pathlib import Path

from verify.runtimes.runners import RunnerError


def read_memory(process: str) -> dict[str, int]:
    """Bytes by name from Linux's /proc; RunnerError without it."""
    try:
        text = Path("/proc", process, "status").read_text(encoding="ascii")
    except OSError as error:
        raise RunnerError(f"memory is read from /proc, as Linux has it: {error}") from None
    lines = (line.split() for line in text.splitlines() if line.endswith(" kB"))
    return {words[0].rstrip(":"): 1024 * int(words[1]) for words in lines}
