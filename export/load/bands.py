"""Convolutions in float64 without their memory: band by band.

torch 2.13.0 lays out what its outputs read, a value as often as it is read, for all of them at
once: 1.3 GB for six seconds of music and 75 taps. Most of the time, the system clears pages. A few
rows of outputs at a time are the same sums.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

BAND_BYTES = 2**20
"""Laid out at once: half of what a core's cache holds."""

Pair = tuple[int, int]


class InBands(TorchFunctionMode):
    """While it is entered, layers that are a Conv2d in float64 run in bands, in one thread.

    A band is so short that others would only spin.
    """

    def __enter__(self) -> Self:
        """Begin."""
        self._threads = torch.get_num_threads()
        torch.set_num_threads(1)
        super().__enter__()  # type: ignore[no-untyped-call]  # torch's own
        return self

    def __exit__(self, *exception: object) -> None:
        """End."""
        super().__exit__(*exception)  # type: ignore[no-untyped-call]  # torch's own
        torch.set_num_threads(self._threads)

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401  # what any function of torch's gives
        """Call the function, or ``convolve``."""
        if func is F.conv2d and len(args) == 7 and can_cut(args[0], args[4]):
            return convolve(*args)
        return func(*args, **kwargs or {})


def can_cut(x: Tensor, padding: Pair | str) -> bool:
    """Whether it is a batch in float64, with the padding given as numbers."""
    return x.dtype == torch.float64 and x.ndim == 4 and not isinstance(padding, str)


def convolve(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> Tensor:
    """(B, in, H, F) → (B, out, H', F'), as ``conv2d``."""
    reach = dilation[0] * (weight.shape[2] - 1) + 1
    rows = (x.shape[2] + 2 * padding[0] - reach) // stride[0] + 1
    row_bytes = x[:, :, 0].numel() * weight[0, 0].numel() * x.element_size()
    step = max(1, BAND_BYTES // max(1, row_bytes))
    if rows <= step:
        return F.conv2d(x, weight, bias, stride, padding, dilation, groups)
    x = F.pad(x, (padding[1], padding[1], padding[0], padding[0]))
    bands = []
    for first in range(0, rows, step):
        last = min(first + step, rows) - 1
        band = x[:, :, first * stride[0] : last * stride[0] + reach]
        bands.append(F.conv2d(band, weight, bias, stride, (0, 0), dilation, groups))
    return torch.cat(bands, dim=2)
