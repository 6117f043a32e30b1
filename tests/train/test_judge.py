"""The measures of a network, and that an empty set cannot be judged."""

from __future__ import annotations

from pathlib import Path

import mido
import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper

from export.catalog import LOWEST_PITCH, PITCHES, Thresholds
from tests import note_rules
from train.judge.decode import FRAME_SECONDS, decode_notes
from train.judge.evaluate import BasicPitch, bootstrap, judge, read_midi
from train.judge.measure import (
    Activation,
    Clip,
    draw_roll,
    frame_f1,
    frame_scores,
    label_accuracy,
    note_f1,
    note_scores,
    tune,
)
from train.learn.losses import focal


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
    assert note_f1(found * [1, 2, 1], truth) == 1.0  # ends are ignored
    assert note_f1(found + np.array([10, 10, 0]), truth) == 0.0
    assert note_f1(np.zeros((0, 3)), truth) == 0.0
    assert label_accuracy(np.array([1, 1, 0]), np.array([0, 0, 1])) == 1.0
    assert label_accuracy(np.array([1, 0, 0]), np.array([0, 0, 1])) < 1.0
    target = torch.zeros(1, PITCHES, 4)
    assert focal(target - 4, target) < focal(target + 4, target)
    target[0, 0] = 1  # unsure of all: half of what is missed, ln 2 each, 0.6 and 0.4 by class
    expected = np.log(2) / 2 * (0.6 + 0.4 * (PITCHES - 1))
    assert focal(torch.zeros_like(target), target).item() == pytest.approx(expected)
    mean, low, high = bootstrap(np.array([0.5, 0.6, 0.7]), np.array([0.4, 0.5, 0.6]))
    assert mean == pytest.approx(0.1)
    assert low <= mean <= high


def test_frames_are_the_cells_above_the_threshold() -> None:
    truth = draw_roll(np.array([[0.5, 1.0, 60], [0.7, 0.7, 64], [0.5, 1.0, 12]]), 100)
    assert truth[60 - LOWEST_PITCH, 43:86].all()
    assert truth[64 - LOWEST_PITCH, 60]
    assert truth.sum() == 43 + 1  # the shortest note has a cell, one out of range has none
    frame = np.where(truth, 0.3, 0.2).astype(np.float32)
    assert frame_f1(frame, truth, 0.25) == 1.0
    assert frame_f1(frame, truth, 0.35) == 0.0
    assert frame_f1(frame, truth, 0.15) == pytest.approx(2 * 44 / (44 + frame.size))


def test_thresholds_are_those_of_the_best_score() -> None:
    onset, frame = np.zeros((2, PITCHES, 200), np.float32)
    frame[[10, 20], 40:80] = onset[[10, 20], 40] = 1
    onset[[10, 20], 60] = 0.7, 0.6  # struck again, and only louder again
    frame[50:70, 100:120] = 0.45  # not played
    played = [(40, 60, 10), (60, 80, 10), (40, 80, 20)]
    notes = np.array(played) * [FRAME_SECONDS, FRAME_SECONDS, 1] + [0, 0, LOWEST_PITCH]
    heard, clips = [Activation(onset, frame)], [Clip("three", np.zeros(0, np.float32), notes)]
    thresholds, sounding = tune(heard, clips)
    assert 0.6 <= thresholds[1] < 0.7
    assert 0.45 <= sounding < 1
    assert note_scores(heard, clips, thresholds) == frame_scores(heard, clips, sounding) == 1


def test_midi_is_read_without_drums(tmp_path: Path) -> None:
    track = mido.MidiTrack()
    for kind, channel, pitch, velocity, ticks in (
        ("note_on", 0, 60, 90, 0),
        ("note_on", 9, 38, 90, 0),
        ("note_on", 1, 60, 90, 480),
        ("note_on", 0, 60, 0, 0),  # as good as note_off
        ("note_off", 9, 38, 0, 0),
        ("note_on", 1, 60, 70, 480),  # struck again
        ("note_off", 1, 60, 0, 480),
    ):
        track.append(mido.Message(kind, channel=channel, note=pitch, velocity=velocity, time=ticks))
    path = tmp_path / "two.mid"
    mido.MidiFile(ticks_per_beat=480, tracks=[track]).save(path)
    assert read_midi(path).tolist() == [[0.0, 0.5, 60], [0.5, 1.0, 60], [1.0, 1.5, 60]]


def test_windows_of_basic_pitch_are_joined_where_they_sound(tmp_path: Path) -> None:
    """A stand-in that returns the first sample of each of its 172 frames, at one pitch."""
    window, hop, row = 43_844, 256, 51
    kernel = np.zeros((88, 1, hop), np.float32)
    kernel[row, 0, 0] = 1
    constants = {"kernel": kernel, "pads": np.array([0, 0, 0, 0, 0, 172 * hop - window])}
    names = BasicPitch._OUTPUTS
    nodes = [
        helper.make_node("Transpose", ["input"], ["wave"], perm=[0, 2, 1]),
        helper.make_node("Pad", ["wave", "pads"], ["padded"]),
        helper.make_node("Conv", ["padded", "kernel"], ["heard"], strides=[hop]),
        *(helper.make_node("Transpose", ["heard"], [name], perm=[0, 2, 1]) for name in names),
    ]
    values = [helper.make_tensor_value_info("input", 1, ["windows", window, 1])]
    outputs = [helper.make_tensor_value_info(name, 1, ["windows", 172, 88]) for name in names]
    stored = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "g", values, outputs, stored)
    path = tmp_path / "nmp.onnx"
    opsets = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, ir_version=10, opset_imports=opsets), path)
    network = BasicPitch(path)
    for frame in (0, 1, 100, 130):  # of the first window, whose frames are the recording's
        wave = np.zeros(1000 * hop, np.float32)
        wave[frame * hop] = 1
        assert np.argwhere(network.hear(Clip("click", wave, np.zeros((0, 3)))).onset).tolist() == [
            [row + 21 - LOWEST_PITCH, frame]
        ]
    # Later windows begin between two frames: the stand-in returns the first sample of theirs.
    for index in (1, 3, 6):
        start = index * (window - 30 * hop) - 15 * hop
        for inside in (20, 80, 150):
            at = start + inside * hop
            wave = np.zeros(1000 * hop, np.float32)
            wave[at] = 1
            heard = network.hear(Clip("click", wave, np.zeros((0, 3)))).frame
            ((found, frame),) = np.argwhere(heard)
            assert found == row + 21 - LOWEST_PITCH
            assert abs(frame * hop - at) <= hop / 2


def test_nothing_to_judge_is_an_error() -> None:
    class Deaf:
        name = "deaf"

        def hear(self, clip: Clip) -> None:
            raise AssertionError(clip.name)

    with pytest.raises(ValueError, match="nothing to judge"):
        judge(Deaf(), [], {"real": []})  # type: ignore[arg-type]  # never reached
