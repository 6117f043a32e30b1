"""The signals cover every known fault, and are the same on every machine."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from export.catalog import EPSILON, MODELS, RATE_HZ
from export.graph.blocks import BLOCK_FRAMES
from verify.matrix import signals
from verify.matrix.tolerances import PROMISES

if TYPE_CHECKING:
    from torch import nn


def by_name() -> dict[str, signals.Signal]:
    return {signal.name: signal for signal in signals.edges()}


def test_names_are_unique_and_every_signal_holds_float32_samples() -> None:
    assert len(by_name()) == len(signals.edges())
    for signal in signals.edges():
        assert signal.samples.dtype == np.float32
        assert signal.samples.ndim == 1
        assert len(signal.samples) > 0


def test_each_extreme_is_what_its_name_says() -> None:
    named = by_name()
    assert not named["silence"].samples.any()
    assert np.isnan(named["nan"].samples).sum() == 1
    assert np.isposinf(named["inf"].samples).sum() == 1
    assert np.isneginf(named["minus-inf"].samples).sum() == 1
    assert np.isnan(named["nan-only"].samples).all()
    assert np.count_nonzero(named["impulse"].samples) == 1
    assert set(named["square"].samples.tolist()) == {-1.0, 1.0}
    assert np.abs(named["stereo-sum"].samples).max() > 1.9
    assert 1e17 < np.abs(named["amplitude-1e+18"].samples).max() < 1e19
    assert 0 < np.abs(named["amplitude-1e-20"].samples).max() < 1e-19
    assert len(named["length-1"].samples) == 1


def test_lengths_stand_on_both_sides_of_a_frame_and_of_each_octave() -> None:
    lengths = signals.lengths()
    assert {1, 511, 512, 513, 1024, 1025} <= set(lengths)
    at_network_rate = {-(-length // 2) for length in lengths}
    for octave in range(8):
        halved = {-(-length // 2**octave) for length in at_network_rate}
        stride = 256 // 2**octave
        assert 8 * stride + 1 in halved, f"octave {octave} begins no frame"


def test_brief_signals_are_few_short_and_hold_the_worst() -> None:
    brief = [signal for signal in signals.edges() if signal.brief]
    names = {"silence-brief", "nan-brief", "impulse-brief", "amplitude-1e+18-brief", "length-1"}
    assert names <= {signal.name for signal in brief}
    assert all(signal.seconds <= 8 * 512 / RATE_HZ for signal in brief)


def test_what_is_brief_still_is_what_its_name_says() -> None:
    named = by_name()
    assert np.isnan(named["nan-brief"].samples).sum() == 1
    assert np.count_nonzero(named["impulse-brief"].samples) == 1
    assert np.abs(named["amplitude-1e+18-brief"].samples).max() > 1e17
    assert len(named["nan"].samples) > len(named["nan-brief"].samples)


def test_the_noise_is_the_same_everywhere() -> None:
    digest = hashlib.sha256(by_name()["noise"].samples.tobytes()).hexdigest()
    assert digest.startswith("8240006b6cde")


def test_channels_are_summed(tmp_path: Path) -> None:
    path = tmp_path / "two.wav"
    soundfile.write(path, np.array([[0.5, 0.25], [0.5, -0.5]]), RATE_HZ, subtype="FLOAT")
    assert signals.load(path).samples.tolist() == [0.75, 0.0]


def test_a_recording_at_another_rate_is_refused_with_the_command_to_type(tmp_path: Path) -> None:
    path = tmp_path / "slow.wav"
    soundfile.write(path, np.zeros(10), 22_050)
    with pytest.raises(signals.SignalError, match=r"22050 Hz.*44100.*ffmpeg"):
        signals.load(path)


def test_a_file_without_audio_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.wav"
    path.write_text("no audio")
    with pytest.raises(signals.SignalError, match="cannot be read"):
        signals.load(path)
    with pytest.raises(signals.SignalError, match="cannot be read"):
        signals.load(tmp_path / "absent.wav")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), RATE_HZ)
    with pytest.raises(signals.SignalError, match="no samples"):
        signals.load(tmp_path / "empty.wav")


def test_select_by_pattern_and_refuse_what_matches_nothing() -> None:
    chosen = signals.select(signals.edges(), ["length-5*", "dc"])
    assert [signal.name for signal in chosen] == [
        "dc", "length-511", "length-512", "length-513", "length-514",
    ]  # fmt: skip
    with pytest.raises(signals.SignalError, match="no signal is called hum; there are: silence"):
        signals.select(signals.edges(), ["hum"])


def test_the_long_music_is_more_than_a_block_and_a_half() -> None:
    """Fewer frames are one block, whose halo cannot matter."""
    long = next(signal for signal in signals.standard() if signal.name == "music-long")
    assert len(long.samples) / 512 >= 1.5 * BLOCK_FRAMES


def test_a_fresh_signal_follows_from_its_seed_alone() -> None:
    first, again, other = signals.fresh(1), signals.fresh(1), signals.fresh(2)
    assert first.name == "random-1"
    assert "--seed 1" in first.why
    assert np.array_equal(first.samples, again.samples)
    assert len(first.samples) != len(other.samples)
    assert first.samples.dtype == np.float32
    for seed in range(50):
        assert 0 < np.abs(signals.fresh(seed).samples).max() < 1e3


def test_a_fresh_signal_is_not_beyond_the_tolerance_by_chance() -> None:
    """With faint noise, PyTorch itself was 3.0e-5 to 4.9e-5 off in float32 for these seeds."""
    from export.load.network import load_network
    from export.load.sources import BUNDLED
    from verify.runtimes.runners import TorchRunner

    def build(file: Path) -> tuple[nn.Module, tuple[str, ...]]:
        return load_network(MODELS["basicamt"], file, EPSILON), ("onset", "frame")

    with TorchRunner("float32", build) as single, TorchRunner("float64", build) as double:
        for runner in (single, double):
            runner.load(BUNDLED / "basicamt.safetensors")
        for seed in (86, 110, 260):
            inputs = {"audio": signals.fresh(seed).samples.reshape(1, 1, -1)}
            rounded, exact = single.run(inputs), double.run(inputs)
            for name, values in exact.items():
                error = np.abs(rounded[name] - values).max()
                assert error < PROMISES["fp32"].activation.absolute / 2
