"""Browsers for the tests of the page: started once for all of its files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.browsers import Browsers


@pytest.fixture(scope="package")
def browsers(browsing: None) -> Iterator[Browsers]:
    """To open one: starting Firefox takes longer than most tests."""
    from tests.browsers import Browsers

    with Browsers() as opened:
        yield opened


@pytest.fixture(scope="module", params=["chromium", "firefox"])
def browser(request: pytest.FixtureRequest, browsers: Browsers) -> Browser:
    """Chromium, then Firefox."""
    return browsers.open(request.param)


@pytest.fixture(scope="module")
def chromium(browsers: Browsers) -> Browser:
    """Chromium alone."""
    return browsers.open("chromium")
