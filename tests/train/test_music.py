"""The training material: scores, tones, rooms, targets and the batches made of them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from export.catalog import LOWEST_PITCH
from export.nets.front_end import BINS, CQT
from tests.tiny_shards import SECONDS, make_shards
from train.learn.batches import Recipe, draw_batch, draw_mixtures
from train.music.rooms import degrade, draw_room
from train.music.scores import Note, write_ensemble, write_piano
from train.music.shards import SCALE, Shard
from train.music.stems import Stem, perform, until_release
from train.music.targets import (
    FADE_DB,
    FRAMES_PER_SECOND,
    LEAD_FRAMES,
    STRIDE,
    draw_fading,
    draw_targets,
)
from train.music.tones import RATE_HZ, ModelledPiano, RandomTimbre


@pytest.mark.parametrize("seed", range(8))
def test_scores_stay_in_range_and_never_strike_a_sounding_key(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ranges = [(24, 105), (40, 64), (70, 90)]
    parts = [write_piano(rng, 12, plain=seed % 2 == 0), *write_ensemble(rng, 12, ranges[1:])]
    for part, (low, high) in zip(parts, ranges, strict=True):
        assert part == sorted(part, key=lambda n: n.start_seconds)
        ends: dict[int, float] = {}
        for note in part:
            assert low <= note.pitch <= high
            assert 1 <= note.velocity <= 127
            assert 0 <= note.start_seconds < note.release_seconds <= note.end_seconds <= 12
            assert note.start_seconds > ends.get(note.pitch, -1)
            ends[note.pitch] = note.end_seconds
    assert parts[0]


def test_plain_pieces_are_shorter_of_breath_and_struck_together() -> None:
    median, together = [], []
    for plain in (False, True):
        pieces = [write_piano(np.random.default_rng(seed), 24, plain) for seed in range(40)]
        lengths = [n.end_seconds - n.start_seconds for piece in pieces for n in piece]
        starts = [np.array([n.start_seconds for n in piece]) for piece in pieces]
        near = [(np.abs(s[:, None] - s) < 0.05).sum(1) - 1 for s in starts]
        median.append(float(np.median(lengths)))
        together.append(float(np.concatenate(near).mean()))
    assert median[1] < 0.8 * median[0]
    assert together[1] > 1.3 * together[0]


def test_labels_end_with_the_damper_or_with_the_key() -> None:
    piece = write_piano(np.random.default_rng(0), 24)
    damped = Stem(np.zeros(1, np.float32), piece, "piano")
    held = until_release(damped).notes
    assert [n.start_seconds for n in held] == [n.start_seconds for n in piece]
    shorter = sum(h.end_seconds < n.end_seconds for h, n in zip(held, piece, strict=True))
    assert 0 < shorter < len(piece)  # under the pedal, and without
    assert all(n.start_seconds < n.end_seconds == n.release_seconds for n in held)


@pytest.mark.parametrize("kind", [ModelledPiano, RandomTimbre])
@pytest.mark.parametrize("seed", range(4))
def test_a_tone_sounds_at_its_label_and_at_its_pitch(
    kind: type[ModelledPiano] | type[RandomTimbre], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    player = kind(rng)
    pitch = (player.lowest + player.highest) // 2
    wave, heard = perform(player, [Note(1.0, 2.0, 2.0, pitch, 90)], SECONDS, rng)
    assert np.isfinite(wave).all()
    assert np.abs(wave[: RATE_HZ - 1]).max() == 0
    assert np.abs(wave[RATE_HZ : RATE_HZ + RATE_HZ // 10]).max() > 0.01
    assert heard[0].end_seconds <= 2.0
    with torch.no_grad():
        energy = CQT()(torch.from_numpy(wave)[None, None])[0].square().sum((0, 2)).numpy()
    semitones = {0, *(round(12 * math.log2(n)) for n in range(2, 17))}
    rows = [1 + 3 * (pitch + shift - LOWEST_PITCH) for shift in semitones]
    near = sum(energy[max(r - 2, 0) : r + 3].sum() for r in rows if 0 <= r < BINS)
    assert near > 0.7 * energy.sum()  # the rest: hammer, breath, chorus, vibrato


def test_a_room_leaves_the_attack_where_it_was() -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        response = draw_room(rng)
        assert response[0] == 1.0
        assert np.isfinite(response).all()
        assert np.abs(response[1:]).max() < 1.5
    assert degrade(np.ones(5000, np.float32), rng).shape == (5000,)


def test_targets_are_where_the_notes_are() -> None:
    notes = np.array([[10 / FRAMES_PER_SECOND, 14 / FRAMES_PER_SECOND, 60]], np.float32)
    frame, onset, sounding = draw_targets([notes], 2, 5, 20)
    row = 62 - LOWEST_PITCH
    first = 5 - LEAD_FRAMES
    assert np.flatnonzero(frame[row]).tolist() == [first, first + 1, first + 2, first + 3]
    assert onset[row, first - 1 : first + 2].tolist() == [pytest.approx(0.6), 1.0, 0.25]
    assert frame.sum() == 4
    assert sounding.spans.tolist() == [[0, row, first, first + 4]]
    assert draw_targets([notes], 30, 5, 20)[0].sum() == 4  # still within the rows
    assert draw_targets([notes], 60, 5, 20)[0].sum() == 0  # beyond them


def test_a_target_fades_with_its_note() -> None:
    """One that loses a decibel a frame, under the pedal, and another that stays."""
    width, row = 128, 62 - LOWEST_PITCH
    energy = np.full((BINS, width), 1e-9, np.float32)
    energy[3 * row + 1, 10:] = 10 ** (-np.arange(width - 10) / 10)
    energy[3 * row + 1, 100] = 1  # what has faded does not come back with others' partials
    energy[3 * (row + 5) + 1, 10:] = 0.5
    notes = np.array([[10, 120, 60], [10, 120, 65]], np.float32)
    notes[:, :2] /= FRAMES_PER_SECOND
    for start in (0, 30):
        left = draw_fading([notes], 2, start, energy[:, ::STRIDE], energy[:, start:])
        fading, staying = left[row, max(10 - start, 0) : 119 - start], left[row + 5]
        assert np.all(np.diff(fading) <= 0)
        assert staying[max(10 - start, 0) : 119 - start].min() == 1
        assert fading[round(FADE_DB[1]) + 20 - max(start - 10, 0)] == 0
    assert left[row, :5].max() < 1  # its peak was before the crop
    assert np.count_nonzero(left.any(1)) == 2


def test_transposing_moves_sound_and_target_together() -> None:
    tone = np.zeros((1, 2, BINS, 200), np.float16)
    tone[0, 0, 3 * 36 + 1, 60:120] = SCALE / 4
    notes = [np.array([[60 / FRAMES_PER_SECOND, 120 / FRAMES_PER_SECOND, 60]], np.float32)]
    recipe = Recipe(frames=200, crops=8, blend=0, equaliser_db=0, noise_db=(-120, -119))
    batch = draw_batch([Shard(tone, notes, ["tone"])], recipe, 0, 0)
    moved = set()
    for energy, frame in zip(batch.energy[:, 0], batch.frame, strict=True):
        row = int(frame.sum(1).argmax())
        assert int(energy[:, 90].argmax()) == 3 * row + 1
        moved.add(row)
    assert len(moved) > 2
    assert {0} != moved
    # Silence is the epsilon, as in the deployed network.
    less = draw_batch([Shard(tone, notes, ["tone"])], replace(recipe, epsilon=1e-10), 0, 0)
    quieter = batch.energy.amin((1, 2, 3)) - less.energy.amin((1, 2, 3))
    assert quieter.numpy() == pytest.approx(np.log(recipe.epsilon / 1e-10), abs=0.1)


def test_batches_follow_from_seed_and_step() -> None:
    recipe = Recipe(frames=64, crops=2)
    first, again = (draw_batch(make_shards(), recipe, 3, 7) for _ in range(2))
    assert torch.equal(first.energy, again.energy)
    assert torch.equal(first.onset, again.onset)
    assert not torch.equal(first.energy, draw_batch(make_shards(), recipe, 3, 8).energy)
    assert torch.isfinite(first.energy).all()
    mixed = draw_mixtures(make_shards(), recipe, 0, 0)
    assert all(len(np.unique(s.spans[:, 0])) >= 1 for s in mixed.sounding)
