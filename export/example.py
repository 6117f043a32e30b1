"""The bundled recording: real music to test on, composed for this project.

``train/music/example.py`` makes it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

EXAMPLE = Path(__file__).with_name("example.flac")


def read_example(seconds: float | None = None) -> np.ndarray:
    """The first ``seconds`` (default: all twelve) as float32 (1, 1, samples) at 44 100 Hz."""
    import soundfile

    samples, rate_hz = soundfile.read(EXAMPLE, dtype="float32")
    wanted = None if seconds is None else round(seconds * rate_hz)
    audio: np.ndarray = samples[None, None, :wanted]
    return audio
