"""A convolution with fewer multiplications: Winograd's algorithm along frequency.

m neighbouring outputs of a kernel of r taps read n = m + r - 1 inputs. Computed one by one they
cost m · r multiplications; as a product of polynomials they cost n. Write the kernel g and a vector
d of m values as polynomials; their product s(x) = g(x) d(x) has n coefficients, so its values at n
points determine it (Toom 1963, Cook 1966):

    s = V⁻¹ ((G g) ⊙ (A d)),   rows of G, A, V: powers of a point, up to r, m and n of them

where the point ∞ reads the highest coefficient. A convolution is linear in d; its transpose, which
has the same number of multiplications, is the correlation that networks call a convolution, with
n inputs x and m outputs y (Winograd 1980; Lavin and Gray 2016, arXiv 1509.09308):

    y = Aᵀ ((G g) ⊙ (V⁻ᵀ x))

The transforms pass through the channels one by one, the products mix them: a matrix product for
every point, here one group of a grouped convolution. Along time nothing changes.

The points other than 0 and ∞ are small fractions, each with its negative, because float32 loses
digits to large powers; they were found by trying combinations on noise. The rows of V⁻ᵀ and the
columns of Aᵀ are scaled to a largest entry of 1, and G compensates. In exact arithmetic nothing
changes; for float32 see ``tests/export/layers/test_rewrite.py``.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from export.layers.function import Function
from export.nets.front_end import READ_BINS

POINTS = {
    6: (Fraction(2, 3), Fraction(3, 2)),
    8: (Fraction(1), Fraction(2), Fraction(1, 2)),
    10: (Fraction(1, 2), Fraction(3, 4), Fraction(4, 3), Fraction(3)),
}
"""Points other than 0 and ∞ for n values; each stands for itself and its negative.

Six are for three taps along time, which only the engine transforms (``web/engine/winograd.c``).
"""
OUTPUTS = 6
"""m: outputs of a tile. It divides the 252 bins that the networks read."""

Matrix = list[list[Fraction]]


class Transforms(NamedTuple):
    """y = outputs @ ((kernel @ g) * (inputs @ x)), and the transform of a bias."""

    inputs: Tensor
    """(n, n), float64: V⁻ᵀ."""
    kernel: Tensor
    """(n, r), float64: G."""
    outputs: Tensor
    """(m, n), float64: Aᵀ."""
    ones: Tensor
    """(n, 1), float64: ``outputs`` maps it to ones."""


def design_transforms(m: int, r: int) -> Transforms:
    """Cook and Toom's matrices for m outputs and r taps, in exact fractions, then scaled."""
    points = [Fraction(0), *(sign * p for p in POINTS[m + r - 1] for sign in (1, -1))]

    def raise_points(powers: int) -> Matrix:
        at_infinity = [Fraction(power == powers - 1) for power in range(powers)]
        return [*([p**power for power in range(powers)] for p in points), at_infinity]

    inputs = to_tensor(invert(raise_points(m + r - 1))).T
    kernel, outputs = to_tensor(raise_points(r)), to_tensor(raise_points(m)).T
    row_scale = inputs.abs().amax(dim=1, keepdim=True)  # (n, 1)
    column_scale = outputs.abs().amax(dim=0, keepdim=True)  # (1, n)
    outputs = outputs / column_scale
    ones = torch.linalg.lstsq(outputs, torch.ones(m, 1).double(), driver="gelsd").solution
    return Transforms(inputs / row_scale, kernel * row_scale * column_scale.T, outputs, ones)


def invert(matrix: Matrix) -> Matrix:
    """The inverse of a square matrix, by Gauss and Jordan."""
    size = len(matrix)
    rows = [[*row, *(Fraction(i == j) for j in range(size))] for i, row in enumerate(matrix)]
    for column in range(size):
        pivot = next(i for i in range(column, size) if rows[i][column])
        rows[column], rows[pivot] = rows[pivot], rows[column]
        rows[column] = [value / rows[column][column] for value in rows[column]]
        for i in range(size):
            factor = rows[i][column]
            if i != column and factor:
                rows[i] = [a - factor * b for a, b in zip(rows[i], rows[column], strict=True)]
    return [row[size:] for row in rows]


def to_tensor(matrix: Matrix) -> Tensor:
    """Fractions → float64."""
    return torch.tensor([[float(value) for value in row] for row in matrix], dtype=torch.float64)


class WinogradConv(Function):
    """Equal to a Conv2d of stride 1, for one recording at a time."""

    inputs: Tensor
    outputs: Tensor
    transform: Tensor

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        if not can_transform(conv):
            raise ValueError(f"no Winograd transform for {conv}")
        taps, self.time_taps = conv.kernel_size
        matrices = design_transforms(OUTPUTS, taps)
        self.points = len(matrices.inputs)
        self.size = (conv.in_channels, conv.out_channels)
        self.title = f"WinogradConv_{conv.in_channels}_{conv.out_channels}_{taps}x{self.time_taps}"
        self.reach = (taps // 2, self.time_taps // 2)
        dtype = conv.weight.dtype
        # As the kernel of a convolution over the bins of a single channel.
        self.register_buffer("inputs", matrices.inputs[:, None, :, None].to(dtype))
        self.register_buffer("transform", matrices.kernel.to(dtype))
        self.register_buffer("outputs", matrices.outputs.to(dtype))
        by_tap = conv.weight.detach().permute(2, 0, 1, 3)  # (r, out, in, time)
        self.kernel = nn.Parameter(by_tap.flatten(1).clone())
        bias = torch.zeros(conv.out_channels) if conv.bias is None else conv.bias.detach()
        self.bias = nn.Parameter((matrices.ones * bias).flatten().to(dtype))

    def compute(self, x: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:  # type: ignore[override]
        """(1, in, H, F), kernel (r, out · in · time), bias (n · out) → (1, out, H, F)."""
        _, channels, height, frames = x.shape
        tiles = -(-height // OUTPUTS)
        # Constant: computed once, when a session starts.
        weight = (self.transform @ kernel).reshape(-1, channels, 1, self.time_taps)

        lone = F.pad(x.reshape(channels, 1, height, frames), (0, 0, 0, tiles * OUTPUTS - height))
        seen = F.conv2d(lone, self.inputs, stride=(OUTPUTS, 1), padding=(self.reach[0], 0))
        grouped = seen.transpose(0, 1).reshape(1, self.points * channels, tiles, frames)
        product = F.conv2d(grouped, weight, bias, padding=(0, self.reach[1]), groups=self.points)
        y = self.outputs @ product.reshape(self.points, self.size[1] * tiles * frames)
        y = y.reshape(OUTPUTS, self.size[1], tiles, frames).permute(1, 2, 0, 3)
        y = y.reshape(1, self.size[1], tiles * OUTPUTS, frames)
        return y if height % OUTPUTS == 0 else y[:, :, :height]

    def measure(self, x: Tensor) -> tuple[int, ...]:  # type: ignore[override]
        """(1, in, H, F) → (1, out, H, F)."""
        return 1, self.size[1], *x.shape[2:]

    def sample(self) -> tuple[Tensor, ...]:
        """Inputs with the number of bins that the networks read."""
        return (torch.zeros(1, self.size[0], READ_BINS, 6),)


def can_transform(conv: nn.Conv2d) -> bool:
    """Whether a convolution has 3 or 5 taps, keeps the size, and is otherwise plain."""
    reach = tuple(taps // 2 for taps in conv.kernel_size)
    return (
        conv.kernel_size[0] in (3, 5)
        and conv.padding == reach
        and conv.padding_mode == "zeros"
        and (conv.stride, conv.dilation, conv.groups) == ((1, 1), (1, 1), 1)
    )
