"""Short-time Fourier magnitudes, written so that one operator of ONNX does the work.

torch.stft cannot be exported with a dynamic length, and as a convolution its kernels weigh 17 MB
(2048 points). While exporting, the transform is therefore ONNX's STFT operator.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from export.catalog import HOP_SAMPLES


class Magnitudes(nn.Module):
    """|STFT| under a periodic Hann window, centred with reflected edges, one frame a hop."""

    window: Tensor

    def __init__(self, points: int) -> None:
        super().__init__()
        self.points = points
        self.register_buffer("window", torch.hann_window(points), persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        """(1, N) samples → (1, points / 2 + 1, F), F = floor((N - 1) / 256) + 1.

        A recording too short for reflection is padded with zeros.
        """
        samples = audio.shape[1]
        frames = (samples - 1) // HOP_SAMPLES + 1
        reach = self.points // 2
        audio = F.pad(audio, (0, torch.sym_max(reach + 1 - samples, 0)))  # type: ignore[no-untyped-call]
        audio = F.pad(audio[None], (reach, reach), mode="reflect")[0]
        return self.transform(audio)[:, :, :frames]

    def transform(self, audio: Tensor) -> Tensor:
        """(1, N) samples → (1, points / 2 + 1, floor((N - points) / 256) + 1)."""
        if not torch.onnx.is_in_onnx_export():
            complex_parts = torch.stft(
                audio,
                self.points,
                HOP_SAMPLES,
                window=self.window,
                center=False,
                return_complex=True,
            )
            return complex_parts.abs()
        bins = self.points // 2 + 1
        parts = torch.onnx.ops.symbolic(
            "STFT",
            (audio[:, :, None], torch.tensor(HOP_SAMPLES), self.window),
            {"onesided": 1},
            dtype=audio.dtype,
            shape=(1, (audio.shape[1] - self.points) // HOP_SAMPLES + 1, bins, 2),
            version=17,
        )
        return torch.sqrt((parts * parts).sum(dim=3)).transpose(1, 2)
