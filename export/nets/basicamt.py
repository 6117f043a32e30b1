"""basicamt: timbre-agnostic transcription in 18 978 parameters.

After Hu et al. 2025 (arXiv 2509.12712). Parameter names are the published checkpoint's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from export.catalog import EPSILON
from export.nets.deployed import Deployed as DeployedNetwork
from export.nets.front_end import CQT, EnergyNorm, stack_harmonics


class ConvNorm(nn.Module):
    """Convolution without bias, batch normalisation, activation."""

    def __init__(self, conv: nn.Conv2d, activation: nn.Module) -> None:
        super().__init__()
        self.conv = conv
        self.bn = nn.BatchNorm2d(conv.out_channels)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, F) → (B, out, H', F)."""
        y: Tensor = self.activation(self.bn(self.conv(x)))
        return y


class NoteBranch(nn.Module):
    """Harmonics → onset and frame activations."""

    def __init__(self) -> None:
        super().__init__()
        self.k = nn.Parameter(torch.tensor(0.25))
        self.b = nn.Parameter(torch.tensor(1.0))
        self.early_conv = nn.Sequential(
            ConvNorm(nn.Conv2d(8, 16, 5, padding=2, bias=False), nn.LeakyReLU()),
            nn.Conv2d(16, 8, (25, 3), padding=(36, 1), dilation=(3, 1)),
            nn.BatchNorm2d(8),
        )
        self.neck = ConvNorm(nn.Conv2d(8, 16, 5, padding=2, bias=False), nn.ReLU())
        self.conv_yn = nn.Sequential(
            nn.Conv2d(16, 1, 5, stride=(3, 1), padding=(1, 2)), nn.Sigmoid()
        )
        self.conv_yo1 = ConvNorm(
            nn.Conv2d(16, 7, (7, 3), stride=(3, 1), padding=(2, 1), bias=False), nn.ReLU()
        )
        self.conv_yo2 = nn.Sequential(nn.Conv2d(8, 1, (3, 5), padding=(1, 2)), nn.Sigmoid())

    def read_notes(self, harmonics: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 8, 252, F), k and b already applied → onset and frame, each (B, 84, F) in [0, 1]."""
        x = torch.relu(self.early_conv(harmonics) + harmonics)
        x = self.neck(x)
        frame = self.conv_yn(x)
        onset = self.conv_yo2(torch.cat([frame, self.conv_yo1(x)], dim=1))
        return onset.squeeze(1), frame.squeeze(1)

    def forward(self, harmonics: Tensor) -> tuple[Tensor, ...]:
        """(B, 8, 252, F) → onset and frame, each (B, 84, F) in [0, 1]."""
        return self.read_notes(harmonics * self.k + self.b)


class BasicAMT(NoteBranch):
    """A front end and a note branch."""

    def __init__(self, epsilon: float = EPSILON) -> None:
        super().__init__()
        self.cqt = CQT()
        self.energy_norm = EnergyNorm(epsilon)

    def forward(self, audio: Tensor) -> tuple[Tensor, ...]:
        """(B, 1, N) samples at 22 050 Hz → onset, frame (B, 84, F), sounding (B, 1, 1)."""
        level, sounding = self.energy_norm(self.cqt(audio))
        onset, frame = self.transcribe(level)
        return onset, frame, sounding.squeeze(1)

    def transcribe(self, level: Tensor) -> tuple[Tensor, Tensor]:
        """Log energy (B, 1, 252 or more, F) → onset and frame, each (B, 84, F) in [0, 1]."""
        # Scaled before stacking: the zeros of the stacking stay zero.
        return self.read_notes(stack_harmonics(level * self.k + self.b))


class Deployed(DeployedNetwork):
    """basicamt_44100: onset and frame."""

    def __init__(self, epsilon: float = EPSILON) -> None:
        network = BasicAMT(epsilon)
        super().__init__(network, network.cqt.filtfilt)
