"""The networks' own functions, in a form that trains faster on a CPU.

More than half of the arithmetic is one convolution: 25 taps along the bins, three bins apart.
Dilation 3 separates into the three residues mod 3, each 84 bins long; and 25 taps along 84 bins
fit a circular correlation of length 96, which a discrete Fourier transform turns into products.
A matrix does that transform: at this length it beats an FFT. Same function, three times fewer
multiplications.
"""

from __future__ import annotations

import math
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from export.nets.basicamt import NoteBranch
from export.nets.septimbre import Encoder, to_unit_length

_LENGTH = 96
"""Length of the circular correlation: at least 84 bins and the 12 that a tap reaches beyond."""
_PAIRS = _LENGTH // 2
_RESIDUES = 3


def note_logits(branch: NoteBranch, stacked: Tensor) -> tuple[Tensor, Tensor]:
    """Equal ``NoteBranch.forward`` before the sigmoids.

    (B, 8, 252, F) → onset and frame logits (B, 84, F).
    """
    harmonics = (stacked * branch.k + branch.b).contiguous(memory_format=torch.channels_last)
    early = dilated(branch.early_conv[1], branch.early_conv[0](harmonics))
    x = branch.neck(torch.relu(branch.early_conv[2](early) + harmonics))
    frame = branch.conv_yn[0](x)
    both = torch.cat([torch.sigmoid(frame), branch.conv_yo1(x)], dim=1)
    return branch.conv_yo2[0](both).squeeze(1), frame.squeeze(1)


def encode(encoder: Encoder, stacked: Tensor) -> Tensor:
    """Equal ``Encoder.forward``, at unit length: (B, 8, 252, F) → (B, 12, 84, F)."""
    x = (stacked * encoder.k + encoder.b).contiguous(memory_format=torch.channels_last)
    early = encoder.early_conv[2](encoder.early_conv[1](encoder.early_conv[0](x)))
    x = encoder.neck(dilated(encoder.early_conv[3], early) + x)
    return to_unit_length(encoder.emb(x + encoder.res1(x)))


def dilated(layer: nn.Module, x: Tensor) -> Tensor:
    """A 25×3 convolution dilated by 3 over the bins: (B, C, 252, F) → (B, C', 252, F)."""
    assert isinstance(layer, nn.Conv2d)
    batch, channels, bins, frames = x.shape
    out, size = layer.out_channels, bins // _RESIDUES
    forth, back = _transforms(size)
    rows = x.permute(0, 2, 3, 1).reshape(batch, size, -1)  # (B, 84, 3·F·C)
    spectrum = (forth @ rows).view(batch, _PAIRS, 2, _RESIDUES, frames, channels)
    spectrum = F.pad(spectrum, (0, 0, 1, 1)).permute(1, 0, 3, 4, 2, 5)
    spectrum = spectrum.reshape(_PAIRS, batch * _RESIDUES, frames + 2, 2 * channels)
    taps = torch.cat([spectrum[:, :, tap : tap + frames] for tap in range(3)], dim=3)
    product = torch.bmm(taps.view(_PAIRS, -1, 6 * channels), _kernel_spectrum(layer.weight))
    product = product.view(_PAIRS, batch, _RESIDUES, frames, 2, out).permute(1, 0, 4, 2, 3, 5)
    result = back @ product.reshape(batch, _LENGTH, -1)  # (B, 84, 3·F·C')
    result = result.view(batch, bins, frames, out).permute(0, 3, 1, 2)
    assert layer.bias is not None
    return result + layer.bias[:, None, None]


@cache
def _transforms(size: int) -> tuple[Tensor, Tensor]:
    """Real Fourier transform of ``size`` values on the circle, (96, size), and back, (size, 96).

    Rows come in pairs, cosine and sine of one frequency; the first pair is DC and Nyquist.
    """
    n = torch.arange(_LENGTH, dtype=torch.float64)
    basis, weight = [torch.ones_like(n), torch.cos(math.pi * n)], [1.0, 1.0]
    for k in range(1, _PAIRS):
        angle = 2 * math.pi * k * n / _LENGTH
        basis += [torch.cos(angle), torch.sin(angle)]
        weight += [2.0, 2.0]
    forth = torch.stack(basis)
    back = forth.T * (torch.tensor(weight, dtype=torch.float64) / _LENGTH)
    return forth[:, :size].float().contiguous(), back[:size].float().contiguous()


def _kernel_spectrum(weight: Tensor) -> Tensor:
    """(C', C, 25, 3) → (48, 3·2·C, 2·C'): per frequency, the complex product as a real matrix."""
    reach = weight.shape[2] // 2
    n = torch.arange(-reach, reach + 1, dtype=torch.float64)
    angle = 2 * math.pi / _LENGTH * torch.arange(_PAIRS, dtype=torch.float64)[:, None] * n
    real = torch.einsum("kd,ocdj->kjco", torch.cos(angle).float(), weight)
    imaginary = torch.einsum("kd,ocdj->kjco", torch.sin(angle).float(), weight)
    nyquist = torch.einsum("d,ocdj->jco", torch.cos(math.pi * n).float(), weight)
    none = torch.zeros_like(nyquist)
    cosine = torch.stack([real, -imaginary], dim=3)  # (48, 3, C, 2, C'): what a cosine gives
    sine = torch.stack([imaginary, real], dim=3)
    first = torch.stack([torch.stack([real[0], none], 2), torch.stack([none, nyquist], 2)], 1)
    rest = torch.stack([cosine, sine], dim=2)[1:]
    return torch.cat([first[None], rest]).flatten(1, 3).flatten(2)
