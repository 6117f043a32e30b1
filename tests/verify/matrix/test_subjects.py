"""From a manifest to subjects: the right files, the right weights, the right reference."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from export.catalog import MODELS
from export.manifest import Manifest, ModelFile, TensorInfo, sha256_of
from tests import tiny_models
from verify.matrix import networks
from verify.matrix.matrix import examine
from verify.matrix.records import Plan
from verify.matrix.signals import edges, select, standard
from verify.matrix.subjects import SubjectError, choose, choose_signals, deployed
from verify.runtimes.runners import NativeRunner

SIGNALS = select(edges(), ["silence", "noise", "length-513"])


class Twin(nn.Module):
    """tests/tiny_models.py in torch."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.filters = nn.Parameter(torch.from_numpy(tiny_models.weights(seed)))

    def forward(self, audio: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        padded = nn.functional.pad(audio, (0, tiny_models.HOP - 1))
        bands = nn.functional.conv1d(padded, self.filters, stride=tiny_models.HOP)
        epsilon = torch.tensor(tiny_models.EPSILON, dtype=torch.float32).to(audio.dtype)
        level = torch.log(bands * bands + epsilon)
        scaled = level * 0.5
        return torch.sigmoid(scaled - level), torch.sigmoid(scaled)


@pytest.fixture
def entry(tmp_path: Path) -> ModelFile:
    path = tiny_models.write(tmp_path / "basicamt_44100.onnx")
    frames = TensorInfo("onset", "float32", (1, 84, "frames"))
    return ModelFile(
        model="basicamt",
        variant="fp32",
        stage=None,
        path=path.name,
        bytes=path.stat().st_size,
        sha256=sha256_of(path),
        nodes=8,
        nodes_inlined=8,
        parameters=1,
        opset=17,
        ir_version=8,
        inputs=(TensorInfo("audio", "float32", (1, 1, "samples")),),
        outputs=(frames, replace(frames, name="frame")),
        halo_frames=None,
        gathers=(),
        rate_hz=44_100,
        network_rate_hz=22_050,
        hop_samples=256,
        lowest_pitch=24,
        thresholds=MODELS["basicamt"].thresholds,
        weights="random, seed 0",
        checkpoint_sha256=None,
        epsilon=1e-6,
        recipe="",
        guards=(),
        error={},
        precision="float32",
        recommended_for=(),
    )


def twin(file: Path) -> tuple[nn.Module, tuple[str, ...]]:
    return Twin(), ("onset", "frame")


def test_a_file_agrees_with_the_network_it_was_made_from(entry: ModelFile, tmp_path: Path) -> None:
    reported: list[str] = []
    subjects = deployed(tmp_path, [entry], SIGNALS, twin, reported.append)
    assert reported == [f"basicamt on {signal.name}" for signal in SIGNALS]
    (subject,) = subjects
    assert subject.cases[0].reference["frame"].dtype == np.float64
    result = examine(subjects, [Plan("native-full", lambda: NativeRunner("full"))])
    assert result.passed, result.verdicts


def test_notes_are_judged_on_music_where_weights_are_trained(
    entry: ModelFile, tmp_path: Path
) -> None:
    trained = replace(entry, weights="checkpoint", checkpoint_sha256="0" * 64)
    signals = (replace(SIGNALS[1], name="piece", music=True), *SIGNALS)
    judged = {
        file.weights: [
            c.signal for c in deployed(tmp_path, [file], signals, twin)[0].cases if c.notes
        ]
        for file in (entry, replace(trained, weights="checkpoint"))
    }
    assert judged == {"random, seed 0": [], "checkpoint": ["piece"]}


def test_a_file_disagrees_with_a_network_of_other_weights(entry: ModelFile, tmp_path: Path) -> None:
    other = deployed(tmp_path, [entry], SIGNALS, lambda file: (Twin(1), ("onset", "frame")))
    result = examine(other, [Plan("native-full", lambda: NativeRunner("full"))])
    assert {verdict.status for verdict in result.verdicts} == {"agrees", "disagrees"}


def test_a_file_that_nobody_made_again_is_refused(entry: ModelFile, tmp_path: Path) -> None:
    tiny_models.write(tmp_path / entry.path, seed=1)
    with pytest.raises(SubjectError, match="not the file in the manifest"):
        deployed(tmp_path, [entry], SIGNALS, twin)
    (tmp_path / entry.path).unlink()
    with pytest.raises(SubjectError, match="does not exist"):
        deployed(tmp_path, [entry], SIGNALS, twin)


def test_choose_by_name_and_refuse_what_is_not_there(entry: ModelFile) -> None:
    manifest = Manifest((entry, replace(entry, variant="fp16")), {})
    assert len(choose(manifest, [], [])) == 2
    assert [file.variant for file in choose(manifest, ["basicamt"], ["fp16"])] == ["fp16"]
    with pytest.raises(SubjectError, match="no model opera; it holds basicamt"):
        choose(manifest, ["opera"], [])
    with pytest.raises(SubjectError, match="no variant int8; it holds fp16, fp32"):
        choose(manifest, [], ["int8"])
    with pytest.raises(SubjectError, match="nothing to compare"):
        choose(Manifest((), {}), [], [])


def test_the_checkpoint_must_be_the_one_of_the_manifest(entry: ModelFile, tmp_path: Path) -> None:
    entry = replace(entry, weights="checkpoint", checkpoint_sha256="0" * 64)
    manifest = Manifest((entry,), {})
    with pytest.raises(SubjectError, match="make verify CHECKPOINTS=DIR"):
        networks.networks_of(manifest, None)(Path(entry.path))
    with pytest.raises(SubjectError, match="found none"):
        networks.networks_of(manifest, tmp_path)(Path(entry.path))
    torch.save(MODELS["basicamt"].build().get_submodule("network").state_dict(),
               tmp_path / "basicamt.pth")  # fmt: skip
    with pytest.raises(SubjectError, match="000000000000, found"):
        networks.networks_of(manifest, tmp_path)(Path(entry.path))
    digest = sha256_of(tmp_path / "basicamt.pth")
    manifest = Manifest((replace(entry, checkpoint_sha256=digest),), {})
    network, outputs = networks.networks_of(manifest, tmp_path)(Path(entry.path))
    assert outputs == ("onset", "frame")
    assert isinstance(network, nn.Module)
    networks.prove_weights(manifest, manifest.files, tmp_path)
    others = replace(entry.thresholds, minimum_frames=7)
    manifest = Manifest((*manifest.files, replace(manifest.files[0], thresholds=others)), {})
    with pytest.raises(SubjectError, match=r"minimum_frames=7.*, expected those of the weights"):
        networks.prove_weights(manifest, manifest.files, tmp_path)


def test_the_default_signals_begin_with_music_and_a_brief_part_of_it() -> None:
    music, long, short, *rest = standard()
    assert long.seconds > 17.8
    assert music.music
    assert not music.brief
    assert short.seconds == pytest.approx(0.25)
    assert rest[0].name == "music-short-brief"
    assert rest[0].brief
    assert len(rest) == 1 + len(edges())


def test_random_weights_get_brief_signals_unless_the_run_is_thorough(entry: ModelFile) -> None:
    signals = standard()
    brief = choose_signals(entry, signals, thorough=False)
    assert 0 < len(brief) < len(signals)
    assert all(signal.brief for signal in brief)
    assert choose_signals(entry, signals, thorough=True) == signals
    trained = replace(entry, checkpoint_sha256="0" * 64)
    assert choose_signals(trained, signals, thorough=False) == signals
