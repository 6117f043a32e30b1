"""The classifier of overtones in node, compared with its rules written out."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from export.catalog import Thresholds
from tests import note_rules
from tests.make_note_oracles import draw_activations
from tests.paths import TESTS
from tests.patience import PATIENCE_SECONDS
from web.node import run_node


def ask(folder: Path, onset: NDArray[np.uint8], frame: NDArray[np.uint8]) -> dict[str, Any]:
    request = {
        "frames": frame.shape[1],
        "thresholds": {"frame": 0.31, "onset": 0.35, "toleranceFrames": 20},
        "onset": base64.b64encode(onset.tobytes()).decode(),
        "frame": base64.b64encode(frame.tobytes()).decode(),
    }
    path = folder / "request.json"
    path.write_text(json.dumps(request))
    printed = run_node(TESTS / "js" / "overtones.js", path, limit_seconds=PATIENCE_SECONDS)
    answer: dict[str, Any] = json.loads(printed)
    return answer


@pytest.mark.parametrize("seed", range(1, 4))
def test_notes_are_described_and_judged_by_the_rules(seed: int, tmp_path: Path) -> None:
    onset, frame = draw_activations(seed, 300)
    answer = ask(tmp_path, onset, frame)
    heard, seen = (part.astype(np.float32) / np.float32(255) for part in (onset, frame))
    notes = note_rules.make_notes(heard, seen, Thresholds(0.31, 0.35, tolerance_frames=20))
    assert len(notes) > 40
    found = np.array(answer["features"]).reshape(len(notes), answer["size"])
    wanted = np.array([note_rules.describe(note, heard, seen) for note in notes])
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6)
    wrong = np.array([note_rules.describe(note, seen, heard) for note in notes])
    assert np.abs(found - wrong).max() > 0.1, "the check sees activations that changed places"
    sure = note_rules.certainty(found, answer["weights"])
    kept = np.flatnonzero(sure >= answer["weights"]["KEEP"])
    assert answer["kept"] == kept.tolist()
    assert 0 < len(kept) < len(notes), "the check sees a judge that keeps all, or none"
    ended = [note.end_frame for note in note_rules.end_at_gaps(notes, seen, 0.31)]
    assert answer["ends"] == ended
    given = [note.end_frame for note in notes]
    assert ended != given, "the check sees ends that are left alone"
