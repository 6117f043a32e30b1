"""How long a test waits before it gives up: the one time limit of all tests.

No test is slow because of it, since each waits for an event. Under load (two cores, fifteen
processes) a browser takes a minute for what takes it two seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_SECONDS = 300.0


def wait_until(happened: Callable[[], bool], pause: Callable[[], object] | None = None) -> None:
    """Return when it has happened; TimeoutError after PATIENCE_SECONDS.

    ``pause`` is what to do between two looks, such as letting a page's events be handled.
    """
    begun = time.monotonic()
    while not happened():
        if time.monotonic() - begun > PATIENCE_SECONDS:
            raise TimeoutError("it did not happen")
        if pause is None:
            time.sleep(0.02)
        else:
            pause()
