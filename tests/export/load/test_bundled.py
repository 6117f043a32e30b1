"""The bundled weights transcribe the project's own example."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import mir_eval
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from export.catalog import EPSILON, HOP_SAMPLES, MODELS
from export.load.sources import BUNDLED, Weights
from export.nets.basicamt import BasicAMT
from train.judge.decode import FRAME_SECONDS, decode_notes
from train.judge.evaluate import Network, read_clips
from train.judge.measure import note_scores


def test_the_bundled_weights_transcribe_the_example(tmp_path: Path) -> None:
    path = BUNDLED / "basicamt.safetensors"
    (clip,) = read_clips(BUNDLED.parent)
    tuned = Weights("bundled", path).thresholds(MODELS["basicamt"])

    def transcribe(weights: Path) -> float:
        heard = Network("ours", weights, EPSILON).hear(clip)
        return float(note_scores([heard], [clip], (tuned.frame, tuned.onset))[0])

    assert transcribe(path) > 0.65  # 0.765 when they were made
    torch.manual_seed(0)
    untrained = tmp_path / "basicamt.safetensors"
    save_file(BasicAMT().state_dict(), untrained)
    assert transcribe(untrained) < 0.3


def test_the_bundled_weights_are_neither_early_nor_late() -> None:
    path = BUNDLED / "basicamt.safetensors"
    (clip,) = read_clips(BUNDLED.parent)
    network = Network("ours", path, EPSILON)
    tuned = Weights("bundled", path).thresholds(MODELS["basicamt"])

    def measure_delay(wave: NDArray[np.float32]) -> float:
        """Median seconds from the score's attacks to those found, of notes within 0.1 s."""
        heard = network.hear(replace(clip, wave=wave))
        found = decode_notes(heard.onset, heard.frame, tuned.frame, tuned.onset)
        pairs = mir_eval.transcription.match_notes(
            clip.notes[:, :2],
            mir_eval.util.midi_to_hz(clip.notes[:, 2]),
            found[:, :2] * FRAME_SECONDS,
            mir_eval.util.midi_to_hz(found[:, 2]),
            onset_tolerance=0.1,
            offset_ratio=None,
        )
        assert len(pairs) > 20
        return float(np.median([found[j, 0] * FRAME_SECONDS - clip.notes[i, 0] for i, j in pairs]))

    assert abs(measure_delay(clip.wave)) < FRAME_SECONDS  # 24 ms before LEAD_FRAMES
    late = np.concatenate([np.zeros(2 * HOP_SAMPLES, np.float32), clip.wave])
    assert abs(measure_delay(late)) > FRAME_SECONDS
