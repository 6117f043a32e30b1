"""septimbre: notes and, for every pitch and frame, an embedding of its timbre.

After Hu et al. 2025 (arXiv 2509.12712). Parameter names are the published checkpoint's.
For short and silent input see ``front_end`` and ``deployed``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from export.catalog import EMBEDDING_SIZE, EPSILON
from export.nets.basicamt import NoteBranch
from export.nets.deployed import Deployed as DeployedNetwork
from export.nets.front_end import CQT, EnergyNorm, stack_harmonics

SHORTEST = 1e-12
"""Length of an embedding below which it has no direction."""


class GroupNorm(nn.GroupNorm):
    """Group normalisation with means first within frames, then over the frames.

    nn.GroupNorm would be exported as InstanceNormalization, whose sum onnxruntime takes in one go
    in float32: on a second of a faint tone the embedding was off by 4e-4, and by more on longer
    ones.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, F) → the same shape."""
        groups = self.group(x)
        centred = groups - average(groups)
        return self.rescale(centred, average(centred * centred)).reshape(x.shape)

    def normalise(self, x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        """(B, C, H, F), by the groups' mean and variance (B, G) → the same shape."""
        centred = self.group(x) - mean[:, :, None, None, None]
        return self.rescale(centred, variance[:, :, None, None, None]).reshape(x.shape)

    def group(self, x: Tensor) -> Tensor:
        """(B, C, H, F) → (B, G, C / G, H, F)."""
        batch, channels, height, frames = x.shape
        return x.reshape(batch, self.num_groups, channels // self.num_groups, height, frames)

    def rescale(self, centred: Tensor, variance: Tensor) -> Tensor:
        """(B, G, C / G, H, F), by the groups' variance (B, G, 1, 1, 1) → the same shape."""
        size = self.num_channels // self.num_groups
        deviation = torch.sqrt(variance + self.eps)
        scale = self.weight.reshape(self.num_groups, size, 1, 1) / deviation
        shift = self.bias.reshape(self.num_groups, size, 1, 1)
        return centred * scale + shift


def average(groups: Tensor) -> Tensor:
    """(B, G, C, H, F) → mean over the last three, (B, G, 1, 1, 1), summed in two stages."""
    return groups.mean(dim=4, keepdim=True).mean(dim=(2, 3), keepdim=True)


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of each cell, without a transposition."""

    def __init__(self, channels: int, epsilon: float = 1.01e-8) -> None:
        super().__init__()
        self.layer_norm = nn.LayerNorm(channels, eps=epsilon)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, F) → the same shape."""
        norm = self.layer_norm
        centred = x - x.mean(dim=1, keepdim=True)
        variance = (centred * centred).mean(dim=1, keepdim=True)
        normed = centred / torch.sqrt(variance + norm.eps)
        return normed * norm.weight[:, None, None] + norm.bias[:, None, None]


class CentreNorm(nn.Module):
    """Each channel relative to its mean and deviation over all pitches and frames."""

    def __init__(self, channels: int, epsilon: float = 1e-9) -> None:
        super().__init__()
        self.k = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, F) → the same shape. The deviation is unbiased."""
        centred = x - x.mean(dim=3, keepdim=True).mean(dim=2, keepdim=True)
        rows = (centred * centred).sum(dim=3, keepdim=True)  # in two stages, as in GroupNorm
        degrees = x.shape[2] * x.shape[3] - 1
        return self.rescale(centred, rows.sum(dim=2, keepdim=True) / degrees)

    def normalise(self, x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        """(B, C, H, F), by the channels' mean and unbiased variance (B, C) → the same shape."""
        return self.rescale(x - mean[:, :, None, None], variance[:, :, None, None])

    def rescale(self, centred: Tensor, variance: Tensor) -> Tensor:
        """(B, C, H, F), by the channels' variance (B, C, 1, 1) → the same shape."""
        return centred * (self.k / (torch.sqrt(variance) + self.epsilon))


class Encoder(nn.Module):
    """Harmonics → timbre embeddings."""

    def __init__(self) -> None:
        super().__init__()
        self.k = nn.Parameter(torch.tensor(0.25))
        self.b = nn.Parameter(torch.tensor(1.0))
        self.early_conv = nn.Sequential(
            nn.Conv2d(8, 16, 5, padding=2),
            GroupNorm(4, 16),
            nn.LeakyReLU(),
            nn.Conv2d(16, 8, (25, 3), padding=(36, 1), dilation=(3, 1)),
        )
        self.neck = nn.Sequential(GroupNorm(2, 8), nn.Conv2d(8, 16, 5, padding=2), nn.PReLU())
        self.res1 = nn.Sequential(
            ChannelNorm(16),
            nn.Conv2d(16, 24, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(24, 16, 3, padding=1),
        )
        self.emb = nn.Sequential(
            CentreNorm(16),
            nn.Conv2d(16, EMBEDDING_SIZE, (3, 5), stride=(3, 1), padding=(1, 2)),
        )

    def forward(self, harmonics: Tensor) -> Tensor:
        """(B, 8, 252, F) → embeddings (B, 12, 84, F), not yet of unit length."""
        x, early = self.begin(harmonics)
        x = self.widen(x, self.early_conv[1](early))
        embedding: Tensor = self.emb(self.refine(self.neck[0](x)))
        return embedding

    def begin(self, harmonics: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 8, 252, F) → scaled, the same shape, and the first norm's input (B, 16, 252, F)."""
        x = harmonics * self.k + self.b
        return x, self.early_conv[0](x)

    def widen(self, x: Tensor, normed: Tensor) -> Tensor:
        """Both of ``begin``, the second normalised → the second norm's input (B, 8, 252, F)."""
        y: Tensor = self.early_conv[3](self.early_conv[2](normed)) + x
        return y

    def refine(self, normed: Tensor) -> Tensor:
        """(B, 8, 252, F), normalised → features (B, 16, 252, F)."""
        x = self.neck[2](self.neck[1](normed))
        features: Tensor = x + self.res1(x)
        return features


class SepTimbre(nn.Module):
    """Two branches that share their front end."""

    def __init__(self, epsilon: float = EPSILON) -> None:
        super().__init__()
        self.cqt = CQT()
        self.energy_norm = EnergyNorm(epsilon)
        self.note_branch = NoteBranch()
        self.encoder = Encoder()

    def transcribe(self, level: Tensor) -> tuple[Tensor, Tensor]:
        """Log energy (B, 1, 252 or more, F) → onset and frame, each (B, 84, F) in [0, 1]."""
        onset, frame = self.note_branch(stack_harmonics(level))
        return onset, frame

    def find_harmonics(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 1, N) samples at 22 050 Hz → harmonics (B, 8, 252, F), sounding (B, 1, 1)."""
        energy, sounding = self.energy_norm(self.cqt(audio))
        return stack_harmonics(energy), sounding.squeeze(1)

    def encode(self, harmonics: Tensor, sounding: Tensor) -> Tensor:
        """(B, 8, 252, F) → embeddings (B, 12, 84, F) of unit length, or all zero."""
        return to_unit_length(self.encoder(harmonics) * sounding[:, None])

    def forward(self, audio: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(B, 1, N) samples at 22 050 Hz → onset, frame, embedding, sounding (B, 1, 1)."""
        harmonics, sounding = self.find_harmonics(audio)
        onset, frame = self.note_branch(harmonics)
        return onset, frame, self.encode(harmonics, sounding), sounding


def to_unit_length(embedding: Tensor) -> Tensor:
    """(B, D, …) → the same, of length 1 over D; zero stays zero."""
    length = torch.sqrt((embedding * embedding).sum(dim=1, keepdim=True))
    return embedding / length.clamp(min=SHORTEST)


class Deployed(DeployedNetwork):
    """septimbre_44100: onset, frame and embedding."""

    def __init__(self, epsilon: float = EPSILON) -> None:
        network = SepTimbre(epsilon)
        super().__init__(network, network.cqt.filtfilt)


class DeployedEncoder(DeployedNetwork):
    """septimbre_encoder_44100: only the embedding, for notes from another source."""

    network: SepTimbre

    def __init__(self, epsilon: float = EPSILON) -> None:
        network = SepTimbre(epsilon)
        super().__init__(network, network.cqt.filtfilt)

    def forward(self, audio: Tensor) -> tuple[Tensor]:
        """(1, 1, N) samples at 44 100 Hz → embedding (1, 12, 84, F)."""
        return (self.network.encode(*self.network.find_harmonics(self.halve(audio))),)
