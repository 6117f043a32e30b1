"""Training in miniature: seconds, no downloads, no soundfonts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from export.catalog import MODELS, PITCHES, Thresholds
from export.load.checkpoint import load_into, load_state
from export.load.sources import THRESHOLD_KEYS, Weights, WeightsError
from export.nets.basicamt import BasicAMT, NoteBranch
from export.nets.septimbre import Encoder, SepTimbre, to_unit_length
from tests.tiny_shards import make_shards
from train.learn.batches import Recipe, draw_mixtures
from train.learn.losses import contrast
from train.learn.quick import encode, note_logits
from train.learn.ship import ship
from train.learn.trainer import NoteTask, Plan, Task, TimbreTask, Trainer
from train.music.tones import RATE_HZ

TUNED = Thresholds(frame=0.41, onset=0.27)


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
def test_the_loss_goes_down(make_task: type[Task]) -> None:
    torch.manual_seed(0)
    recipe = Recipe(frames=96, crops=2)
    task = make_task()
    trainer = Trainer(task, Plan(steps=12, peak_rate=3e-3, warm_up=3), recipe, make_shards())

    def measure() -> float:
        with torch.no_grad():
            seen = [task.loss(task.draw(make_shards(), recipe, 0, step)) for step in range(4)]
        return float(torch.stack(seen).mean())

    before = measure()
    losses = [loss for _, loss in trainer.run()]
    assert np.isfinite(losses).all()
    assert measure() < 0.95 * before


def test_a_resumed_run_is_the_unbroken_one(tmp_path: Path) -> None:
    recipe, plan = Recipe(frames=48, crops=2), Plan(steps=4, warm_up=2)

    def start() -> Trainer:
        torch.manual_seed(0)
        return Trainer(NoteTask(), plan, recipe, make_shards())

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
    other = Trainer(NoteTask(), replace(plan, seed=1), recipe, make_shards())
    list(other.run())
    theirs = other.average.state_dict()["neck.conv.weight"]
    assert not torch.equal(unbroken.average.state_dict()["neck.conv.weight"], theirs)


def test_shipped_weights_load_strictly_and_both_networks_hear_the_same_notes(
    tmp_path: Path,
) -> None:
    recipe = Recipe(frames=48, crops=2)
    for name, task in (("notes", NoteTask()), ("timbre", TimbreTask())):
        trainer = Trainer(task, Plan(steps=1), recipe, make_shards())
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


def test_contrast_is_lower_where_timbres_are_apart() -> None:
    sounding = draw_mixtures(make_shards(), Recipe(frames=300, crops=2), 0, 0).sounding
    assert any(len(np.unique(s.spans[:, 0])) > 1 for s in sounding)
    apart = torch.zeros(2, 12, PITCHES, 300)
    for item, played in zip(apart, sounding, strict=True):
        for stem, row, first, last in played.spans:
            item[stem, row, first:last] = 1
    alike = torch.zeros_like(apart)
    alike[:, 0] = 1
    assert contrast(apart, sounding) < contrast(alike, sounding)
