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
    origin: Tensor
    centre: Tensor
    reach: Tensor
    scale: Tensor
    radians: Tensor
    half_turns: Tensor
    weights: Tensor
    quarter: Tensor
    starts: Tensor

    def __init__(self) -> None:
        super().__init__()
        lengths, frequencies = map(torch.from_numpy, choose_lengths())
        self.taps = int(lengths.max()) | 1
        lengths = lengths[:, None].double()
        even = 1 - lengths % 2
        half = (lengths - 1) / 2
        # The cosines sum up to nothing over a period; the window's two ends are one too many.
        total = 2 * half * WINDOW[0] + WINDOW[0] - WINDOW[1] + WINDOW[2] - WINDOW[3]
        for name, numbers in {
            "columns": torch.arange(self.taps).double(),
            "origin": self.taps // 2 - even,  # where the phase is 0
            "centre": self.taps // 2 - even / 2,  # of the window
            "reach": half,
            "scale": 1 / total,
            "radians": 2 * torch.pi * frequencies[:, None],
            "half_turns": torch.pi * torch.arange(4).double()[:, None, None],
            "weights": torch.tensor(WINDOW, dtype=torch.float64)[:, None, None],
            "quarter": torch.tensor(torch.pi / 2, dtype=torch.float64),
            "starts": torch.tensor([torch.pi / 2, 0], dtype=torch.float64)[:, None, None],
        }.items():
            self.register_buffer(name, numbers)

    def compute(self) -> Tensor:  # type: ignore[override]
        """() → kernels (72, 1, taps), float32: 36 real rows, then 36 imaginary ones."""
        place = (self.columns - self.centre) / self.reach  # (36, taps), the window's in [-1, 1]
        # Sines, because onnxruntime-web 1.18.0 has no cosine of float64.
        window = torch.sin(self.half_turns * place + self.quarter)
        window = (self.weights * window).sum(dim=0) * self.scale * (place.abs() <= 1)
        phase = self.radians * (self.columns - self.origin)
        waves = torch.sin(phase + self.starts) * window  # (2, 36, taps)
        return waves.float().reshape(2 * BINS_PER_OCTAVE, 1, self.taps)

    def measure(self) -> tuple[int, ...]:  # type: ignore[override]
        """(72, 1, taps)."""
        return 2 * BINS_PER_OCTAVE, 1, self.taps

    def sample(self) -> tuple[Tensor, ...]:
        """There is no input."""
        return ()
