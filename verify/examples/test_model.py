"""The model in a browser, from your own tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest


@pytest.mark.parametrize("runtime", ["native-full", "chromium-wasm"])
def test_silence_is_the_floor(browser_session: Any, runtime: str) -> None:  # noqa: ANN401  # tiny-amt's
    """A browser is started once for all tests."""
    session = browser_session(runtime, "model.onnx")
    (level,) = session.run(None, {"audio": np.zeros(4, np.float32)})
    np.testing.assert_allclose(level, np.log(1e-6), rtol=1e-6)
