"""What may go wrong in a runtime, and how its own words tell it."""

from __future__ import annotations

import re


class RunnerError(RuntimeError):
    """A runtime did not start, load or finish; the message names it and says why."""


class LimitError(RunnerError):
    """A step took more time or memory than it may; the message says which."""


class HangError(LimitError):
    """A step exceeded its time limit; the message names it."""


class NotSupportedError(RunnerError):
    """A runtime lacks what a model needs; the message has the runtime's own words."""


_LACKS = re.compile(
    "NOT_IMPLEMENTED|Could not find an implementation|No Op registered for|[Kk]ernel not found"
    "|is not a registered function/op|Unrecognized attribute|Unsupported model IR version"
    "|Type Error: Type 'tensor|under development and support for this is limited"
    "|only \\*guarantees\\* support|not supported|unsupported data type|no way to feed"
)
_MEMORY = re.compile(
    "bad_alloc|bad allocation|[Ff]ailed to allocate|allocation failed|[Oo]ut of memory"
    "|Tensor shape is too large|SafeIntOnOverflow"  # a size that 32 bits do not hold
)


def failure(message: str) -> RunnerError:
    """The error that a runtime's words mean."""
    if _MEMORY.search(message):
        return LimitError(message)
    return NotSupportedError(message) if _LACKS.search(message) else RunnerError(message)


def first_line(error: BaseException) -> str:
    """An exception's message as one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:400] if lines else type(error).__name__
