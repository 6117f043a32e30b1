"""The deployed form of a network: input at 44 100 Hz, outputs divided by their maximum."""

from __future__ import annotations

from torch import Tensor, nn

from export.catalog import FAINTEST
from export.nets.front_end import Halving, clean_audio


class Deployed(nn.Module):
    """A network with the interface of the files: waveform at 44 100 Hz, activations up to 1.

    ``network`` holds the checkpoint's parameters and maps (1, 1, N) samples at 22 050 Hz to onset
    and frame (1, 84, F), the embedding (1, 12, 84, F) if it has one, and sounding (1, 1, 1).
    """

    def __init__(self, network: nn.Module, halving: Halving) -> None:
        super().__init__()
        self.network = network
        self.halving = halving  # the network's own, where it has one

    def forward(self, audio: Tensor) -> tuple[Tensor, ...]:
        """Any (1, 1, N) samples → onset, frame (1, 84, F), maximum 1 or all 0.

        Then the embedding (1, 12, 84, F), if the network has one.
        """
        onset, frame, *embedding, sounding = self.network(self.halve(audio))
        activations = (divide_by_maximum(found, sounding) for found in (onset, frame))
        return *activations, *embedding

    def halve(self, audio: Tensor) -> Tensor:
        """(1, 1, N) samples at 44 100 Hz → (1, 1, ceil(N / 2)), free of NaN and infinity."""
        halved: Tensor = self.halving(clean_audio(audio))
        return halved


def divide_by_maximum(activation: Tensor, sounding: Tensor) -> Tensor:
    """(B, 84, F) → the same with maximum 1; all zero if ``sounding`` (B, 1, 1) is 0."""
    audible = activation * sounding
    return audible / audible.amax(dim=(1, 2), keepdim=True).clamp(min=FAINTEST)
