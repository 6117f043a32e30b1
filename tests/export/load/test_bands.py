"""Convolutions in bands are torch's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from export.load import bands
from export.load.bands import InBands

SAME = 1e-13
"""Relative to sums of a hundred products around 1: float64's rounding."""


@pytest.mark.parametrize("rows_at_once", [1, 3, 1000])
@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(3, 4, 3),
        nn.Conv2d(3, 4, (5, 3), padding=(2, 1), bias=False),
        nn.Conv2d(3, 4, (25, 3), padding=(36, 1), dilation=(3, 1)),
        nn.Conv2d(3, 1, (3, 5), stride=(3, 2), padding=(1, 2), dilation=(1, 2)),
        nn.Conv2d(6, 4, (4, 1), stride=2, groups=2),
    ],
    ids=str,
)
def test_bands_are_the_whole(
    layer: nn.Conv2d, rows_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    layer = layer.double().requires_grad_(False)
    x = torch.randn(2, layer.in_channels, 40, 11, dtype=torch.float64)
    whole = layer(x)
    laid_out = 8 * x[:, :, 0].numel() * layer.weight[0, 0].numel()
    monkeypatch.setattr(bands, "BAND_BYTES", rows_at_once * laid_out)
    with Watch() as watch, InBands():
        found = layer(x)
    assert found.shape == whole.shape
    assert float((found - whole).abs().max()) < SAME
    rows = whole.shape[2]
    assert watch.rows == [min(rows_at_once, rows - i) for i in range(0, rows, rows_at_once)]


def test_one_thread_is_enough_and_others_come_back() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with InBands():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_what_is_no_layer_in_float64_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bands, "BAND_BYTES", 1)
    layer, x = nn.Conv2d(1, 1, 3, padding="same"), torch.ones(1, 1, 9, 9)
    for convolution, given in (
        (nn.Conv2d(1, 1, 3), x),
        (layer.double(), x.double()),
        (nn.Conv2d(1, 1, 3).double(), x[0].double()),
    ):
        with Watch() as watch, InBands():
            convolution(given)
        assert len(watch.rows) == 1
    with InBands(), pytest.raises(RuntimeError, match=r"Kernel size: .* can't be greater"):
        nn.Conv2d(1, 1, 3).double()(x[:, :, :2].double())


class Watch(TorchFunctionMode):
    """Counts the rows that each convolution gives."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[int] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401  # what any function of torch's gives
        found = func(*args, **kwargs or {})
        if func is nn.functional.conv2d:
            self.rows.append(found.shape[-2])
        return found
