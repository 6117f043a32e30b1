"""MODELS: the one registry of deployed models.

To add a model: one file in ``nets/``, one entry here; stages also need their parts in
``nets/stages.py``. The page names its two models itself (``web/assets.py``).
Nothing here imports torch, so that the web builder and the browser runner can read it cheaply.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

RATE_HZ = 44_100
"""Rate of the waveform that every deployed model takes."""
NETWORK_RATE_HZ = 22_050
"""Rate inside the networks, after halving."""
HOP_SAMPLES = 256
"""Samples between two frames, counted at NETWORK_RATE_HZ: one frame is 11.61 ms."""
LOWEST_PITCH = 24
"""MIDI number of output row 0 (C1)."""
PITCHES = 84
"""Rows of every activation: MIDI 24 to 107."""
EMBEDDING_SIZE = 12
"""Channels of a timbre embedding."""
EPSILON = 1.01e-8
"""Added under the logarithm, as in the training of the published weights."""
FLOAT32_MAX = 3.4028234663852886e38
LOUDEST = 2.0**50
"""Amplitude above which a recording is scaled down: the sum of its energy would exceed float32."""
SILENT = 1e-30
"""Least frame energy (-300 dB) that a deviation is compared with: a fainter recording counts as
silent, long before float32 runs out of digits (at 1e-38)."""
STEADY = 1e-5
"""Smallest deviation, relative to the largest frame energy, that counts: float32 sums of 288
energies are no more exact. Only a recording of very few frames falls below."""
FAINTEST = 1e-30
"""Smallest maximum that an activation is divided by: below, nothing was recognised."""


@dataclass(frozen=True)
class Thresholds:
    """Parameters for making notes from activations (see web/lib/notes/notes.js)."""

    frame: float
    """Activation above which a pitch sounds, in [0, 1]."""
    onset: float
    """Activation at or above which a note begins, in [0, 1]."""
    minimum_frames: int = 6
    """A shorter note is dropped."""
    tolerance_frames: int = 10
    """Frames under the frame threshold that end a note."""


@dataclass(frozen=True)
class Model:
    """One deployed form of a network."""

    name: str
    """Also the stem of the file: ``{name}_44100.onnx``."""
    network: str
    """The torch class, as ``module:Class``; see ``build``."""
    checkpoint: str
    """Stem of the checkpoint file that holds its weights."""
    outputs: tuple[str, ...]
    """Names of the outputs, in order, out of onset, frame and embedding."""
    thresholds: Thresholds
    stages: tuple[str, ...] = ()
    """Names of the parts that it is also exported in, in running order (``nets/stages.py``)."""
    baseline: bool = False
    """Whether no trained weights were ever published: on request, seeded ones stand in, to compare
    size, speed and parity."""

    @property
    def stem(self) -> str:
        """Stem of the exported file, as noteDigger names it."""
        return f"{self.name}_{RATE_HZ}"

    def build(self, epsilon: float = EPSILON) -> nn.Module:
        """The deployed network, untrained: waveform (1, 1, samples) at RATE_HZ to ``outputs``."""
        module_name, class_name = self.network.split(":")
        inside = module_name.removeprefix("export.")  # this package has another name in a wheel
        factory = getattr(importlib.import_module(f"{__package__}.{inside}"), class_name)
        network: nn.Module = factory(epsilon=epsilon)
        return network


_NOTES = ("onset", "frame")
_SEPARATED = ("onset", "frame", "embedding")
_NOTE_STAGES = ("ears", "notes")
_TIMBRE_STAGES = ("first-norm", "second-norm", "features", "embed")
_SEPTIMBRE_THRESHOLDS = Thresholds(frame=0.31, onset=0.35)

MODELS: dict[str, Model] = {
    model.name: model
    for model in (
        Model(
            "basicamt",
            "export.nets.basicamt:Deployed",
            "basicamt",
            _NOTES,
            Thresholds(frame=0.22, onset=0.38),
            stages=_NOTE_STAGES,
        ),
        Model(
            "septimbre",
            "export.nets.septimbre:Deployed",
            "septimbre",
            _SEPARATED,
            _SEPTIMBRE_THRESHOLDS,
            stages=_NOTE_STAGES + _TIMBRE_STAGES,
        ),
        Model(
            "septimbre_encoder",
            "export.nets.septimbre:DeployedEncoder",
            "septimbre",
            ("embedding",),
            _SEPTIMBRE_THRESHOLDS,
        ),
        Model(
            "basicpitch",
            "export.nets.basicpitch:Deployed",
            "basicpitch",
            _NOTES,
            Thresholds(frame=0.3, onset=0.5),
        ),
        Model(
            "onsets_frames",
            "export.nets.onsets_frames:Deployed",
            "onsets_frames",
            _NOTES,
            Thresholds(frame=0.5, onset=0.5),
            baseline=True,
        ),
        Model(
            "tanaka",
            "export.nets.tanaka:Deployed",
            "tanaka",
            _SEPARATED,
            _SEPTIMBRE_THRESHOLDS,
            baseline=True,
        ),
    )
}
BASELINES = tuple(name for name, model in MODELS.items() if model.baseline)
