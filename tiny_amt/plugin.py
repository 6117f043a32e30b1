"""A pytest fixture, which an installed tiny-amt brings along; in a checkout: -p tiny_amt.plugin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from verify.models import BrowserSession


@pytest.fixture(scope="session")
def browser_session() -> Iterator[BrowserSession]:
    """``browser_session("chromium-wasm", "model.onnx").run(None, {"x": x})``.

    A browser is started once, and serves every test; one that does not start is an error, not a
    test that is skipped. Runtimes are those of ``tiny-amt verify --help``.
    """
    from verify.models import open_models  # here: pytest loads this file whatever it tests

    with open_models() as opened:
        yield opened
