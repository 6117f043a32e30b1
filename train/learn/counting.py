"""The classifier of web/lib/timbres/choose.js, which tells one timbre from two.

It reads that file's ``describeTimbres``. Weights whose embeddings vary little and weights whose
embeddings vary much need one each: a *regime*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from train.judge.counted import hear_counts
from train.judge.pieces import Piece

WEIGHTS_FILE = Path(__file__).parents[2] / "web" / "lib" / "timbres" / "choose-weights.js"
FOLDS = 6
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
        x = (traits - self.mean) / self.scale
        made: NDArray[np.float64] = x @ self.weights[:-1] + self.weights[-1]
        return made


def collect(
    pieces: Sequence[Piece], models: Path, cache: Path
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Traits of the pieces that have some, and whether each is of two instruments."""
    heard = hear_counts(pieces, models, cache)
    told = [
        (one.answer["traits"], piece.timbres > 1) for piece, one in zip(pieces, heard, strict=True)
    ]
    told = [one for one in told if one[0]]
    return np.array([traits for traits, _ in told], float), np.array([two for _, two in told])


def fit(traits: NDArray[np.float64], two: NDArray[np.bool_]) -> Regime:
    """Without the points of decision."""
    mean, scale = traits.mean(0), traits.std(0) + 1e-9
    x = torch.from_numpy((traits - mean) / scale)
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


def choose(traits: NDArray[np.float64], two: NDArray[np.bool_]) -> tuple[Regime, float]:
    """The regime, with its points of decision, and the share of mixtures found at the first.

    Every piece is judged by a classifier trained on others; one and two take turns in the pieces.
    """
    fold = np.arange(len(two)) // 2 % FOLDS
    sums = np.zeros(len(two))
    for k in range(FOLDS):
        sums[fold == k] = fit(traits[fold != k], two[fold != k]).sums(traits[fold == k])
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
