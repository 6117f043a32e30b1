"""The networks' front end: waveform → constant-Q transform → normalised log energy → harmonics.

Facts of the transform and their derivation: Hu et al. 2025 (arXiv 2509.12712), sections on the
CQT; every number below is fixed by the trained weights and must not change.
Shapes are (batch, channel, frequency, frame) by default.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from scipy.signal import firwin, get_window
from torch import Tensor, nn

from export.catalog import (
    EPSILON,
    FLOAT32_MAX,
    HOP_SAMPLES,
    LOUDEST,
    NETWORK_RATE_HZ,
    SILENT,
    STEADY,
)

BINS_PER_OCTAVE = 36
OCTAVES = 8
BINS = BINS_PER_OCTAVE * OCTAVES
"""Bins of the transform; the networks read the lowest READ_BINS, the energy sums all."""
READ_BINS = 252
FMIN_HZ = 32.07955284
"""Lowest bin, chosen so that a pitch is the middle one of its three bins."""
SHIFTS = (-36, 0, 36, 57, 72, 84, 93, 101)
"""Bins between a pitch and its harmonics ½, 1, 2, 3, 4, 5, 6, 7."""


class Halving(nn.Module):
    """Halve the sampling rate with a low-pass run forwards and backwards, without delay."""

    fir: Tensor

    def __init__(self, taps: int = 33) -> None:
        super().__init__()
        design = firwin(taps, 0.5, window="hamming")
        self.register_buffer("fir", torch.tensor(design, dtype=torch.float32)[None, None])

    def forward(self, audio: Tensor) -> Tensor:
        """(B, 1, N) samples → (B, 1, ceil(N / 2)) samples."""
        reach = self.fir.shape[-1] // 2
        # The filter is symmetric: running it backwards equals running it again.
        once = F.conv1d(audio, self.fir, padding=reach)
        return F.conv1d(once, self.fir, stride=2, padding=reach)


class CQT(nn.Module):
    """Constant-Q transform: one octave's kernels, applied eight times to an ever halved signal."""

    cqt_kernels: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("cqt_kernels", torch.from_numpy(design_cqt_kernels()))
        self.filtfilt = Halving()

    def forward(self, audio: Tensor) -> Tensor:
        """(B, 1, N) samples at 22 050 Hz → (B, 2, 288, F): real and imaginary, lowest bin first.

        F = floor((N - 1) / 256) + 1.
        """
        return self.transform(audio, self.cqt_kernels)

    def is_designed(self) -> bool:
        """Whether the kernels are the designed ones, and not others from a checkpoint."""
        return torch.equal(self.cqt_kernels.cpu(), torch.from_numpy(design_cqt_kernels()))

    def transform(self, audio: Tensor, kernels: Tensor) -> Tensor:
        """The same, by the top octave's kernels (72, 1, taps)."""
        reach = kernels.shape[-1] // 2
        octaves = []
        for octave in range(OCTAVES):
            if octave:
                audio = self.filtfilt(audio)
            stride = HOP_SAMPLES >> octave
            octaves.append(F.conv1d(audio, kernels, stride=stride, padding=reach))
        bins = torch.cat(octaves[::-1], dim=1)  # (B, 8 · 72, F)
        parts = bins.reshape(bins.shape[0], OCTAVES, 2, BINS_PER_OCTAVE, bins.shape[2])
        return parts.transpose(1, 2).reshape(bins.shape[0], 2, BINS, bins.shape[2])


def design_cqt_kernels() -> np.ndarray:
    """The top octave's kernels, float32 (72, 1, 277): 36 real rows, then 36 imaginary ones.

    Bin k is a complex exponential of f_k = fmin · 2^7 · 2^(k/36) under a Blackman–Harris window
    of Q · rate / f_k samples and of sum 1, so that a sine of amplitude 1 gives at most 1/2.
    """
    lengths, frequencies = choose_lengths()
    longest = int(lengths.max()) | 1
    kernels = np.zeros((BINS_PER_OCTAVE, longest), np.complex64)
    for row, (frequency, length) in enumerate(zip(frequencies, lengths, strict=True)):
        window = get_window("blackmanharris", length, fftbins=False)
        n = np.arange(np.floor(-length / 2) + 1, np.floor(length / 2) + 1)
        wave = np.exp(2j * np.pi * n * frequency)
        start = (longest - length) // 2
        kernels[row, start : start + length] = window / window.sum() * wave
    return np.concatenate([kernels.real, kernels.imag])[:, None]


def choose_lengths() -> tuple[np.ndarray, np.ndarray]:
    """Of the top octave's kernels: samples (36,), int64, and turns per sample (36,), float64."""
    quality = 1 / (2 ** (1 / BINS_PER_OCTAVE) - 1)
    top_hz = FMIN_HZ * 2 ** (OCTAVES - 1)
    frequencies_hz = top_hz * 2 ** (np.arange(BINS_PER_OCTAVE) / BINS_PER_OCTAVE)
    lengths = np.ceil(quality * NETWORK_RATE_HZ / frequencies_hz).astype(int)
    return lengths, frequencies_hz / NETWORK_RATE_HZ


class EnergyNorm(nn.Module):
    """Log energy relative to the deviation of the whole recording's energy."""

    def __init__(self, epsilon: float = EPSILON) -> None:
        super().__init__()
        self.epsilon = epsilon

    def forward(self, cqt: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 2, 288, F) → log energy (B, 1, 288, F), and sounding (B, 1, 1, 1), 1.0 or 0.0.

        The first is log((e + epsilon) / s), s the deviation over the frames of their energy: one
        logarithm loses fewer digits than the difference of two. Without deviation (silence, one
        frame) sounding is 0.
        """
        energy = measure_energy(cqt)
        deviation, sounding = measure_deviation(energy.sum(dim=2, keepdim=True))
        return self.normalise(energy, deviation), sounding

    def normalise(self, energy: Tensor, deviation: Tensor) -> Tensor:
        """Energies (B, 1, H, F) → log((e + epsilon) / deviation), the same shape."""
        return torch.log((energy + self.epsilon) / deviation)


def measure_energy(cqt: Tensor) -> Tensor:
    """(B, 2, 288, F) → (B, 1, 288, F): re² + im²."""
    return (cqt * cqt).sum(dim=1, keepdim=True)


def measure_deviation(frames: Tensor) -> tuple[Tensor, Tensor]:
    """Frame energies (B, 1, 1, F) → their unbiased deviation, and sounding, each (B, 1, 1, 1).

    Energies span 1e-30 to 1e32 and are squared here, so they are measured relative to the largest.
    """
    largest = frames.amax(dim=3, keepdim=True)
    scale = largest.clamp(min=SILENT)
    relative = frames / scale
    centred = relative - relative.mean(dim=3, keepdim=True)
    degrees = torch.sym_max(frames.shape[3] - 1, 1)  # type: ignore[no-untyped-call]
    deviation = torch.sqrt((centred * centred).sum(dim=3, keepdim=True) / degrees)
    sounding = (deviation > STEADY).to(frames.dtype)
    return scale * deviation.clamp(min=STEADY), sounding


def stack_harmonics(x: Tensor) -> Tensor:
    """(B, 1, 288, F) → (B, 8, 252, F): channel h holds the rows SHIFTS[h] bins above.

    Rows below 0 or above 251 are zero.
    """
    below, above = -min(SHIFTS), max(SHIFTS)
    padded = F.pad(x[:, :, :READ_BINS], (0, 0, below, above))
    rows = [padded[:, :, below + shift : below + shift + READ_BINS] for shift in SHIFTS]
    return torch.cat(rows, dim=1)


def clean_audio(audio: Tensor) -> Tensor:
    """(B, 1, N) → the same, finite: a NaN or infinite sample is 0, a deafening recording softer."""
    audio = torch.where(audio.abs() <= FLOAT32_MAX, audio, 0.0)
    loudest = audio.abs().amax(dim=2, keepdim=True)
    return audio / (loudest / LOUDEST).clamp(min=1.0)
