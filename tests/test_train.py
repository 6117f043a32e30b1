"""Training in miniature: seconds, no downloads, no soundfonts."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from export.catalog import LOWEST_PITCH, MODELS, PITCHES, Thresholds
from export.checkpoint import load_into, load_state
from export.nets.basicamt import BasicAMT, NoteBranch
from export.nets.front_end import BINS, CQT
from export.nets.septimbre import Encoder, SepTimbre, to_unit_length
from export.weights import THRESHOLD_KEYS, Weights, WeightsError
from tests import note_rules
from train.batches import Recipe, draw_batch, draw_mixtures
from train.decode import decode_notes
from train.evaluate import bootstrap, judge
from train.losses import contrast, focal
from train.measure import Clip, label_accuracy, note_f1
from train.quick import encode, note_logits
from train.rooms import degrade, draw_room
from train.scores import Note, write_ensemble, write_piano
from train.shards import SCALE, Shard
from train.ship import ship
from train.stems import perform
from train.targets import FADE_DB, FRAMES_PER_SECOND, LEAD_FRAMES, STRIDE, draw_fading, draw_targets
from train.tones import RATE_HZ, ModelledPiano, RandomTimbre
from train.trainer import NoteTask, Plan, Task, TimbreTask, Trainer

SECONDS = 4.0
TUNED = Thresholds(frame=0.41, onset=0.27)


def make_shards(count: int = 3) -> list[Shard]:
    shards = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        players: list[RandomTimbre | ModelledPiano] = [RandomTimbre(rng), ModelledPiano(rng)]
        parts = write_ensemble(rng, SECONDS, [(p.lowest, p.highest) for p in players])
        takes = [perform(p, n, SECONDS, rng) for p, n in zip(players, parts, strict=True)]
        waves = torch.from_numpy(np.stack([wave for wave, _ in takes]))
        with torch.no_grad():
            cqt = CQT()(waves[:, None]) * SCALE
        notes = [
            np.array([(n.start_seconds, n.end_seconds, n.pitch) for n in heard], np.float32)
            for _, heard in takes
        ]
        shards.append(
            Shard(
                cqt.numpy().astype(np.float16),
                [n.reshape(-1, 3) for n in notes],
                [f"random-{seed}", "modelled"],
            )
        )
    return shards


@pytest.fixture(scope="module")
def shards() -> list[Shard]:
    return make_shards()


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
            assert 0 <= note.start_seconds < note.end_seconds <= 12
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


@pytest.mark.parametrize("kind", [ModelledPiano, RandomTimbre])
@pytest.mark.parametrize("seed", range(4))
def test_a_tone_sounds_at_its_label_and_at_its_pitch(
    kind: type[ModelledPiano] | type[RandomTimbre], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    player = kind(rng)
    pitch = (player.lowest + player.highest) // 2
    wave, heard = perform(player, [Note(1.0, 2.0, pitch, 90)], SECONDS, rng)
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
    width, row = 64, 62 - LOWEST_PITCH
    energy = np.full((BINS, width), 1e-9, np.float32)
    energy[3 * row + 1, 10:] = 10 ** (-np.arange(width - 10) / 10)
    energy[3 * (row + 5) + 1, 10:] = 0.5
    notes = np.array([[10, 60, 60], [10, 60, 65]], np.float32)
    notes[:, :2] /= FRAMES_PER_SECOND
    for start in (0, 20):
        left = draw_fading([notes], 2, start, energy[:, ::STRIDE], energy[:, start:])
        fading, staying = left[row, max(10 - start, 0) : 59 - start], left[row + 5]
        assert np.all(np.diff(fading) <= 0)
        assert staying[max(10 - start, 0) : 59 - start].min() == 1
        assert fading[round(FADE_DB[1]) + 20 - max(start - 10, 0)] == 0
    assert left[row, :5].max() < 1  # its peak was before the crop
    assert np.count_nonzero(left.any(1)) == 2


def test_transposing_moves_sound_and_target_together(shards: list[Shard]) -> None:
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
    del shards


def test_batches_follow_from_seed_and_step(shards: list[Shard]) -> None:
    recipe = Recipe(frames=64, crops=2)
    first, again = (draw_batch(shards, recipe, 3, 7) for _ in range(2))
    assert torch.equal(first.energy, again.energy)
    assert torch.equal(first.onset, again.onset)
    assert not torch.equal(first.energy, draw_batch(shards, recipe, 3, 8).energy)
    assert torch.isfinite(first.energy).all()
    mixed = draw_mixtures(shards, recipe, 0, 0)
    assert all(len(np.unique(s.spans[:, 0])) >= 1 for s in mixed.sounding)


def test_the_quick_forms_are_the_networks() -> None:
    torch.manual_seed(0)
    harmonics = 3 * torch.randn(2, 8, 252, 40)
    branch, encoder = NoteBranch().eval(), Encoder().eval()
    for parameter in branch.parameters():  # away from where both would be constant
        parameter.data = parameter.data + 0.05 * torch.randn_like(parameter)
    with torch.no_grad():
        onset, frame = branch(harmonics)
        quick_onset, quick_frame = (torch.sigmoid(x) for x in note_logits(branch, harmonics))
        embedding = to_unit_length(encoder(harmonics))
        # float32 sums of 1 200 products in another order
        torch.testing.assert_close(quick_onset, onset, rtol=0, atol=1e-5)
        torch.testing.assert_close(quick_frame, frame, rtol=0, atol=1e-5)
        torch.testing.assert_close(encode(encoder, harmonics), embedding, rtol=0, atol=1e-4)
        assert frame.std() > 1e-3
        assert not torch.allclose(quick_frame, frame.roll(1, dims=1), atol=1e-5)


@pytest.mark.parametrize("make_task", [NoteTask, TimbreTask])
def test_the_loss_goes_down(make_task: type[Task], shards: list[Shard]) -> None:
    torch.manual_seed(0)
    recipe = Recipe(frames=96, crops=2)
    task = make_task()
    trainer = Trainer(task, Plan(steps=12, peak_rate=3e-3, warm_up=3), recipe, shards)

    def measure() -> float:
        with torch.no_grad():
            seen = [task.loss(task.draw(shards, recipe, 0, step)) for step in range(4)]
        return float(torch.stack(seen).mean())

    before = measure()
    losses = [loss for _, loss in trainer.run()]
    assert np.isfinite(losses).all()
    assert measure() < 0.95 * before


def test_a_resumed_run_is_the_unbroken_one(shards: list[Shard], tmp_path: Path) -> None:
    recipe, plan = Recipe(frames=48, crops=2), Plan(steps=4, warm_up=2)

    def start() -> Trainer:
        torch.manual_seed(0)
        return Trainer(NoteTask(), plan, recipe, shards)

    unbroken = start()
    assert len(list(unbroken.run())) == 4
    broken = start()
    for step, _ in broken.run():
        if step == 2:
            break
    broken.save(tmp_path / "notes.pt")
    resumed = start()
    resumed.load(tmp_path / "notes.pt")
    assert [step for step, _ in resumed.run()] == [3, 4]
    for name, value in unbroken.average.state_dict().items():
        assert torch.equal(value, resumed.average.state_dict()[name]), name
    # Planted fault: another seed must show.
    other = Trainer(NoteTask(), replace(plan, seed=1), recipe, shards)
    list(other.run())
    theirs = other.average.state_dict()["neck.conv.weight"]
    assert not torch.equal(unbroken.average.state_dict()["neck.conv.weight"], theirs)


def test_shipped_weights_load_strictly_and_both_networks_hear_the_same_notes(
    shards: list[Shard], tmp_path: Path
) -> None:
    recipe = Recipe(frames=48, crops=2)
    for name, task in (("notes", NoteTask()), ("timbre", TimbreTask())):
        trainer = Trainer(task, Plan(steps=1), recipe, shards)
        list(trainer.run())
        trainer.save(tmp_path / f"{name}.pt")
    paths = ship(tmp_path / "notes.pt", tmp_path / "timbre.pt", tmp_path / "weights", TUNED)
    basicamt, septimbre = BasicAMT().eval(), SepTimbre().eval()
    for network, path in zip((basicamt, septimbre), paths, strict=True):
        load_into(network, load_state(path), path)
        stored = Weights("bundled", path).thresholds(MODELS["septimbre"])
        assert stored == TUNED
    audio = torch.randn(1, 1, RATE_HZ, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        onset, frame, _ = basicamt(audio)
        same_onset, same_frame, _, _ = septimbre(audio)
    torch.testing.assert_close(same_onset, onset)
    torch.testing.assert_close(same_frame, frame)


def test_thresholds_come_from_the_file_or_from_the_catalogue(tmp_path: Path) -> None:
    model = MODELS["basicamt"]
    path = tmp_path / "basicamt.safetensors"
    tensors = {"k": torch.tensor(1.0)}
    save_file(tensors, path)
    assert Weights("checkpoint", path).thresholds(model) == model.thresholds
    assert Weights("random", None).thresholds(model) == model.thresholds
    for wrong in ({THRESHOLD_KEYS[0]: "0.3"}, dict.fromkeys(THRESHOLD_KEYS, "nan")):
        save_file(tensors, path, wrong)
        with pytest.raises(WeightsError, match="two thresholds"):
            Weights("checkpoint", path).thresholds(model)


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


def test_contrast_is_lower_where_timbres_are_apart(shards: list[Shard]) -> None:
    sounding = draw_mixtures(shards, Recipe(frames=300, crops=2), 0, 0).sounding
    assert any(len(np.unique(s.spans[:, 0])) > 1 for s in sounding)
    apart = torch.zeros(2, 12, PITCHES, 300)
    for item, played in zip(apart, sounding, strict=True):
        for stem, row, first, last in played.spans:
            item[stem, row, first:last] = 1
    alike = torch.zeros_like(apart)
    alike[:, 0] = 1
    assert contrast(apart, sounding) < contrast(alike, sounding)


def test_nothing_to_judge_is_an_error() -> None:
    class Deaf:
        name = "deaf"

        def hear(self, clip: Clip) -> None:
            raise AssertionError(clip.name)

    with pytest.raises(ValueError, match="nothing to judge"):
        judge(Deaf(), [], {"real": []})  # type: ignore[arg-type]  # never reached
