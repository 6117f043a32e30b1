"""Separation of timbres: note labels after clustering, for 2, 3 and 4 instruments."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from export.catalog import EPSILON, LOWEST_PITCH, PITCHES
from export.load.checkpoint import load_into, load_state
from export.nets.septimbre import SepTimbre
from train.judge.decode import FRAME_SECONDS
from train.judge.measure import label_accuracy
from train.music.sampled import PROGRAMS, Soundfont
from train.music.scores import write_ensemble

_SECONDS = 16.0


@dataclass(frozen=True)
class Mixture:
    """Several instruments at once: (start, end, pitch) rows and each row's instrument."""

    wave: NDArray[np.float32]
    notes: NDArray[np.float64]
    labels: NDArray[np.int64]


def render_mixture(font: Soundfont, timbres: int, index: int) -> Mixture:
    """Mixture ``index`` of ``timbres`` different instruments, equally loud."""
    rng = np.random.default_rng([11, timbres, index])
    programs = rng.choice(list(PROGRAMS), timbres, replace=False)
    parts = write_ensemble(rng, _SECONDS, [PROGRAMS[int(p)] for p in programs])
    waves = [font.play(int(p), n, _SECONDS) for p, n in zip(programs, parts, strict=True)]
    wave = np.sum([w / (np.std(w) + 1e-9) for w in waves], axis=0)
    rows = [
        (n.start_seconds, n.end_seconds, n.pitch, label)
        for label, part in enumerate(parts)
        for n in part
    ]
    table = np.array(rows).reshape(-1, 4)
    return Mixture(
        (0.5 * wave / np.abs(wave).max()).astype(np.float32),
        table[:, :3],
        table[:, 3].astype(np.int64),
    )


class Separator:
    """septimbre with the weights of one file; labels given notes."""

    def __init__(self, weights: Path, epsilon: float = EPSILON) -> None:
        self._network = SepTimbre(epsilon).eval()
        load_into(self._network, load_state(weights), weights)

    def score(self, mixture: Mixture) -> float:
        """Share of notes with the right label, under the best permutation, for a known count."""
        from sklearn.cluster import SpectralClustering  # a second's import

        with torch.no_grad():
            _, frame, embedding, _ = self._network(torch.from_numpy(mixture.wave)[None, None])
        weighted = (embedding[0] * (frame[0] / frame.max()).square()).numpy()  # (12, 84, F)
        vectors, kept = [], []
        for i, (start, end, pitch) in enumerate(mixture.notes):
            row = int(pitch) - LOWEST_PITCH
            first = round(start / FRAME_SECONDS)
            last = max(first + 1, round(end / FRAME_SECONDS))
            vector = weighted[:, row, first:last].sum(1) if 0 <= row < PITCHES else np.zeros(12)
            length = np.linalg.norm(vector)
            if length > 0:
                vectors.append(vector / length)
                kept.append(i)
        count = len(np.unique(mixture.labels))
        if len(kept) <= count:
            return 0.0
        affinity = np.exp(np.stack(vectors) @ np.stack(vectors).T)
        np.fill_diagonal(affinity, 0)
        clusters = SpectralClustering(
            count, affinity="precomputed", assign_labels="cluster_qr"
        ).fit_predict(affinity)
        return label_accuracy(clusters.astype(np.int64), mixture.labels[kept])
