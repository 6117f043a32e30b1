"""What a network is judged by, and that it cannot be judged by nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from export.catalog import PITCHES, Thresholds
from tests import note_rules
from train.decode import decode_notes
from train.evaluate import bootstrap, judge
from train.losses import focal
from train.measure import Clip, label_accuracy, note_f1


@pytest.mark.parametrize("seed", range(4))
def test_notes_are_decoded_by_the_rules(seed: int) -> None:
    rng = np.random.default_rng(seed)
    smooth = np.ones(9) / 9
    raw = rng.random((2, PITCHES, 160)) ** 4
    onset, frame = (
        np.apply_along_axis(np.convolve, 1, a, smooth, "same").astype(np.float32) for a in raw
    )
    onset, frame = onset / onset.max(), frame / frame.max()
    thresholds = Thresholds(frame=0.45, onset=0.7)
    expected = sorted(
        (n.start_frame, n.end_frame, n.pitch)
        for n in note_rules.make_notes(onset, frame, thresholds)
    )
    found = decode_notes(onset, frame, thresholds.frame, thresholds.onset)
    assert len(expected) > 5
    assert [tuple(int(v) for v in row) for row in found] == expected


def test_scores_and_losses_tell_good_from_bad() -> None:
    truth = np.array([[0.5, 1.0, 60], [1.0, 1.5, 64]])
    found = np.array([[43, 86, 60], [86, 129, 64]], float)
    assert note_f1(found, truth) == 1.0
    assert note_f1(found + np.array([10, 10, 0]), truth) == 0.0
    assert note_f1(np.zeros((0, 3)), truth) == 0.0
    assert label_accuracy(np.array([1, 1, 0]), np.array([0, 0, 1])) == 1.0
    assert label_accuracy(np.array([1, 0, 0]), np.array([0, 0, 1])) < 1.0
    target = torch.zeros(1, PITCHES, 4)
    assert focal(target - 4, target) < focal(target + 4, target)
    mean, low, high = bootstrap(np.array([0.5, 0.6, 0.7]), np.array([0.4, 0.5, 0.6]))
    assert mean == pytest.approx(0.1)
    assert low <= mean <= high


def test_nothing_to_judge_is_an_error() -> None:
    class Deaf:
        name = "deaf"

        def hear(self, clip: Clip) -> None:
            raise AssertionError(clip.name)

    with pytest.raises(ValueError, match="nothing to judge"):
        judge(Deaf(), [], {"real": []})  # type: ignore[arg-type]  # never reached
