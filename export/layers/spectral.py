"""A convolution with fewer multiplications: a kernel with many taps along frequency, by a DFT.

Dilation d along H bins separates into d residues: bins ρ, ρ + d, ρ + 2d, … are L = H / d values
that see only each other, through the same kernel of r taps. Written with the residue beside time,
(L, d, F), the dilated convolution is a dense one over the first axis.

y[m] = Σ_j h[j] x[m + j - c] with c = r // 2 and zeros outside. Put c zeros before x and close the
ring at N ≥ L + c: what wraps around meets these zeros. On a ring the DFT turns a correlation into
products, Y[k] = conj(H[k]) X[k]. x is real, so N / 2 pairs of numbers hold its spectrum: real and
imaginary part for each k from 1 to N / 2 - 1, and DC with the Nyquist frequency as the first pair.
A complex product over the channels is a real one over twice as many: one group of a grouped
convolution for every k, in which the kernel's taps in time stay as they are.

The DFT itself is a matrix product. One step of the fast Fourier transform (Cooley and Tukey 1965,
decimation in frequency) halves it: the even frequencies of x are the spectrum of the sum of its
halves, the odd ones that of their difference, each by a matrix of N / 2 rows and columns. More
steps save less than their copies cost. With the pairs counted so, the inverse is the transpose,
weighted by 2 / N (1 / N for DC and Nyquist); the kernel's spectrum carries the weights.

For 84 values, 25 · 3 taps and 16 → 8 channels, N = 96: a quarter of the multiplications.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from export.layers.function import Function


class SpectralConv(Function):
    """Equal to a Conv2d with many taps along frequency, for one recording at a time."""

    wave: Tensor
    turns: Tensor
    start: Tensor
    places: Tensor
    combine: Tensor
    butterfly: Tensor

    def __init__(self, conv: nn.Conv2d, height: int) -> None:
        super().__init__()
        if not can_transform(conv, height):
            raise ValueError(f"no spectrum for {conv} over {height} bins")
        self.taps, self.time_taps = conv.kernel_size
        self.dilation = conv.dilation[0]
        self.rows = height // self.dilation
        self.reach = (self.taps // 2, self.time_taps // 2)
        ring = max(self.rows + self.reach[0], 2 * self.taps)  # the taps fit into its half
        self.points = -(-ring // 4) * 4  # N, its half even
        self.height = height
        self.size = (conv.in_channels, conv.out_channels)
        self.title = f"SpectralConv_{self.size[0]}_{self.size[1]}_{self.taps}x{self.time_taps}"
        dtype = conv.weight.dtype

        # One turn of the cosine; as exact as the dtype, and shared by all frequencies.
        turn = torch.arange(self.points, dtype=torch.float64) / self.points
        wave = torch.cos(2 * torch.pi * turn).to(dtype)
        wave[[self.points // 4, 3 * self.points // 4]] = 0
        self.register_buffer("wave", wave)
        turns, start = count_turns(self.points)
        self.register_buffer("turns", turns)
        self.register_buffer("start", start)
        self.register_buffer("places", torch.arange(self.points // 2))
        self.register_buffer("butterfly", torch.tensor([[1, 1], [1, -1]], dtype=dtype))
        self.register_buffer("combine", weigh_products(self.points).to(dtype))
        by_channel = conv.weight.detach().transpose(1, 2)  # (out, r, in, time)
        self.kernel = nn.Parameter(by_channel.flatten(2).clone())
        bias = torch.zeros(conv.out_channels) if conv.bias is None else conv.bias.detach()
        self.bias = nn.Parameter(bias.to(dtype).clone())

    def compute(self, x: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:  # type: ignore[override]
        """(1, in, H, F), kernel (out, r, in · time), bias (out) → (1, out, H, F)."""
        _, channels, height, frames = x.shape
        out = self.size[1]
        half, columns = self.points // 2, self.dilation * frames
        # Constant: computed once, when a session starts.
        dft = self.wave[torch.remainder(self.turns * self.places + self.start, self.points)]
        products = self.combine @ dft[:, :, : self.taps].reshape(half, 2, self.taps)
        weight = products.reshape(half, 2, 1, 2, self.taps) @ kernel  # (…, out, 2, in · time)
        weight = weight.reshape(self.points * out, 2 * channels, 1, self.time_taps)
        # DC is the same in every row, so a bias on it alone is the bias; N - 1 pairs have none.
        bias = F.pad(bias, (0, (self.points - 1) * out))

        after = self.points - self.rows - self.reach[0]
        x = F.pad(x, (0, 0, self.reach[0] * self.dilation, after * self.dilation))
        x = x.reshape(channels, self.points, columns).transpose(0, 1)  # (N, in, d · F)
        x = self.butterfly @ x.reshape(2, half * channels * columns)
        x = dft @ x.reshape(2, half, channels * columns)  # (2, N / 2, in · d · F)
        x = x.reshape(1, self.points * channels, self.dilation, frames)
        y = F.conv2d(x, weight, bias, padding=(0, self.reach[1]), groups=half)
        y = dft.transpose(1, 2) @ y.reshape(2, half, out * columns)
        y = self.butterfly @ y.reshape(2, half * out * columns)
        y = y.reshape(self.points, out, columns)[: self.rows].transpose(0, 1)
        return y.reshape(1, out, height, frames)

    def measure(self, x: Tensor) -> tuple[int, ...]:  # type: ignore[override]
        """(1, in, H, F) → (1, out, H, F)."""
        return 1, self.size[1], *x.shape[2:]

    def sample(self) -> tuple[Tensor, ...]:
        """Inputs with the number of bins that the layer was made for."""
        return (torch.zeros(1, self.size[0], self.height, 6),)


def count_turns(points: int) -> tuple[Tensor, Tensor]:
    """Rows of the real DFT of a sum and a difference of halves, as cosines: k and start.

    Row (parity, k // 2, part) at place n is cos(2π (k n + start) / N), both (2, N / 2, 1), int64.
    Part 0 is the real, part 1 the imaginary one: -sin is the cosine a quarter turn on.
    """
    k = torch.arange(points // 2).reshape(-1, 2).T[:, :, None].repeat(1, 1, 2)  # even, then odd
    start = torch.tensor([0, points // 4]).repeat(2, points // 4, 1)
    k[0, 0, 1], start[0, 0, 1] = points // 2, 0  # Nyquist, real as DC is
    return k.reshape(2, -1, 1), start.reshape(2, -1, 1)


def weigh_products(points: int) -> Tensor:
    """(N / 2, 4, 2): the real and imaginary part of H → [[Re, Im], [-Im, Re]], weighted.

    That is conj(H) as a matrix on a pair; the first pair's two products are real and apart.
    """
    weights = torch.tensor([[2, 0], [0, 2], [0, -2], [2, 0]]).repeat(points // 2, 1, 1)
    weights[0] = torch.tensor([[1, 0], [0, 0], [0, 0], [0, 1]])
    return weights.double() / points


def can_transform(conv: nn.Conv2d, height: int) -> bool:
    """Whether a convolution of odd size keeps ``height`` bins, and has stride 1 and one group."""
    taps, time_taps = conv.kernel_size
    dilation = conv.dilation[0]
    return (
        taps % 2 == time_taps % 2 == 1
        and height % dilation == 0
        and conv.padding == (taps // 2 * dilation, time_taps // 2)
        and conv.padding_mode == "zeros"
        and conv.dilation[1] == 1
        and (conv.stride, conv.groups) == ((1, 1), 1)
    )
