"""tanaka: the baseline for separation, 4 916 754 parameters; no checkpoint was published.

The recurrent encoder of timbre that Hu et al. 2025 (arXiv 2509.12712) compare septimbre with.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from export.catalog import EMBEDDING_SIZE, EPSILON, PITCHES
from export.nets.basicamt import NoteBranch
from export.nets.deployed import Deployed as DeployedNetwork
from export.nets.front_end import CQT, EnergyNorm, stack_harmonics
from export.nets.recurrent import BiLSTM
from export.nets.septimbre import to_unit_length
from export.nets.stft import Magnitudes

POINTS = 512


class Encoder(nn.Module):
    """Frame activations and a spectrogram → timbre embeddings."""

    def __init__(self, hidden_size: int = 256) -> None:
        super().__init__()
        self.lstm = BiLSTM(PITCHES + POINTS // 2 + 1, hidden_size, num_layers=3)
        self.linear = nn.Linear(2 * hidden_size, EMBEDDING_SIZE * PITCHES)

    def forward(self, frame: Tensor, magnitudes: Tensor) -> Tensor:
        """(B, 84, F) and (B, 257, F) → embeddings (B, 12, 84, F), not yet of unit length."""
        features = torch.cat([frame, magnitudes], dim=1).transpose(1, 2)
        y: Tensor = torch.tanh(self.linear(self.lstm(features)))  # (B, F, 1008)
        return y.reshape(y.shape[0], y.shape[1], EMBEDDING_SIZE, PITCHES).permute(0, 2, 3, 1)


class Tanaka(nn.Module):
    """A convolutional note branch, and a recurrent encoder that reads its frames."""

    def __init__(self, epsilon: float = EPSILON) -> None:
        super().__init__()
        self.cqt = CQT()
        self.energy_norm = EnergyNorm(epsilon)
        self.note_branch = NoteBranch()
        self.spectrum = Magnitudes(POINTS)
        self.encoder = Encoder()

    def forward(self, audio: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(1, 1, N) samples at 22 050 Hz → onset, frame, embedding, sounding (1, 1, 1)."""
        energy, sounding = self.energy_norm(self.cqt(audio))
        sounding = sounding.squeeze(1)
        onset, frame = self.note_branch(stack_harmonics(energy))
        embedding = self.encoder(frame, self.spectrum(audio.squeeze(1)))
        return onset, frame, to_unit_length(embedding * sounding[:, None]), sounding


class Deployed(DeployedNetwork):
    """tanaka_44100: onset, frame and embedding."""

    def __init__(self, epsilon: float = EPSILON) -> None:
        network = Tanaka(epsilon)
        super().__init__(network, network.cqt.filtfilt)
