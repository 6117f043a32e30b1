"""Activations to notes: the procedure of web/lib/notes/notes.js, in numpy, for evaluation.

After Bittner et al. 2022 (arXiv 2203.09893).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from export.catalog import HOP_SAMPLES, LOWEST_PITCH, NETWORK_RATE_HZ, PITCHES

FRAME_SECONDS = HOP_SAMPLES / NETWORK_RATE_HZ


def decode_notes(
    onset: NDArray[np.float32],
    frame: NDArray[np.float32],
    frame_threshold: float,
    onset_threshold: float,
    minimum: int = 6,
    tolerance: int = 10,
) -> NDArray[np.float64]:
    """(84, F) activations with maximum 1 → rows of first frame, end frame (exclusive), pitch."""
    candidates = find_onsets(onset, frame, onset_threshold)
    silent = frame < frame_threshold
    energy = frame.copy()
    notes: list[tuple[int, int, int]] = []

    def clear(row: int, start: int, end: int) -> None:
        low, high = max(0, row - 1), min(PITCHES, row + 2)
        energy[low:high, start:end] = 0
        silent[low:high, start:end] = True

    for row, start in candidates:
        end = _walk(silent[row, start:], tolerance) + start
        if end - start >= minimum:
            clear(row, start, end)
            notes.append((start, end, row + LOWEST_PITCH))
    peaks = np.argwhere(frame_threshold < energy.T)  # earliest first, then lowest
    order = np.argsort(-energy[peaks[:, 1], peaks[:, 0]], kind="stable")
    for middle, row in peaks[order]:
        if energy[row, middle] <= frame_threshold:
            continue
        end = _walk(silent[row, middle:], tolerance) + middle
        start = middle - _walk(silent[row, : middle + 1][::-1], tolerance) + 1
        clear(row, start, end)
        if end - start >= minimum:
            notes.append((start, end, row + LOWEST_PITCH))
    return np.array(sorted(notes), np.float64).reshape(-1, 3)


def find_onsets(
    onset: NDArray[np.float32], frame: NDArray[np.float32], threshold: float
) -> list[tuple[int, int]]:
    """Candidates as (row, frame), the last frame first, within a frame the highest row first."""
    rises = np.zeros_like(frame)
    if frame.shape[1] > 3:
        steps = [frame[:, 3:] - frame[:, 3 - n : -n] for n in (1, 2, 3)]
        rises[:, 3:] = np.maximum(np.min(steps, axis=0), 0)
    if rises.max(initial=0) > 0:
        onset = np.maximum(onset, rises * (onset.max() / rises.max()))
    out: list[tuple[int, int]] = []
    padded = np.pad(onset, ((0, 0), (1, 1)), constant_values=-np.inf)
    starts = (padded[:, 1:-1] > padded[:, :-2]) & (onset >= threshold)
    for row, start in np.argwhere(starts):
        level = onset[row, start]
        after = np.flatnonzero(onset[row, start:] != level)
        if len(after) == 0 or onset[row, start + after[0]] < level:
            out.append((int(row), int(start)))
    return sorted(out, key=lambda c: (-c[1], -c[0]))


def _walk(silent: NDArray[np.bool_], tolerance: int) -> int:
    """Number of cells up to the last that sounds before ``tolerance`` silent ones or the end."""
    loud = np.flatnonzero(~silent)
    gaps = np.diff(loud, prepend=-1) > tolerance
    within = loud[: np.argmax(gaps)] if gaps.any() else loud
    return int(within[-1]) + 1 if len(within) else 0
