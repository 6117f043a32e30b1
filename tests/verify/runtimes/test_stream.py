"""The same numbers in chunks and in one piece, and every fault of chunks is seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn

from export.catalog import MODELS
from export.example import read_example
from export.load.checkpoint import load_into, load_state
from export.manifest import Manifest, ModelFile
from export.nets.stages import cut
from tests.conftest import make_music
from verify.compare import Array, Tolerance, compare
from verify.matrix import networks, subjects
from verify.matrix.matrix import examine
from verify.matrix.notes import transcribe
from verify.matrix.records import Plan, Verdict
from verify.matrix.signals import edges, select
from verify.runtimes.runners import NativeRunner, Runner, RunnerError, Tensors, TorchRunner
from verify.runtimes.stream import FRAME_SAMPLES, Moments, Span, StreamRunner

NAMES = ("basicamt", "septimbre")
SECOND = 44_100
SAME = {
    "onset": Tolerance(1e-5, "what issue 8 promises"),
    "frame": Tolerance(1e-5, "what issue 8 promises"),
    "embedding": Tolerance(1e-4, "what issue 8 promises"),
}
EXACT = dict.fromkeys(SAME, Tolerance(1e-10, "float64: only the order of sums differs"))
MUSIC = make_music(6)
NATIVE = NativeRunner("full")
"""It runs in this process: what one test opened stays open for the next."""


@pytest.fixture(scope="module")
def manifest(models: Path) -> Manifest:
    return Manifest.read(models)


def run(runner: Runner, file: Path, audio: Array) -> Tensors:
    runner.load(file)
    return runner.run({"audio": audio})


def stream(
    models: Path,
    name: str,
    audio: Array,
    chunk_frames: int | None,
    manifest: Manifest | None = None,
) -> Tensors:
    manifest = manifest or Manifest.read(models)
    runner = StreamRunner(NATIVE, manifest, chunk_frames)
    return run(runner, models / manifest.find(name).path, audio)


def agree(
    models: Path, name: str, audio: Array, chunk_frames: int | None
) -> tuple[Tensors, Tensors]:
    whole = run_whole(models, name, audio)
    pieces = stream(models, name, audio, chunk_frames)
    compare(pieces, whole, SAME)
    return pieces, whole


def run_whole(models: Path, name: str, audio: Array) -> Tensors:
    return run(NATIVE, models / Manifest.read(models).find(name).path, audio)


@pytest.mark.parametrize("name", NAMES)
def test_music_gives_the_same_notes_in_chunks_of_two_seconds(name: str, models: Path) -> None:
    pieces, whole = agree(models, name, read_example(8.0), 2 * SECOND // FRAME_SAMPLES)
    thresholds = MODELS[name].thresholds
    assert transcribe(pieces, thresholds) == transcribe(whole, thresholds)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=12, deadline=None)
def test_any_length_in_any_chunks(name: str, models: Path, data: st.DataObject) -> None:
    """Far shorter than in use, for many borders: the arithmetic is the same."""
    samples = data.draw(st.integers(1, MUSIC.shape[-1] // 2), label="samples")
    chunk_frames = data.draw(st.integers(12, 300), label="chunk_frames")
    start = data.draw(st.integers(0, MUSIC.shape[-1] - samples), label="start")
    agree(models, name, MUSIC[..., start : start + samples], chunk_frames)


def test_a_long_recording_in_long_chunks(models: Path) -> None:
    long = np.concatenate([make_music(7, seed=seed) for seed in range(9)], axis=-1)[..., :-333]
    whole = run_whole(models, "basicamt", long)
    for seconds in (2, 60):
        pieces = stream(models, "basicamt", long, round(seconds * SECOND / FRAME_SAMPLES))
        compare(pieces, whole, SAME)


@pytest.mark.parametrize("name", NAMES)
def test_every_length_around_a_border(name: str, models: Path) -> None:
    chunk_frames = 20
    border = 2 * chunk_frames * FRAME_SAMPLES
    for extra in (-513, -512, -511, -1, 0, 1, 2, 255, 256, 257, 511, 512, 513):
        agree(models, name, MUSIC[..., : border + extra], chunk_frames)


@pytest.mark.parametrize("name", NAMES)
def test_every_unusual_signal(name: str, models: Path) -> None:
    for signal in edges():
        agree(models, name, signal.samples.reshape(1, 1, -1), None)


def change_stages(manifest: Manifest, change: Callable[[ModelFile], ModelFile]) -> Manifest:
    """Another manifest, in which each stage's entry is changed."""
    files = tuple(change(file) if file.stage else file for file in manifest.files)
    return replace(manifest, files=files)


class Exactly:
    """A model and its stages in torch and float64, where only a fault can make a difference."""

    def __init__(self, models: Path, checkpoints: Path, name: str) -> None:
        self.whole: dict[int, Tensors] = {}
        self.manifest = Manifest.read(models)
        self.file = models / self.manifest.find(name).path
        torch.manual_seed(0)
        self.network = MODELS[name].build().eval()
        path = checkpoints / f"{MODELS[name].checkpoint}.pth"
        load_into(self.network.get_submodule("network"), load_state(path), path)
        self.outputs = {self.file.name: MODELS[name].outputs}
        self.parts: dict[str, nn.Module] = {self.file.name: self.network}
        for entry in self.manifest.find_stages(name):
            (self.parts[entry.path],) = cut(
                self.network.get_submodule("network"), [entry.stage or ""]
            ).values()
            self.outputs[entry.path] = tuple(output.name for output in entry.outputs)

    def torch(self) -> TorchRunner:
        return TorchRunner("float64", lambda file: (self.parts[file.name], self.outputs[file.name]))

    def compare(self, samples: int, wrap: Callable[[TorchRunner, Manifest], Runner]) -> None:
        audio = CLIP[..., :samples]
        if samples not in self.whole:
            self.whole[samples] = run(self.torch(), self.file, audio)
        pieces = run(wrap(self.torch(), self.manifest), self.file, audio)
        compare(pieces, self.whole[samples], EXACT)


@pytest.fixture(scope="module")
def exactly(models: Path, checkpoints: Path) -> Exactly:
    return Exactly(models, checkpoints, "septimbre")


CLIP = MUSIC[..., : 2 * SECOND - 77]
FRAMES_SHORT = {"ears": 20}
"""Elsewhere one frame is seen. The outermost 16 of the ears pass through the tails of eight filters
in a row, 1e-20 or so, and the next few through a window's."""


@given(samples=st.integers(1, CLIP.shape[-1]), chunk_frames=st.integers(8, 200))
@example(samples=CLIP.shape[-1], chunk_frames=40)
@settings(max_examples=8, deadline=None)
def test_in_float64_nothing_differs(samples: int, chunk_frames: int, exactly: Exactly) -> None:
    def wrap(runner: TorchRunner, manifest: Manifest) -> Runner:
        return StreamRunner(runner, manifest, chunk_frames)

    exactly.compare(samples, wrap)


@pytest.mark.parametrize("stage", MODELS["septimbre"].stages)
def test_a_halo_too_short_is_seen(stage: str, exactly: Exactly) -> None:
    """So no halo of the manifest is longer than necessary."""
    missing = {stage: FRAMES_SHORT.get(stage, 1)}

    def wrap(runner: TorchRunner, manifest: Manifest) -> Runner:
        def shorten(entry: ModelFile) -> ModelFile:
            halo = (entry.halo_frames or 0) - missing.get(entry.stage or "", 0)
            return replace(entry, halo_frames=halo)

        return StreamRunner(runner, change_stages(manifest, shorten), 90)

    with pytest.raises(AssertionError, match="leaves the tolerance"):
        exactly.compare(CLIP.shape[-1], wrap)


class Greedy(StreamRunner):
    """Counts the frames of a halo as if they were the chunk's own."""

    def _run(self, stage: ModelFile, values: Tensors, span: Span) -> Tensors:
        if stage.stage == "first-norm":
            span = max(span[0] - 2, 0), min(span[1] + 2, values["energy"].shape[-1])
        return super()._run(stage, values, span)


class Deaf(StreamRunner):
    """Pads with zeros at every border, as if each chunk were a recording."""

    def _run(self, stage: ModelFile, values: Tensors, span: Span) -> Tensors:
        return super()._run(replace(stage, halo_frames=0), values, span)


@pytest.mark.parametrize("faulty", [Greedy, Deaf])
def test_a_fault_of_the_caller_is_seen(
    faulty: type[StreamRunner], models: Path, manifest: Manifest
) -> None:
    file = models / manifest.find("septimbre").path
    whole = run(NATIVE, file, CLIP)
    pieces = run(faulty(NATIVE, manifest, 90), file, CLIP)
    with pytest.raises(AssertionError, match="leaves the tolerance"):
        compare(pieces, whole, SAME)


def test_moments_are_stable_where_squares_cancel() -> None:
    random = np.random.default_rng(0)
    values = 1e6 + random.standard_normal((1, 3, 40, 100))  # (1, channels, cells, frames)
    expected: Any = values.transpose(0, 1, 3, 2).reshape(1, 3, -1)
    for stand_behind, ddof in ((40, 1), (None, 0)):
        moments = Moments(stand_behind)
        for part in np.split(values, [7, 8, 60], axis=-1):
            moments.add(part.mean(axis=2), part.var(axis=2))
        assert np.allclose(moments.mean, expected.mean(axis=-1), rtol=1e-14)
        assert np.allclose(moments.variance, expected.var(axis=-1, ddof=ddof), rtol=1e-9)


def test_a_model_without_stages_is_an_error(models: Path, manifest: Manifest) -> None:
    with (
        StreamRunner(NativeRunner("full"), manifest) as runner,
        pytest.raises(RunnerError, match=r"names no stages of basicpitch_44100\.onnx"),
    ):
        runner.load(models / "basicpitch_44100.onnx")


def test_a_stage_with_too_few_frames_is_an_error(models: Path, manifest: Manifest) -> None:
    class Cut(NativeRunner):
        def run(self, inputs: Any) -> Tensors:  # noqa: ANN401  # the protocol's
            return {name: value[..., :-1] for name, value in super().run(inputs).items()}

    file = models / manifest.find("basicamt").path
    with pytest.raises(RunnerError, match=r"ears\.onnx gave \d+ frames of energy"):
        run(StreamRunner(Cut("full"), manifest), file, CLIP)


def judge(models: Path, checkpoints: Path, manifest: Manifest, name: str) -> list[Verdict]:
    files = subjects.choose(manifest, [name], ["fp32"])
    references = networks.networks_of(manifest, checkpoints)
    signals = select(edges(), ["noise", "silence", "length-513"])
    wholes = subjects.deployed(models, files, signals, references)
    plans = [
        Plan("torch-float32", lambda: TorchRunner("float32", references)),
        Plan("native-full", lambda: NativeRunner("full")),
    ]
    return examine(subjects.streamed(models, manifest, wholes), plans).verdicts


def test_the_matrix_judges_stages_too(models: Path, checkpoints: Path, manifest: Manifest) -> None:
    verdicts = judge(models, checkpoints, manifest, "septimbre")
    assert [verdict.status for verdict in verdicts] == ["agrees"] * 6
    assert {verdict.variant for verdict in verdicts} == {"streamed"}


def test_a_halo_that_is_wrong_is_a_verdict(
    models: Path, checkpoints: Path, manifest: Manifest
) -> None:
    deaf = change_stages(manifest, lambda stage: replace(stage, halo_frames=0))
    verdicts = judge(models, checkpoints, deaf, "basicamt")
    noise = [verdict for verdict in verdicts if verdict.signal == "noise"]
    assert [verdict.status for verdict in noise] == ["disagrees"] * 2


def test_a_stage_that_was_changed_is_not_judged(
    models: Path, checkpoints: Path, manifest: Manifest
) -> None:
    other = change_stages(manifest, lambda stage: replace(stage, sha256="0" * 64))
    with pytest.raises(subjects.SubjectError, match=r"ears\.onnx is not the file in the manifest"):
        judge(models, checkpoints, other, "basicamt")
