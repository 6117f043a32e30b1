"""The classifier of web/lib/timbres/choose.js, which tells one timbre from two.

It reads that file's ``describeTimbres``. Weights whose embeddings vary little and weights whose
embeddings vary much need one each: a *regime*. A trait that a recording does not have is NaN and
counts for nothing: it is taken as the mean.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from train.judge.counted import hear_counts
from train.judge.pieces import Piece

WEIGHTS_FILE = Path(__file__).parents[2] / "web" / "lib" / "timbres" / "choose-weights.js"
BATCH = 20
"""Pieces whose samples are in memory, and on the disk, at a time."""
RIDGE = 3.0
"""Half of it times the squared weights is added to the sum of the cross entropies."""
CERTAIN = 0.92
"""Share of the recordings of one instrument that count as one; the bar is 0.9."""
LIKELY = 0.84
"""Share of them that are not even perhaps two."""


@dataclass(frozen=True)
class Regime:
    """A logistic regression on standardised traits, and where its sum means two timbres."""

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    weights: NDArray[np.float64]
    """One a trait, and a constant."""
    certain: float = 0.0
    likely: float = 0.0

    def sums(self, traits: NDArray[np.float64]) -> NDArray[np.float64]:
        """(recordings, traits) → (recordings)."""
        x = np.nan_to_num((traits - self.mean) / self.scale)
        made: NDArray[np.float64] = x @ self.weights[:-1] + self.weights[-1]
        return made


@dataclass(frozen=True)
class Told:
    """What the library told of pieces: those that have traits."""

    traits: NDArray[np.float64]
    """(pieces, traits)"""
    two: NDArray[np.bool_]
    """Whether a piece is of two instruments."""


def collect(pieces: Iterable[Piece], models: Sequence[Path]) -> list[Told]:
    """What each of ``models`` tells of the pieces, which are drawn as they are needed."""
    told: list[list[tuple[list[float], bool]]] = [[] for _ in models]
    drawn = iter(pieces)
    while batch := list(islice(drawn, BATCH)):
        with tempfile.TemporaryDirectory() as folder:
            for one, own in zip(models, told, strict=True):
                heard = hear_counts(batch, one, Path(folder))
                for piece, answer in zip(batch, heard, strict=True):
                    if answer.answer["traits"]:
                        own.append((answer.answer["traits"], piece.timbres > 1))
    return [
        Told(np.array([traits for traits, _ in own], float), np.array([two for _, two in own]))
        for own in told
    ]


def fit(traits: NDArray[np.float64], two: NDArray[np.bool_]) -> Regime:
    """Without the points of decision."""
    mean, scale = np.nanmean(traits, 0), np.nanstd(traits, 0) + 1e-9
    x = torch.from_numpy(np.nan_to_num((traits - mean) / scale))
    y = torch.from_numpy(two.astype(np.float64))
    weights = torch.zeros(x.shape[1] + 1, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=500, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        logits = x @ weights[:-1] + weights[-1]
        cross = nn.functional.binary_cross_entropy_with_logits(logits, y, reduction="sum")
        total: torch.Tensor = cross + RIDGE / 2 * weights[:-1].square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    return Regime(mean, scale, weights.detach().numpy())


def choose(bands: Sequence[Told]) -> tuple[Regime, float]:
    """The regime, with its points of decision, and the share of mixtures found at the first.

    Every band is judged by a classifier that the others taught, as new music will be.
    """
    traits, two = np.concatenate([b.traits for b in bands]), np.concatenate([b.two for b in bands])
    band = np.repeat(np.arange(len(bands)), [len(b.two) for b in bands])
    sums = np.zeros(len(two))
    for k in range(len(bands)):
        sums[band == k] = fit(traits[band != k], two[band != k]).sums(traits[band == k])
    certain, likely = np.quantile(sums[~two], [CERTAIN, LIKELY])
    own = fit(traits, two)
    made = Regime(own.mean, own.scale, own.weights, float(certain), float(likely))
    return made, float(np.mean(sums[two] >= certain))


def write_weights(regimes: Sequence[Regime], wide: float, path: Path) -> None:
    """As the module that choose.js imports; ``wide`` separates the regimes by the first trait."""
    lines = [
        "/** Written by `python -m train learn counting`, for choose.js. */",
        "",
        "/** First trait from which on embeddings vary much. */",
        f"export const WIDE = {wide:.3g};",
        "/** For embeddings that vary little, and much. */",
        "export const REGIMES = Object.freeze([",
    ]
    for one in regimes:
        lines += [
            "  {",
            f"    MEAN: {_list(one.mean)},",
            f"    SCALE: {_list(one.scale)},",
            f"    WEIGHTS: {_list(one.weights)},",
            f"    CERTAIN: {one.certain:.4g},",
            f"    LIKELY: {one.likely:.4g},",
            "  },",
        ]
    path.write_text("\n".join([*lines, "]);"]) + "\n", encoding="utf-8")


def separate(narrow: NDArray[np.float64], wide: NDArray[np.float64]) -> float:
    """The spread that separates two weights' recordings, given the traits of both.

    Raises ValueError unless nearly all of the first lie below nearly all of the second.
    """
    below, above = np.quantile(narrow[:, 0], 0.95), np.quantile(wide[:, 0], 0.05)
    if below >= above:
        raise ValueError("these weights' embeddings vary alike; give those that vary less first")
    return float(below + above) / 2


def _list(values: NDArray[np.float64]) -> str:
    return "[" + ", ".join(f"{value:.4g}" for value in values) + "]"
