"""The classifier that counts timbres, on drawn traits; and its table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from train.judge.counted import write_counts
from train.judge.listen import Heard
from train.judge.pieces import Piece
from train.learn.counting import CERTAIN, choose, fit, separate, write_weights


def draw(apart: float, spread: float = -1.0) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Traits of 400 recordings, in turns of one and of two instruments."""
    rng = np.random.default_rng(1)
    two = np.arange(400) % 2 == 1
    return rng.normal([spread, 0, 2], 0.2, (400, 3)) + np.outer(two, [apart, 0, 0]), two


def test_the_classifier_learns_what_differs() -> None:
    traits, two = draw(0.4)
    weights = fit(traits, two).weights
    assert weights[0] > 1
    assert np.abs(weights[1:-1]).max() < 0.5
    regime, found = choose(traits, two)
    alone = regime.sums(traits[~two])
    assert abs(np.mean(alone < regime.certain) - CERTAIN) < 0.03
    assert regime.likely < regime.certain
    assert found > 0.5
    same, none = choose(*draw(0.0))
    assert none < 0.2, "the check sees traits that say nothing"
    assert np.abs(same.weights[:-1]).max() < 0.5


def test_weights_are_separated_by_how_much_their_embeddings_vary(tmp_path: Path) -> None:
    narrow, wide = (draw(0.1, spread)[0] for spread in (-1.0, 0.0))
    level = separate(narrow, wide)
    assert -0.8 < level < -0.2
    with pytest.raises(ValueError, match="give those that vary less first"):
        separate(wide, narrow)
    path = tmp_path / "weights.js"
    regime, _ = choose(*draw(0.4))
    write_weights([regime, regime], level, path)
    written = path.read_text()
    assert f"export const WIDE = {level:.3g};" in written
    assert written.count("CERTAIN") == 2


def test_the_table_of_counts() -> None:
    silent = np.zeros(9, np.float32)
    none = np.zeros((0, 3))
    pieces = [Piece(f"{k}", "made", silent, 44_100, none, timbres=k) for k in (1, 1, 2, 2)]
    told = [(1, 1), (1, 2), (2, 2), (1, 1)]
    heard = [Heard(none, {"timbres": count, "perhaps": most}) for count, most in told]
    lines = list(write_counts(pieces, {"ours": heard}))
    assert lines[2:] == [
        "| ours | made, 2 | 1 | 0.50 | 0.50 | 0.00 |",
        "| ours | made, 2 | 2 | 0.50 | 0.00 | 0.50 |",
    ]
