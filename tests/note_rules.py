"""The note and timbre rules written out as literally as possible: slow, plain, an oracle.

Not a second implementation to ship: `web/lib/notes/*.js` and `web/lib/timbres/timbres.js`
are compared with it, through the files that `make_note_oracles.py` writes or in place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.catalog import HOP_SAMPLES, LOWEST_PITCH, NETWORK_RATE_HZ, Thresholds

Activation = NDArray[np.float32]
"""(84, frames), in [0, 1]."""


@dataclass(frozen=True)
class Note:
    """One note, in frames."""

    start_frame: int
    end_frame: int
    """Exclusive."""
    pitch: int
    velocity: float


def used_onset(onset: Activation, frame: Activation) -> Activation:
    """The larger of the predicted onset and the one inferred from rises (rule 1)."""
    rows, frames = frame.shape
    rise = np.zeros_like(frame)
    for row in range(rows):
        for t in range(3, frames):
            rise[row, t] = max(0, min(frame[row, t] - frame[row, t - n] for n in (1, 2, 3)))
    highest = rise.max(initial=0)
    if highest == 0:
        return onset
    used: Activation = np.maximum(onset, onset.max() * rise / highest)
    return used


def candidates(onset: Activation, threshold: float) -> list[tuple[int, int]]:
    """(frame, row) of every local maximum, last first, high before low (rule 2)."""
    found = []
    rows, frames = onset.shape
    for t in reversed(range(frames)):
        for row in reversed(range(rows)):
            value = onset[row, t]
            before = onset[row, t - 1] if t else -np.inf
            after = t + 1
            while after < frames and onset[row, after] == value:
                after += 1
            falls = after == frames or onset[row, after] < value
            if before < value and falls and value >= np.float32(threshold):
                found.append((t, row))
    return found


def make_notes(onset: Activation, frame: Activation, thresholds: Thresholds) -> list[Note]:
    """All notes, by start and then pitch."""
    frames = frame.shape[1]
    energy = frame.copy()
    level = np.float32(thresholds.frame)
    notes = []

    def walk(row: int, t: int, step: int) -> int:
        """The first frame of the quiet stretch that ends the walk, or the border."""
        quiet = 0
        while 0 <= t < frames and quiet < thresholds.tolerance_frames:
            quiet = quiet + 1 if energy[row, t] < level else 0
            t += step
        return t - step * quiet

    def take(row: int, start: int, end: int) -> None:
        energy[max(0, row - 1) : row + 2, start:end] = 0
        if end - start >= thresholds.minimum_frames:
            velocity = float(frame[row, start:end].astype(np.float64).mean())
            notes.append(Note(start, end, LOWEST_PITCH + row, velocity))

    for t, row in candidates(used_onset(onset, frame), thresholds.onset):
        end = walk(row, t, 1)
        if end - t >= thresholds.minimum_frames:
            take(row, t, end)
    while energy.size and energy.max() > level:
        t, row = (int(i) for i in np.argwhere(energy.max() == energy.T)[0])
        take(row, walk(row, t, -1) + 1, walk(row, t, 1))
    return sorted(notes, key=lambda note: (note.start_frame, note.pitch))


def describe(note: Note, onset: Activation, frame: Activation) -> list[float]:
    """Features of a note for the classifier of overtones."""
    row, start, end = note.pitch - LOWEST_PITCH, note.start_frame, note.end_frame
    begun = slice(max(0, start - 3), start + 4)
    before = frame[row, max(0, start - 10) : start]
    told = [
        note.velocity,
        frame[row, start:end].max(),
        onset[row, begun].max(),
        np.log(end - start),
        row / len(frame),
        frame.max(axis=0)[start:end].mean(dtype=np.float64),
        frame.sum(axis=0, dtype=np.float64)[start:end].mean(),
        onset[:, begun].max(),
        before.mean(dtype=np.float64) if start else 0.0,
        before.min() if start else 0.0,
        onset[row, max(0, start - 25) : max(0, start - 4)].max(initial=0),
        frame[row, start : min(end, start + 12)].mean(dtype=np.float64),
        frame[row, max(start, end - 6) : end].mean(dtype=np.float64),
        onset[row, end : end + 10].max(initial=0),
    ]
    for interval in (-28, -24, -19, -12, -1, 1, 12, 19, 24):
        there = 0 <= row + interval < len(frame)
        told.append(frame[row + interval, start:end].mean(dtype=np.float64) if there else 0.0)
        told.append(onset[row + interval, begun].max() if there else 0.0)
    return [float(value) for value in told]


def certainty(features: NDArray[np.float64], weights: dict[str, Any]) -> NDArray[np.float64]:
    """(notes, features) → the probability that each note is one."""
    x = (features - weights["MEAN"]) / weights["SCALE"]
    hidden, output = np.array(weights["HIDDEN"]), np.array(weights["OUTPUT"])
    units = np.maximum(0, x @ hidden[:, :-1].T + hidden[:, -1])
    made: NDArray[np.float64] = 1 / (1 + np.exp(-(units @ output[:-1] + output[-1])))
    return made


def end_at_gaps(notes: list[Note], frame: Activation, level: float) -> list[Note]:
    """Notes that end where six frames in a row are quiet, but not within their first six."""
    ended = []
    for note in notes:
        row, end = note.pitch - LOWEST_PITCH, note.end_frame
        gaps = [
            t
            for t in range(note.start_frame, note.end_frame - 5)
            if (frame[row, t : t + 6] < np.float32(level)).all()
        ]
        if gaps:
            end = max(gaps[0], note.start_frame + 6)
        ended.append(replace(note, end_frame=end))
    return ended


def seconds(frame: int) -> float:
    """Seconds of a frame in the recording."""
    return frame * HOP_SAMPLES / NETWORK_RATE_HZ


def note_embeddings(
    notes: list[Note], embedding: NDArray[np.float32], frame: Activation
) -> NDArray[np.float64]:
    """(notes, 12): the energy-weighted sum of each note's embeddings, of unit length."""
    rows = []
    for note in notes:
        row, span = note.pitch - LOWEST_PITCH, slice(note.start_frame, note.end_frame)
        total = (
            embedding[:, row, span].astype(np.float64) @ frame[row, span].astype(np.float64) ** 2
        )
        length = np.linalg.norm(total)
        rows.append(total / length if length > 0 else total)
    return np.array(rows).reshape(-1, embedding.shape[0])


def cluster(vectors: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """scikit-learn's labels of unit vectors."""
    from sklearn.cluster import SpectralClustering

    affinity = np.exp(vectors @ vectors.T)
    np.fill_diagonal(affinity, 0)
    model = SpectralClustering(count, affinity="precomputed", assign_labels="cluster_qr")
    return np.asarray(model.fit_predict(affinity), dtype=np.int64)
