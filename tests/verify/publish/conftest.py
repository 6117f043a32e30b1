"""What publishing asks node again and again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from export.catalog import Thresholds
from verify.matrix.notes import Transcription, transcribe
from verify.publish.judge import changes
from verify.runtimes.runners import Tensors, hash_tensors


@pytest.fixture(scope="package", autouse=True)
def notes_once() -> Iterator[None]:
    """Notes of equal outputs, which the stand-ins give in every test, are made once."""
    made: dict[tuple[str, Thresholds], Transcription] = {}

    def get(outputs: Tensors, thresholds: Thresholds) -> Transcription:
        key = hash_tensors(outputs), thresholds
        if key not in made:
            made[key] = transcribe(outputs, thresholds)
        return made[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(changes, "transcribe", get)
        yield
