"""Write tests/data/{notes,timbres,many-notes}.json: `python -m tests.make_note_oracles`.

Random activations go through the literal rules of note_rules.py, random embeddings through
scikit-learn; `tests/js` compares the library with the results.
"""

from __future__ import annotations

import base64
import json
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.catalog import EMBEDDING_SIZE, PITCHES, Thresholds
from tests import note_rules
from tests.paths import TESTS

DATA = TESTS / "data"


def draw_activations(seed: int, frames: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Onset and frame as bytes (value × 255): bursts of sound, ties and plateaus included."""
    random = np.random.default_rng(seed)
    frame = random.integers(0, 40, (PITCHES, frames))
    onset = random.integers(0, 30, (PITCHES, frames))
    for _ in range(frames // 4 if frames > 8 else 1):
        row, start = random.integers(PITCHES), random.integers(frames)
        span = slice(start, start + random.integers(2, 40))
        frame[row, span] = random.integers(60, 256)
        frame[row, span] -= np.minimum(
            frame[row, span], random.integers(0, 50, frame[row, span].shape)
        )
        onset[row, start : start + random.integers(1, 4)] = random.integers(60, 256)
    if frames > 3:  # the deployed models divide by the maximum
        frame[random.integers(PITCHES), random.integers(frames)] = 255
        onset[random.integers(PITCHES), random.integers(frames)] = 255
    return onset.astype(np.uint8), frame.astype(np.uint8)


def note_cases() -> list[dict[str, Any]]:
    """Activations, thresholds and the notes that follow."""
    cases = []
    settings = [
        (400, Thresholds(0.22, 0.38)),
        (400, Thresholds(0.31, 0.35)),
        (250, Thresholds(0.5, 0.9, 3, 4)),
        (120, Thresholds(0.08, 0.05, 1, 1)),
        (7, Thresholds(0.22, 0.38)),
        (6, Thresholds(0.0, 0.0)),
        (1, Thresholds(0.22, 0.38, 1)),
        (100, Thresholds(1.0, 1.0)),
    ]
    for seed, (frames, thresholds) in enumerate(settings):
        onset, frame = draw_activations(seed, frames)
        scaled = [part.astype(np.float32) / np.float32(255) for part in (onset, frame)]
        notes = note_rules.make_notes(scaled[0], scaled[1], thresholds)
        cases.append(
            {
                "frames": frames,
                "thresholds": asdict(thresholds),
                "onset": base64.b64encode(onset.tobytes()).decode(),
                "frame": base64.b64encode(frame.tobytes()).decode(),
                "notes": [
                    [n.start_frame, n.end_frame, n.pitch, round(n.velocity, 9)] for n in notes
                ],
            }
        )
    return cases


def timbre_cases() -> list[dict[str, Any]]:
    """Unit vectors around a few centres, and scikit-learn's labels for several counts."""
    cases = []
    for seed, (notes, centres, spread) in enumerate(
        [(12, 2, 0.2), (40, 2, 0.4), (60, 3, 0.5), (150, 4, 0.3), (90, 4, 1.0), (200, 1, 1.0)]
    ):
        random = np.random.default_rng(100 + seed)
        middle = random.normal(size=(centres, EMBEDDING_SIZE))
        vectors = middle[random.integers(centres, size=notes)]
        vectors = vectors + spread * random.normal(size=vectors.shape)
        vectors = np.round(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), 6)
        labels = {k: note_rules.cluster(vectors, k).tolist() for k in (2, 3, 4, 6)}
        cases.append({"centres": centres, "vectors": vectors.tolist(), "labels": labels})
    return cases


def many_notes_case(notes: int = 2000) -> dict[str, Any]:
    """Enough notes for the library to begin with a sample; vectors as bytes, to be scaled."""
    random = np.random.default_rng(200)
    middle = random.normal(size=(4, EMBEDDING_SIZE))
    vectors = middle[random.integers(4, size=notes)]
    vectors = vectors + 0.7 * random.normal(size=vectors.shape)
    integers = np.round(127 * vectors / np.abs(vectors).max(axis=1, keepdims=True)).astype(np.int8)
    units = integers / np.linalg.norm(integers.astype(float), axis=1, keepdims=True)
    labels = {k: "".join(map(str, note_rules.cluster(units, k))) for k in (2, 3, 4)}
    return {"vectors": base64.b64encode(integers.tobytes()).decode(), "labels": labels}


def write(name: str, cases: list[dict[str, Any]]) -> None:
    """One case a line, so that a change can be read."""
    lines = ",\n".join(json.dumps(case, allow_nan=False) for case in cases)
    (DATA / name).write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    write("notes.json", note_cases())
    write("timbres.json", timbre_cases())
    write("many-notes.json", [many_notes_case()])
