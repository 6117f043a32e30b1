"""onsets_frames: the classic baseline, 1 714 076 parameters; no checkpoint was published.

After Hawthorne et al. 2018 (arXiv 1710.11153), at this project's frame rate and range of pitches.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from export.catalog import EPSILON, NETWORK_RATE_HZ, PITCHES
from export.nets.deployed import Deployed as DeployedNetwork
from export.nets.front_end import Halving
from export.nets.recurrent import BiLSTM
from export.nets.stft import Magnitudes

MELS = 229
POINTS = 2048
FLOOR = 1e-5
"""Magnitude below which a mel band is silent."""


def design_mel_filters() -> np.ndarray:
    """Triangles of equal area on the HTK mel scale, 30 Hz to 11 025 Hz: float32 (229, 1025)."""

    def to_mel(hz: float) -> float:
        return float(2595 * np.log10(1 + hz / 700))

    mels = np.linspace(to_mel(30), to_mel(NETWORK_RATE_HZ / 2), MELS + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    bins = np.linspace(0, NETWORK_RATE_HZ / 2, POINTS // 2 + 1)
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (bins - low) / (centre - low)
    falling = (high - bins) / (high - centre)
    triangles = np.maximum(0, np.minimum(rising, falling)) * 2 / (high - low)
    return triangles.astype(np.float32)


class ConvStack(nn.Module):
    """Log mel spectrogram to 256 features per frame."""

    def __init__(self, features: int = 256) -> None:
        super().__init__()
        self.cnn = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.MaxPool2d((1, 2)),
            nn.Dropout(0.25),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.MaxPool2d((1, 2)),
            nn.Dropout(0.25),
        )
        self.fc = nn.Sequential(nn.Linear(32 * (MELS // 4), features), nn.Dropout(0.5))

    def forward(self, mel: Tensor) -> Tensor:
        """(B, F, 229) → (B, F, features)."""
        features: Tensor = self.fc(self.cnn(mel[:, None]).transpose(1, 2).flatten(2))
        return features


class OnsetsFrames(nn.Module):
    """Onsets, then frames, which also depend on the onsets."""

    mel_filters: Tensor

    def __init__(self, features: int = 256) -> None:
        super().__init__()
        self.spectrum = Magnitudes(POINTS)
        filters = torch.from_numpy(design_mel_filters())
        self.register_buffer("mel_filters", filters, persistent=False)
        self.onset_stack = nn.Sequential(
            ConvStack(features),
            BiLSTM(features, features // 2),
            nn.Linear(features, PITCHES),
            nn.Sigmoid(),
        )
        self.frame_stack = nn.Sequential(
            ConvStack(features), nn.Linear(features, PITCHES), nn.Sigmoid()
        )
        self.combined_stack = nn.Sequential(
            BiLSTM(2 * PITCHES, features // 2), nn.Linear(features, PITCHES), nn.Sigmoid()
        )

    def forward(self, audio: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(1, 1, N) samples at 22 050 Hz → onset, frame (1, 84, F), sounding (1, 1, 1)."""
        bands = self.mel_filters @ self.spectrum(audio.clamp(-1, 1).squeeze(1))  # (1, 229, F)
        sounding = (bands.amax(dim=(1, 2), keepdim=True) > FLOOR).to(bands.dtype)
        mel = torch.log(bands.clamp(min=FLOOR)).transpose(1, 2)
        onset = self.onset_stack(mel)
        frame = self.combined_stack(torch.cat([onset, self.frame_stack(mel)], dim=2))
        return onset.transpose(1, 2), frame.transpose(1, 2), sounding


class Deployed(DeployedNetwork):
    """onsets_frames_44100: onset and frame."""

    def __init__(self, epsilon: float = EPSILON) -> None:
        super().__init__(OnsetsFrames(), Halving())
