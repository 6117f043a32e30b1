"""The classifier that counts timbres, on drawn traits; and its table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from train.judge import players
from train.judge.counted import write_counts
from train.judge.listen import Heard
from train.judge.pieces import Piece
from train.learn import counting
from train.learn.counting import BATCH, CERTAIN, Told, choose, collect, fit, separate, write_weights


def draw(
    apart: float, spread: float = -1.0, seed: int = 1
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Traits of 400 recordings, in turns of one and of two instruments."""
    rng = np.random.default_rng(seed)
    two = np.arange(400) % 2 == 1
    return rng.normal([spread, 0, 2], 0.2, (400, 3)) + np.outer(two, [apart, 0, 0]), two


def test_the_classifier_learns_what_differs() -> None:
    traits, two = draw(0.4)
    weights = fit(traits, two).weights
    assert weights[0] > 1
    assert np.abs(weights[1:-1]).max() < 0.5
    regime, found = choose([Told(*draw(0.4, seed=seed)) for seed in (1, 2)])
    alone = regime.sums(traits[~two])
    assert abs(np.mean(alone < regime.certain) - CERTAIN) < 0.03
    assert regime.likely < regime.certain
    assert found > 0.5
    same, none = choose([Told(*draw(0.0, seed=seed)) for seed in (1, 2)])
    assert none < 0.2, "the check sees traits that say nothing"
    assert np.abs(same.weights[:-1]).max() < 0.5


def test_a_band_is_judged_by_what_the_other_taught() -> None:
    """Instruments that are as far apart as another band's mixtures must not count as two."""
    usual, strange = Told(*draw(0.4)), Told(*draw(0.4, seed=2))
    strange.traits[:, 0] += 0.4
    alone = np.concatenate([usual.traits[~usual.two], strange.traits[~strange.two]])
    regime, found = choose([usual, strange])
    assert np.mean(regime.sums(alone) >= regime.certain) < 0.1
    assert found < choose([usual, usual])[1] - 0.2, "the check sees bands that are alike"


def test_unknown_traits_count_for_nothing() -> None:
    traits, two = draw(0.4)
    traits[::3, 1] = np.nan
    regime = fit(traits, two)
    assert np.isfinite(regime.weights).all()
    known = traits.copy()
    known[::3, 1] = regime.mean[1]
    np.testing.assert_allclose(regime.sums(traits), regime.sums(known), atol=1e-12)
    assert np.abs(regime.sums(np.nan_to_num(traits)) - regime.sums(known)).max() > 1e-6


def test_groups_of_pieces_tell_families() -> None:
    assert [
        players.name_group(one) for one in ([3], [None], [3, 3], [3, 4], [3, None], [None, None])
    ] == [
        *["one"] * 2,
        "two of a family",
        *["two families"] * 3,
    ]


def test_what_judges_did_not_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(players, "Soundfont", str)
    choosing, judging = players.choosing_bands(None), players.judging_bands()
    for kind in ("fonts", "programs"):
        own = [set(getattr(band, kind)) for band in (*choosing, judging["new"])]
        assert min(map(len, own)) > 0
        assert sum(map(len, own)) == len(set.union(*own)), kind
    assert judging["common"].fonts == judging["new"].fonts


def test_pieces_are_collected_in_batches_without_those_that_tell_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[str, int]] = []

    def hear(pieces: Sequence[Piece], models: Path, cache: Path) -> list[Heard]:
        assert cache.is_dir()
        asked.append((models.name, len(pieces)))
        return [
            Heard(np.zeros((0, 3)), {"traits": None if int(one.name) % 5 == 0 else [1.0, None]})
            for one in pieces
        ]

    monkeypatch.setattr(counting, "hear_counts", hear)
    silent = np.zeros(9, np.float32)
    drawn = (
        Piece(f"{k}", "made", silent, 44_100, np.zeros((0, 3)), timbres=1 + k % 2)
        for k in range(BATCH + 5)
    )
    told = collect(drawn, [Path("a"), Path("b")])
    assert asked == [("a", BATCH), ("b", BATCH), ("a", 5), ("b", 5)]
    for one in told:
        assert one.two.tolist() == [k % 2 == 1 for k in range(BATCH + 5) if k % 5]
        assert np.isnan(one.traits[:, 1]).all()
        assert (one.traits[:, 0] == 1).all()


def test_weights_are_separated_by_how_much_their_embeddings_vary(tmp_path: Path) -> None:
    narrow, wide = (draw(0.1, spread)[0] for spread in (-1.0, 0.0))
    level = separate(narrow, wide)
    assert -0.8 < level < -0.2
    with pytest.raises(ValueError, match="give those that vary less first"):
        separate(wide, narrow)
    path = tmp_path / "weights.js"
    regime, _ = choose([Told(*draw(0.4, seed=seed)) for seed in (1, 2)])
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
