"""The same network in fewer multiplications and bytes: ``speed_up``.

Convolutions over all bins become WinogradConv or SpectralConv where that wins in
onnxruntime-web; the CQT's kernels are stored without their zeros. All of it is the same function in
exact arithmetic. What a layer derives from its kernel is left to the runtime, which computes it
once, when a session starts; so the file holds the plain kernels.
"""

from __future__ import annotations

import copy

from torch import Tensor, nn

from export.nets import spectral, winograd
from export.nets.cqt_kernels import CQTKernels
from export.nets.front_end import CQT, READ_BINS
from export.nets.onsets_frames import ConvStack
from export.nets.spectral import SpectralConv
from export.nets.winograd import WinogradConv

MANY_TAPS = 15
"""Taps along frequency from which a DFT wins."""
MANY_PRODUCTS = 128
"""Input times output channels from which the transforms cost less than they save."""


class FormulaCQT(CQT):
    """A CQT whose kernels follow from their formula."""

    def __init__(self, cqt: CQT) -> None:
        super().__init__()
        del self.cqt_kernels
        self.filtfilt = cqt.filtfilt
        self.kernels = CQTKernels()

    def forward(self, audio: Tensor) -> Tensor:
        """(B, 1, N) samples at 22 050 Hz → (B, 2, 288, F)."""
        return self.transform(audio, self.kernels())


def speed_up(network: nn.Module) -> nn.Module:
    """A copy with fast layers in place of slow ones. Batch normalisations must be folded before."""
    fast = copy.deepcopy(network)
    replace_children(fast)
    return fast


def replace_children(parent: nn.Module) -> None:
    """Replace what lies inside, in place, except where time lies before frequency."""
    for name, child in list(parent.named_children()):
        setattr(parent, name, replace(child))
        if not isinstance(child, ConvStack):
            replace_children(child)


def replace(layer: nn.Module) -> nn.Module:
    """The fast form of a layer, or the layer itself."""
    if type(layer) is CQT and layer.is_designed():
        return FormulaCQT(layer)
    if not isinstance(layer, nn.Conv2d) or layer.in_channels * layer.out_channels < MANY_PRODUCTS:
        return layer
    if layer.kernel_size[0] >= MANY_TAPS and spectral.can_transform(layer, READ_BINS):
        return SpectralConv(layer, READ_BINS)
    if winograd.can_transform(layer):
        return WinogradConv(layer)
    return layer
