"""The CQT's kernels by their formula, so that a file need not store 80 KB of numbers.

Kernel k is a cosine (imaginary part: a sine) under a Blackman–Harris window, see ``front_end``.
onnxruntime-web has no float64 on WebGPU, and float32 would keep five digits of phases that reach
50 turns. So phases are integers, as in a numerically controlled oscillator: a turn is 2^40, whole
turns cancel exactly, and the remainder becomes a float32 angle from -1/4 to 1/4 of a turn. Near its
zero, where the sine is steep, float32 is finest.
"""

from __future__ import annotations

import torch
from torch import Tensor

from export.layers.function import Function
from export.nets.front_end import BINS_PER_OCTAVE, choose_lengths

TURN = 2**40
"""Phase of a full turn; rounding a step to it adds up to 1e-10 turns over 277 samples."""
WINDOW = (0.35875, 0.48829, 0.14128, 0.01168)
"""Weights of the window's cosines: 0, 1, 2 and 3 half turns from its centre to either end."""


class CQTKernels(Function):
    """The kernels of ``front_end.design_cqt_kernels``, from 36 lengths and frequencies."""

    title = "CQTKernels"
    columns: Tensor
    steps: Tensor
    starts: Tensor
    powers: Tensor
    first: Tensor
    last: Tensor

    def __init__(self) -> None:
        super().__init__()
        lengths, frequencies = (torch.from_numpy(x).double() for x in choose_lengths())
        self.taps = int(lengths.max()) | 1
        even = 1 - lengths % 2
        zero = self.taps // 2 - even  # where the wave's phase is 0: for even lengths half a sample
        centre = zero + even / 2  # before the window's centre
        reach = (lengths - 1) / 2
        a, b, c, d = WINDOW
        # The cosines sum up to nothing over a period; the window's two ends are one too many.
        total = 2 * reach * a + (a - b + c - d)
        # cos 2x and cos 3x are polynomials of cos x (Chebyshev), so the window is one.
        powers = torch.tensor([a - c, b - 3 * d, 2 * c, 4 * d])[:, None] / total
        turns = torch.stack([1 / (2 * reach), frequencies, frequencies])  # a sample, (3, 36)
        steps = (turns * TURN).round()
        starts = torch.stack([centre, zero, zero]) * -steps
        starts[2] -= TURN / 4  # a sine is a cosine a quarter turn later
        for name, numbers in {
            "columns": torch.arange(self.taps),
            "steps": steps.long()[..., None],
            "starts": starts.remainder(TURN).long()[..., None],
            "powers": powers.float()[..., None],
            "first": (centre - reach).long()[:, None],
            "last": (centre + reach).long()[:, None],
        }.items():
            self.register_buffer(name, numbers)

    def compute(self) -> Tensor:  # type: ignore[override]
        """() → kernels (72, 1, taps), float32: 36 real rows, then 36 imaginary ones."""
        phases = torch.remainder(self.columns * self.steps + self.starts, TURN)  # (3, 36, taps)
        # cos(2π p) = sin(2π (|p - 1/2| - 1/4)), in turns.
        angles = (phases - TURN // 2).abs() - TURN // 4
        cosines = torch.sin(angles.float() * (2 * torch.pi / TURN))
        x = cosines[0]
        window = self.powers[0] + x * (self.powers[1] + x * (self.powers[2] + x * self.powers[3]))
        inside = (self.columns >= self.first) & (self.columns <= self.last)
        waves = cosines[1:] * (window * inside)
        return waves.reshape(2 * BINS_PER_OCTAVE, 1, self.taps)

    def measure(self) -> tuple[int, ...]:  # type: ignore[override]
        """(72, 1, taps)."""
        return 2 * BINS_PER_OCTAVE, 1, self.taps

    def sample(self) -> tuple[Tensor, ...]:
        """No inputs."""
        return ()
