"""Ours, the published weights and Basic Pitch on the same recordings, each at its best thresholds.

Thresholds are tuned on the validation recordings only (a soundfont of their own, and real ones
where given); the test recordings have another soundfont, and a degraded copy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import mido
import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from scipy.signal import resample_poly

from export.catalog import LOWEST_PITCH
from export.load.checkpoint import load_into, load_state
from export.nets.basicamt import BasicAMT
from train.judge.measure import Activation, Clip, frame_scores, note_scores, tune
from train.music.rooms import degrade
from train.music.stems import Studio
from train.music.tones import RATE_HZ


class Transcriber(Protocol):
    """A network to be judged."""

    name: str

    def hear(self, clip: Clip) -> Activation:
        """Its activations of ``clip``, each divided by its maximum."""
        ...


class Network:
    """basicamt with the weights of one file."""

    def __init__(self, name: str, weights: Path, epsilon: float) -> None:
        self.name = name
        self._network = BasicAMT(epsilon).eval()
        load_into(self._network, load_state(weights), weights)

    def hear(self, clip: Clip) -> Activation:
        """See Transcriber."""
        with torch.no_grad():
            onset, frame, _ = self._network(torch.from_numpy(clip.wave)[None, None])
        return _scaled(onset[0].numpy(), frame[0].numpy())


class BasicPitch:
    """Spotify's published model (Apache-2.0), as the package ``basic-pitch`` ships it in ONNX.

    Raises ValueError for another file.
    """

    name = "Basic Pitch"
    _OUTPUTS = ("StatefulPartitionedCall:1", "StatefulPartitionedCall:2")  # frame, onset
    _WINDOW, _OVERLAP_FRAMES, _HOP, _LOWEST = 43_844, 30, 256, 21

    def __init__(self, model: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(
                str(model), options, providers=["CPUExecutionProvider"]
            )
        except Exception:  # its exceptions share no other base
            raise ValueError(f"{model}: missing, or not an ONNX file") from None
        if not {out.name for out in self._session.get_outputs()}.issuperset(self._OUTPUTS):
            raise ValueError(f"{model}: not Basic Pitch; expected the package's nmp.onnx")
        self._input = self._session.get_inputs()[0].name

    def hear(self, clip: Clip) -> Activation:
        """See Transcriber. Windows overlap by 30 frames, of which 15 are cut at either end."""
        half = self._OVERLAP_FRAMES // 2
        step = self._WINDOW - self._OVERLAP_FRAMES * self._HOP
        wave = np.concatenate([np.zeros(half * self._HOP, np.float32), clip.wave])
        starts = range(0, len(wave), step)
        windows = np.zeros((len(starts), self._WINDOW, 1), np.float32)
        for row, start in enumerate(starts):
            part = wave[start : start + self._WINDOW]
            windows[row, : len(part), 0] = part
        frame, onset = self._session.run(list(self._OUTPUTS), {self._input: windows})
        frames = (len(clip.wave) - 1) // self._HOP + 1
        out = np.zeros((2, 84, frames + self._WINDOW // self._HOP), np.float32)
        low = LOWEST_PITCH - self._LOWEST
        for row, start in enumerate(starts):
            # A window is not a whole number of frames: joined end to end they would drift.
            first = round(start / self._HOP)
            inner = np.stack([onset[row, half:-half], frame[row, half:-half]])  # (2, 142, 88)
            out[:, :, first : first + inner.shape[1]] = inner[:, :, low : low + 84].swapaxes(1, 2)
        return _scaled(out[0, :, :frames], out[1, :, :frames])


def _scaled(onset: NDArray[np.float32], frame: NDArray[np.float32]) -> Activation:
    return Activation(onset / max(onset.max(), 1e-9), frame / max(frame.max(), 1e-9))


def read_clips(folder: Path) -> list[Clip]:
    """Recordings (.flac, .wav) with notes of the same stem beside them (.tsv or .mid).

    Raises FileNotFoundError if the folder has none, or one without notes.
    """
    clips = []
    for path in sorted([*folder.glob("*.flac"), *folder.glob("*.wav")]):
        wave, rate = soundfile.read(path, dtype="float32", always_2d=True)
        factor = np.gcd(rate, RATE_HZ)
        mono = resample_poly(wave.mean(1), RATE_HZ // factor, rate // factor).astype(np.float32)
        if path.with_suffix(".tsv").exists():
            notes = np.loadtxt(path.with_suffix(".tsv"), skiprows=1, ndmin=2)
        else:
            notes = read_midi(path.with_suffix(".mid"))
        clips.append(Clip(path.stem, mono, notes))
    if not clips:
        raise FileNotFoundError(
            f"{folder}: no .flac or .wav; expected recordings with .tsv or .mid"
        )
    return clips


def read_midi(path: Path) -> NDArray[np.float64]:
    """Rows of start, end (seconds) and pitch of every note, without drums."""
    sounding: dict[tuple[int, int], float] = {}
    rows = []
    now = 0.0
    for message in mido.MidiFile(path):
        now += message.time
        if message.type not in ("note_on", "note_off") or message.channel == 9:
            continue
        key = (message.channel, message.note)
        if key in sounding:
            rows.append((sounding.pop(key), now, message.note))
        if message.type == "note_on" and message.velocity:
            sounding[key] = now
    return np.array(sorted(rows), np.float64).reshape(-1, 3)


def render_clips(studio: Studio, split: str, count: int) -> tuple[list[Clip], list[Clip]]:
    """Up to ``count`` pieces of a held-out split, and their degraded copies."""
    clean, poor = [], []
    for index in range(count):
        stems = studio.record(split, index)
        wave = np.sum([s.wave for s in stems], axis=0)
        wave = (0.5 * wave / (np.abs(wave).max() + 1e-9)).astype(np.float32)
        notes = np.array(
            [(n.start_seconds, n.end_seconds, n.pitch) for s in stems for n in s.notes]
        ).reshape(-1, 3)
        if len(notes) < 5:
            continue
        clean.append(Clip(f"{split}-{index}", wave, notes))
        rng = np.random.default_rng([7, index])
        poor.append(Clip(f"{split}-{index}-poor", degrade(wave, rng), notes))
    return clean, poor


@dataclass
class Result:
    """One network's scores: per set, note F1 and frame F1 of every clip."""

    name: str
    note_thresholds: tuple[float, float] = (0.0, 0.0)
    frame_threshold: float = 0.0
    notes: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    frames: dict[str, NDArray[np.float64]] = field(default_factory=dict)


def judge(
    transcriber: Transcriber,
    tuning: list[Clip],
    sets: dict[str, list[Clip]],
    progress: Callable[[str], None] = lambda _: None,
) -> Result:
    """Tune thresholds on ``tuning``, then score every set with them.

    Raises ValueError if a set is empty.
    """
    if not tuning or not sets or not all(sets.values()):
        raise ValueError("nothing to judge: a set of recordings is empty")
    result = Result(transcriber.name)
    progress(f"{transcriber.name}: tuning")
    heard = [transcriber.hear(c) for c in tuning]
    result.note_thresholds, result.frame_threshold = tune(heard, tuning)
    for name, clips in sets.items():
        progress(f"{transcriber.name}: {name}")
        heard = [transcriber.hear(c) for c in clips]
        result.notes[name] = note_scores(heard, clips, result.note_thresholds)
        result.frames[name] = frame_scores(heard, clips, result.frame_threshold)
    return result


def bootstrap(
    ours: NDArray[np.float64], theirs: NDArray[np.float64], draws: int = 5000
) -> tuple[float, float, float]:
    """Mean paired difference (ours - theirs) and its 95 % bootstrap interval."""
    difference = ours - theirs
    rng = np.random.default_rng(0)
    picks = rng.integers(0, len(difference), (draws, len(difference)))
    low, high = np.percentile(difference[picks].mean(1), [2.5, 97.5])
    return float(difference.mean()), float(low), float(high)
