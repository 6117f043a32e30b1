"""The CQT's kernels by their formula, so that a file need not store 80 KB of numbers.

Kernel k is a cosine (imaginary part: a sine) under a Blackman–Harris window, see ``front_end``. In
float64 until the end: phases reach 50 turns, of which float32 would keep five digits.
"""

from __future__ import annotations

import torch
from torch import Tensor

from export.nets.front_end import BINS_PER_OCTAVE, choose_lengths
from export.nets.function import Function

WINDOW = (0.35875, 0.48829, 0.14128, 0.01168)
"""Weights of the window's cosines: 0, 1, 2 and 3 half turns from its centre to either end."""


class CQTKernels(Function):
    """What ``front_end.design_cqt_kernels`` designs, from 36 lengths and frequencies."""

    title = "CQTKernels"
    columns: Tensor
    radians: Tensor
    starts: Tensor
    weights: Tensor
    centre: Tensor
    reach: Tensor

    def __init__(self) -> None:
        super().__init__()
        lengths, frequencies = (torch.from_numpy(x).double() for x in choose_lengths())
        self.taps = int(lengths.max()) | 1
        even = 1 - lengths % 2
        centre = self.taps // 2 - even / 2  # of the window; of the wave, half a sample before it
        reach = (lengths - 1) / 2
        window = torch.tensor(WINDOW, dtype=torch.float64)
        # The cosines sum up to nothing over a period; the window's two ends are one too many.
        signs = torch.tensor([1, -1, 1, -1])
        total = 2 * reach * window[0] + (signs * window).sum()
        half_turns = torch.pi * torch.arange(4).double()[:, None] / reach  # a sample, (4, 36)
        phases = 2 * torch.pi * frequencies.expand(2, -1)
        quarter = torch.pi / 2
        real = quarter - phases[0] * (self.taps // 2 - even)
        # Sines, because onnxruntime-web 1.18.0 has no cosine of float64.
        for name, numbers in {
            "columns": torch.arange(self.taps).double(),
            "radians": torch.cat([half_turns, phases]),
            "starts": torch.cat([quarter - half_turns * centre, real[None], real[None] - quarter]),
            "weights": window[:, None] / total,
            "centre": centre,
            "reach": reach,
        }.items():
            self.register_buffer(name, numbers[..., None] if name != "columns" else numbers)

    def compute(self) -> Tensor:  # type: ignore[override]
        """() → kernels (72, 1, taps), float32: 36 real rows, then 36 imaginary ones."""
        sines = torch.sin(self.radians * self.columns + self.starts)  # (6, 36, taps)
        window = (self.weights * sines[:4]).sum(dim=0)
        inside = (self.columns - self.centre).abs() <= self.reach
        waves = sines[4:] * (window * inside)  # (2, 36, taps)
        return waves.float().reshape(2 * BINS_PER_OCTAVE, 1, self.taps)

    def measure(self) -> tuple[int, ...]:  # type: ignore[override]
        """(72, 1, taps)."""
        return 2 * BINS_PER_OCTAVE, 1, self.taps

    def sample(self) -> tuple[Tensor, ...]:
        """There is no input."""
        return ()
