"""The networks in stages: each needs a bounded neighbourhood, and a few numbers of the whole.

Run over chunks of a recording, with ``halo_frames`` to either side and nothing beyond its ends, the
stages give what the whole network gives. What is global is gathered from all chunks in between, in
float64: each stage's ``gathers`` say what, the manifest carries them, and this file, ``verify``'s
StreamRunner and the page's Stream follow them. In running order:

    ears         audio                                  → energy, loudness
                   loudness                             → deviation
    notes        energy, deviation                      → onset, frame, not yet divided by maximum
    first-norm   energy, deviation                      → first_means, first_variances
                   those of every frame                 → first_mean, first_variance
    second-norm  energy, deviation, first_*             → second_means, second_variances, wide
                   those of every frame                 → second_mean, second_variance
    features     wide, second_*                         → features, feature_means, …variances
                   those of every frame                 → feature_mean, feature_variance (unbiased)
                   features beside a pitch              → cells
    embed        cells, feature_mean, feature_variance  → embedding

A chunk of audio begins on a multiple of 512 samples, and is finite and at most LOUDEST
(``clean_audio``). Pitch p reads the features' rows 3p - 1, 3p and 3p + 1; what lies below row 0 or
beyond the recording's ends is feature_mean, so that it is zero once centred. A convolution of one
pitch does not see its neighbours, so embeddings cost only where notes are.

Why these: energies are kept, 252 floats a frame, so that the transform runs once. Between two norms
the encoder has 2000 to 4000 floats a frame. What leads to the first norm is computed again; what
the second normalises (``wide``) is an output, for whoever has the room to keep it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from export.catalog import FAINTEST, SILENT, STEADY
from export.manifest import Gather
from export.nets.basicamt import BasicAMT
from export.nets.front_end import (
    READ_BINS,
    clean_audio,
    measure_deviation,
    measure_energy,
    stack_harmonics,
)
from export.nets.septimbre import CentreNorm, GroupNorm, SepTimbre, to_unit_length

Shape = tuple[int | str, ...]
"""Of an input; a string is a dynamic dimension."""
Values = dict[str, Tensor]

ENERGY: dict[str, Shape] = {"energy": (1, 1, READ_BINS, "frames"), "deviation": (1,)}
FIRST: dict[str, Shape] = {"first_mean": (1, 4), "first_variance": (1, 4)}
SECOND: dict[str, Shape] = {"second_mean": (1, 2), "second_variance": (1, 2)}
FEATURE: dict[str, Shape] = {"feature_mean": (1, 16), "feature_variance": (1, 16)}
EXAMPLE_PITCH = 40
"""Whose cells stand for all in ``run_stages``: a middle one."""


class Stage(nn.Module):
    """A part of ``network``, whose layers it shares: maps ``inputs`` to ``outputs``, in order."""

    inputs: ClassVar[dict[str, Shape]]
    outputs: ClassVar[tuple[str, ...]]
    gathers: ClassVar[tuple[Gather, ...]] = ()
    network: BasicAMT | SepTimbre

    def __init__(self, network: BasicAMT | SepTimbre) -> None:
        super().__init__()
        self.network = network


class Ears(Stage):
    """Waveform → energies of the bins that are read, and of each frame."""

    inputs: ClassVar = {"audio": (1, 1, "samples")}
    outputs: ClassVar = ("energy", "loudness")
    gathers: ClassVar = (
        Gather("deviation", ("loudness",), ("deviation",), floor=SILENT, relative_floor=STEADY),
    )

    def forward(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        """(1, 1, N) samples at 44 100 Hz → energy (1, 1, 252, F), loudness (1, F)."""
        cqt = self.network.cqt
        energy = measure_energy(cqt(cqt.filtfilt(audio)))
        return energy[:, :, :READ_BINS], energy.sum(dim=(1, 2))


class Notes(Stage):
    """Energies → activations."""

    inputs: ClassVar = ENERGY
    outputs: ClassVar = ("onset", "frame")
    gathers: ClassVar = (
        Gather("maximum", ("onset",), floor=FAINTEST),
        Gather("maximum", ("frame",), floor=FAINTEST),
    )

    def forward(self, energy: Tensor, deviation: Tensor) -> tuple[Tensor, Tensor]:
        """(1, 1, 252, F), (1) → onset, frame (1, 84, F) in [0, 1]."""
        return self.network.transcribe(self.network.energy_norm.normalise(energy, deviation))


class Encoding(Stage):
    """The common part of the encoder's stages."""

    network: SepTimbre

    def begin(self, energy: Tensor, deviation: Tensor) -> tuple[Tensor, Tensor]:
        """→ the encoder's scaled harmonics, and what its first norm gets."""
        level = self.network.energy_norm.normalise(energy, deviation)
        return self.network.encoder.begin(stack_harmonics(level))

    def widen(self, energy: Tensor, deviation: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        """→ what the encoder's second norm gets."""
        scaled, early = self.begin(energy, deviation)
        norm = self.network.encoder.early_conv[1]
        assert isinstance(norm, GroupNorm)
        return self.network.encoder.widen(scaled, norm.normalise(early, mean, variance))


class FirstNorm(Encoding):
    """Energies → moments of each frame, by group of the encoder's first norm."""

    inputs: ClassVar = ENERGY
    outputs: ClassVar = ("first_means", "first_variances")
    gathers: ClassVar = (Gather("moments", outputs, tuple(FIRST)),)

    def forward(self, energy: Tensor, deviation: Tensor) -> tuple[Tensor, Tensor]:
        """(1, 1, 252, F), (1) → means, variances (1, 4, F)."""
        _, early = self.begin(energy, deviation)
        return measure_moments(early, groups=4)


class SecondNorm(Encoding):
    """Energies → moments of each frame, by group of the encoder's second norm."""

    inputs: ClassVar = {**ENERGY, **FIRST}
    outputs: ClassVar = ("second_means", "second_variances", "wide")
    gathers: ClassVar = (Gather("moments", outputs[:2], tuple(SECOND)),)

    def forward(
        self, energy: Tensor, deviation: Tensor, first_mean: Tensor, first_variance: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(1, 1, 252, F), (1), (1, 4) twice → means, variances (1, 2, F), wide (1, 8, 252, F)."""
        wide = self.widen(energy, deviation, first_mean, first_variance)
        return (*measure_moments(wide, groups=2), wide)


class Features(Encoding):
    """Before the second norm → what an embedding is made of, and its moments by channel."""

    inputs: ClassVar = {"wide": (1, 8, READ_BINS, "frames"), **SECOND}
    outputs: ClassVar = ("features", "feature_means", "feature_variances")
    gathers: ClassVar = (
        Gather("moments", outputs[1:], tuple(FEATURE), values=READ_BINS),
        Gather("cells", outputs[:1], ("cells",)),
    )

    def forward(
        self, wide: Tensor, second_mean: Tensor, second_variance: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(1, 8, 252, F), (1, 2) twice → features (1, 16, 252, F), moments (1, 16, F)."""
        encoder = self.network.encoder
        norm = encoder.neck[0]
        assert isinstance(norm, GroupNorm)
        features = encoder.refine(norm.normalise(wide, second_mean, second_variance))
        return (features, *measure_moments(features, groups=features.shape[1]))


class Embed(Encoding):
    """Features around a pitch → its embeddings."""

    inputs: ClassVar = {"cells": (1, 16, 3, "frames"), **FEATURE}
    outputs: ClassVar = ("embedding",)

    def forward(
        self, cells: Tensor, feature_mean: Tensor, feature_variance: Tensor
    ) -> tuple[Tensor]:
        """(1, 16, 3, F), (1, 16) twice → (1, 12, F) of unit length."""
        norm, conv = self.network.encoder.emb
        assert isinstance(norm, CentreNorm)
        assert isinstance(conv, nn.Conv2d)
        centred = norm.normalise(cells, feature_mean, feature_variance)
        x = F.conv2d(centred, conv.weight, conv.bias, padding=(0, conv.kernel_size[1] // 2))
        return (to_unit_length(x).squeeze(2),)


STAGES: dict[str, type[Stage]] = {
    "ears": Ears,
    "notes": Notes,
    "first-norm": FirstNorm,
    "second-norm": SecondNorm,
    "features": Features,
    "embed": Embed,
}


def cut(network: nn.Module, names: Iterable[str]) -> dict[str, Stage]:
    """A network's stages by name; they share its layers."""
    assert isinstance(network, BasicAMT | SepTimbre)
    return {name: STAGES[name](network) for name in names}


def measure_moments(x: Tensor, groups: int) -> tuple[Tensor, Tensor]:
    """(1, C, H, F) → mean and variance of each frame by group of channels, each (1, G, F)."""
    cells = x.reshape(1, groups, -1, x.shape[3])
    mean = cells.mean(dim=2, keepdim=True)
    centred = cells - mean
    return mean.squeeze(2), (centred * centred).mean(dim=2)


def join_moments(means: Tensor, variances: Tensor) -> tuple[Tensor, Tensor]:
    """Moments of equally many values in each frame (1, G, F) → moments of all, each (1, G)."""
    return means.mean(dim=2), variances.mean(dim=2) + means.var(dim=2, correction=0)


@torch.no_grad()
def run_stages(stages: dict[str, Stage], audio: Tensor) -> Values:
    """Every input and output by name, for a recording (1, 1, N) in one piece."""
    values = {"audio": clean_audio(audio)}
    for stage in stages.values():
        outputs = stage(*(values[name] for name in stage.inputs))
        values.update(zip(stage.outputs, outputs, strict=True))
        for gather in stage.gathers:
            found = _gather(gather, *(values[name] for name in gather.of))
            values.update(zip(gather.gives, found, strict=True))
    return values


def _gather(gather: Gather, *of: Tensor) -> tuple[Tensor, ...]:
    """A stage's statistics of a whole recording; the cells are those of EXAMPLE_PITCH."""
    match gather.kind:
        case "deviation":
            deviation, _ = measure_deviation(of[0][:, None, None])
            return (deviation.flatten(),)
        case "moments":
            mean, variance = join_moments(*of)
            if gather.values:
                count = gather.values * of[0].shape[2]
                variance = variance * (count / (count - 1))
            return mean, variance
        case "cells":
            return (of[0][:, :, 3 * EXAMPLE_PITCH - 1 : 3 * EXAMPLE_PITCH + 2],)
        case "maximum":  # of what is final, for no later stage
            return ()


@torch.no_grad()
def measure_halo(stage: Stage, frame_samples: int, frames: int = 400) -> int:
    """How many frames to either side an output depends on, found by putting NaN into one frame.

    Raises ValueError if it reaches the end of the search, so that no halo would do.
    """
    middle = frames // 2
    inputs = []
    for shape in stage.inputs.values():
        step = frame_samples if shape[-1] == "samples" else 1
        tensor = torch.ones([frames * step if isinstance(n, str) else n for n in shape])
        if isinstance(shape[-1], str):
            tensor[..., middle * step : (middle + 1) * step] = torch.nan
        inputs.append(tensor)
    touched = [
        (output.reshape(-1, output.shape[-1]).isnan().any(dim=0).nonzero() - middle).abs()
        for output in stage(*inputs)
    ]
    halo = max(int(distance.max()) for distance in touched)
    if halo >= middle - 1:
        raise ValueError(f"{type(stage).__name__} depends on the whole recording")
    return halo
