"""The same network in fewer multiplications and bytes: ``rewrite``.

Convolutions over all bins become WinogradConv or SpectralConv where that is faster in
onnxruntime-web; the CQT kernels are computed from their formula. In exact arithmetic the function
is the same. The file stores plain kernels: the runtime derives the transformed ones once, when a
session starts.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn

from export.layers import spectral, winograd
from export.layers.cqt_kernels import CQTKernels
from export.layers.spectral import SpectralConv
from export.layers.winograd import WinogradConv
from export.nets.front_end import CQT, READ_BINS
from export.nets.onsets_frames import ConvStack

MANY_TAPS = 15
"""Fewest taps along frequency for which a DFT is faster."""
MANY_PRODUCTS = 128
"""Smallest product of input and output channels for which the transforms pay."""


class FormulaCQT(CQT):
    """A CQT that computes its kernels from their formula."""

    def __init__(self, cqt: CQT) -> None:
        super().__init__()
        del self.cqt_kernels
        self.filtfilt = cqt.filtfilt
        self.kernels = CQTKernels()

    def forward(self, audio: Tensor) -> Tensor:
        """(B, 1, N) samples at 22 050 Hz → (B, 2, 288, F)."""
        return self.transform(audio, self.kernels())


Form = Literal["trained", "compact", "fast"]
"""trained: unchanged. compact: kernels that follow from a formula are not stored. fast: also fewer
multiplications."""


def rewrite(network: nn.Module, form: Form) -> nn.Module:
    """A copy in another form. Batch normalisations must have been folded."""
    copied = copy.deepcopy(network)
    if form != "trained":
        replace_children(copied, replace_convolution if form == "fast" else lambda layer: layer)
    return copied


def replace_children(parent: nn.Module, replace: Callable[[nn.Module], nn.Module]) -> None:
    """Replace inner layers, in place; not convolutions whose time axis comes before frequency."""
    for name, child in list(parent.named_children()):
        if type(child) is CQT and child.is_designed():
            setattr(parent, name, FormulaCQT(child))
        elif not isinstance(child, ConvStack):
            setattr(parent, name, replace(child))
            replace_children(child, replace)


def replace_convolution(layer: nn.Module) -> nn.Module:
    """The fast form of a layer, or the layer itself."""
    if not isinstance(layer, nn.Conv2d) or layer.in_channels * layer.out_channels < MANY_PRODUCTS:
        return layer
    if layer.kernel_size[0] >= MANY_TAPS and spectral.can_transform(layer, READ_BINS):
        return SpectralConv(layer, READ_BINS)
    if winograd.can_transform(layer):
        return WinogradConv(layer)
    return layer
