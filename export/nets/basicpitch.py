"""basicpitch: the baseline, re-trained on this project's front end (56 517 parameters).

After Bittner et al. 2022 (arXiv 2203.09893). Parameter names are the published checkpoint's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from export.catalog import EPSILON
from export.nets.deployed import Deployed as DeployedNetwork
from export.nets.front_end import CQT, stack_harmonics

DECIBELS = 10 / torch.log(torch.tensor(10.0)).item()
"""Decibels of power per unit of natural logarithm."""
FLAT = 0.01
"""Span in decibels up to which a recording counts as silent, as one at -100 dB, under epsilon.
Stretched to [0, 1], such a span would be off by thousandths from float32's rounding."""


class BasicPitch(nn.Module):
    """Contours, then notes from contours, then onsets from notes and harmonics."""

    def __init__(self, epsilon: float = EPSILON) -> None:
        super().__init__()
        self.epsilon = epsilon
        self.cqt = CQT()
        self.CQT_BN = nn.BatchNorm2d(1)
        self.contours = nn.Sequential(
            nn.Conv2d(8, 32, 5, padding=2),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.Conv2d(32, 8, (39, 3), padding=(19, 1)),
            nn.BatchNorm2d(8),
            nn.ReLU(),
        )
        self.note = nn.Sequential(
            nn.Conv2d(8, 32, 7, stride=(3, 1), padding=(2, 3)),
            nn.ReLU(),
            nn.Conv2d(32, 1, (3, 7), padding=(1, 3)),
            nn.Sigmoid(),
        )
        self.onset1 = nn.Sequential(
            nn.Conv2d(8, 32, 5, stride=(3, 1), padding=(1, 2)), nn.BatchNorm2d(32), nn.ReLU()
        )
        self.onset2 = nn.Sequential(nn.Conv2d(33, 1, 3, padding=1), nn.Sigmoid())

    def measure_level(self, cqt: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 2, 288, F) → decibels scaled to [0, 1] (B, 1, 288, F), sounding (B, 1, 1)."""
        energy = (cqt * cqt).sum(dim=1, keepdim=True)
        guarded = energy + self.epsilon
        # One logarithm of a ratio keeps the digits that the difference of two loses in quiet music.
        above = DECIBELS * torch.log(guarded / guarded.amin(dim=(2, 3), keepdim=True))
        span = above.amax(dim=(2, 3), keepdim=True)
        sounding = (span > FLAT).to(span.dtype)
        return above / (span + self.epsilon), sounding.squeeze(1)

    def forward(self, audio: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, 1, N) samples at 22 050 Hz → onset, frame (B, 84, F), sounding (B, 1, 1)."""
        level, sounding = self.measure_level(self.cqt(audio))
        harmonics = stack_harmonics(self.CQT_BN(level))
        frame = self.note(self.contours(harmonics))
        onset = self.onset2(torch.cat([self.onset1(harmonics), frame], dim=1))
        return onset.squeeze(1), frame.squeeze(1), sounding


class Deployed(DeployedNetwork):
    """basicpitch_44100: onset and frame."""

    def __init__(self, epsilon: float = EPSILON) -> None:
        network = BasicPitch(epsilon)
        super().__init__(network, network.cqt.filtfilt)
