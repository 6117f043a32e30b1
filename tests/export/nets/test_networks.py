"""The networks equal upstream's code, and are finite where it is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from export.catalog import MODELS
from export.load.checkpoint import load_into, load_state
from export.nets.front_end import CQT
from export.nets.onsets_frames import OnsetsFrames
from tests.conftest import make_music, read_mono

PUBLISHED = ("basicamt", "septimbre", "basicpitch")
TOLERANCE = {"onset": 1e-5, "frame": 1e-5, "embedding": 1e-4}
LENGTHS = (1, 2, 255, 256, 257, 511, 512, 513, 514, 1024, 1025, 44_099, 44_100, 44_101)


def load(name: str, shared: Path) -> torch.nn.Module:
    model = MODELS[name]
    network = model.build().eval()
    path = shared / "checkpoints" / f"{model.checkpoint}.pth"
    load_into(network.network, load_state(path), path)  # type: ignore[arg-type]
    return network


@torch.no_grad()
def run(network: torch.nn.Module, audio: np.ndarray) -> list[np.ndarray]:
    return [output.numpy() for output in network(torch.from_numpy(audio))]


def test_cqt_is_upstreams(shared: Path) -> None:
    golden = np.load(shared / "golden" / "cqt_22050.short_mix.npz")["cqt"]
    audio = read_mono(shared / "audio" / "short_mix.wav")
    ours = CQT()(torch.from_numpy(audio)).numpy()[..., ::8]
    assert ours.shape == golden.shape
    assert np.abs(ours - golden).max() <= 1e-5 * np.abs(golden).max()


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize(("golden", "clip"), [("44100", "piano_short"), ("22050_raw", "short_mix")])
def test_outputs_are_upstreams(name: str, golden: str, clip: str, shared: Path) -> None:
    network = load(name, shared)
    if golden == "22050_raw":
        network = network.network  # type: ignore[assignment]
    expected = np.load(shared / "golden" / f"{name}_{golden}.{clip}.npz")
    outputs = run(network, read_mono(shared / "audio" / f"{clip}.wav"))
    for output, ours in zip(MODELS[name].outputs, outputs, strict=False):
        assert ours.shape == expected[output].shape
        assert np.abs(ours - expected[output]).max() <= TOLERANCE[output], output


def test_designed_constants_are_the_checkpoints(shared: Path) -> None:
    state = load_state(shared / "checkpoints" / "basicamt.pth")
    designed = CQT()
    assert torch.equal(designed.cqt_kernels, state["cqt.cqt_kernels"])
    assert torch.equal(designed.filtfilt.fir, state["cqt.filtfilt.fir"])


def test_parameters_are_as_published() -> None:
    counts = {
        name: sum(parameter.numel() for parameter in model.build().parameters())
        for name, model in MODELS.items()
    }
    assert counts == {
        "basicamt": 18_978,
        "septimbre": 44_961,
        "septimbre_encoder": 44_961,
        "basicpitch": 56_517,
        "onsets_frames": 1_714_076,
        "tanaka": 4_916_754,
    }


@pytest.mark.parametrize("name", MODELS)
def test_every_length_gives_its_frames(name: str) -> None:
    torch.manual_seed(0)
    network = MODELS[name].build().eval()
    for length in LENGTHS:
        frames = ((length + 1) // 2 - 1) // 256 + 1
        outputs = run(network, make_music(2)[..., :length])
        assert {output.shape[-1] for output in outputs} == {frames}, length
        assert all(np.isfinite(output).all() for output in outputs), length


MUSIC = make_music()[0, 0]
UNUSUAL = {
    "silence": np.zeros(44_100),
    "one sample": np.ones(1),
    "one frame": np.ones(512),
    "a NaN": np.where(np.arange(44_100) == 9_000, np.nan, MUSIC),
    "an infinity": np.where(np.arange(44_100) == 9_000, -np.inf, MUSIC),
    "all NaN": np.full(44_100, np.nan),
    "leading silence": np.concatenate([np.zeros(22_050), MUSIC]),
    "DC": np.full(44_100, 0.5),
    "an impulse": np.eye(1, 44_100, 20_000)[0],
    "square": np.sign(np.sin(np.arange(44_100) * 0.06)),
    "noise": np.random.default_rng(0).uniform(-1, 1, 44_100),
    **{f"x{scale:g}": MUSIC * scale for scale in (1e-20, 1e-6, 1e6, 1e18, 1e38)},
}
SILENT = ("silence", "one sample", "one frame", "all NaN", "x1e-20")


@pytest.mark.parametrize("kind", UNUSUAL)
@pytest.mark.parametrize("name", MODELS)
def test_outputs_stay_numbers(name: str, kind: str) -> None:
    torch.manual_seed(0)
    network = MODELS[name].build().eval()
    outputs = dict(
        zip(
            MODELS[name].outputs,
            run(network, UNUSUAL[kind].astype(np.float32)[None, None]),
            strict=True,
        )
    )
    for output, values in outputs.items():
        assert np.isfinite(values).all(), output
        assert np.abs(values).max() <= 1 + 1e-6, output
    if kind in ("silence", "all NaN"):
        assert not any(values.any() for values in outputs.values())
    if kind in SILENT and name in ("basicamt", "septimbre"):
        assert not any(values.any() for values in outputs.values())


def test_not_a_number_counts_as_zero(shared: Path) -> None:
    network = load("basicamt", shared)
    holed = np.where(np.arange(44_100) == 9_000, 0, make_music()[0, 0]).astype(np.float32)
    poisoned = UNUSUAL["a NaN"].astype(np.float32)
    for ours, expected in zip(
        run(network, poisoned[None, None]), run(network, holed[None, None]), strict=True
    ):
        assert np.array_equal(ours, expected)


def test_loud_is_only_scaled_where_it_would_overflow(shared: Path) -> None:
    network = load("basicamt", shared)
    music = make_music() / np.abs(make_music()).max()  # then every scale below is exact
    for at_limit, beyond in zip(
        run(network, music * np.float32(2.0**50)),
        run(network, music * np.float32(2.0**90)),
        strict=True,
    ):
        assert np.array_equal(at_limit, beyond)


def test_mel_filters_have_area_1() -> None:
    """Area normalisation; the lowest triangles are narrower than a bin, and so sampled coarsely."""
    filters = OnsetsFrames().mel_filters
    assert filters.shape == (229, 1025)
    area = filters.double().sum(dim=1) * 22_050 / 2048
    assert torch.allclose(area[100:], torch.ones(129, dtype=torch.float64), atol=0.03)
