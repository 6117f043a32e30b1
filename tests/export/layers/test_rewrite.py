"""The fast convolutions equal the plain ones."""

from __future__ import annotations

import copy
import math
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from export.catalog import MODELS
from export.graph.functions import trace_function, write_function
from export.graph.trace import OPSET, fold_batch_norms
from export.layers.cqt_kernels import TURN, CQTKernels
from export.layers.function import DOMAIN
from export.layers.rewrite import FormulaCQT, rewrite
from export.layers.spectral import SpectralConv
from export.layers.winograd import WinogradConv
from export.load.bands import InBands
from export.load.checkpoint import load_into, load_state
from export.nets.front_end import CQT, design_cqt_kernels
from export.prove import open_session
from tests.conftest import make_music, read_mono
from tests.export.conftest import Write
from tests.export.nets.test_networks import TOLERANCE

FLOAT64 = 1e-13
"""Relative to the sum of magnitudes: the rewrites are exact but for float64's rounding."""
FLOAT32 = 1e-5
"""float32's 6e-8, times the worst-case gain of the transforms of F(6, 5)."""
FORMULA = 2.0**-22
"""Of a kernel's peak: float32 rounds four times (angle, sine, window, product)."""

DTYPES = pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, FLOAT64), (torch.float32, FLOAT32)]
)


def compare(fast: nn.Module, plain: nn.Conv2d, x: torch.Tensor) -> float:
    """Largest distance to the plain convolution in float64, relative to the sum of magnitudes."""
    plain = plain.double()
    with torch.no_grad():
        expected = plain(x.double())
        found = fast(x)
        magnitudes = copy.deepcopy(plain)
        for parameter in magnitudes.parameters():
            parameter.abs_()
        scale = magnitudes(x.double().abs()).max()
    assert found.dtype == x.dtype
    assert found.shape == expected.shape
    assert torch.isfinite(found).all()
    return float(((found - expected).abs().max() / scale).item())


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, FLOAT64), (torch.float32, FLOAT32)]
)
@settings(deadline=None, max_examples=15)
@given(
    taps=st.sampled_from([3, 5]),
    time_taps=st.sampled_from([1, 3, 5]),
    channels=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    height=st.integers(1, 40),
    frames=st.integers(1, 12),
    bias=st.booleans(),
    seed=st.integers(0, 99),
)
def test_winograd(
    dtype: torch.dtype,
    tolerance: float,
    taps: int,
    time_taps: int,
    channels: tuple[int, int],
    height: int,
    frames: int,
    bias: bool,
    seed: int,
) -> None:
    torch.manual_seed(seed)
    size = (taps, time_taps)
    plain = nn.Conv2d(*channels, size, padding=(taps // 2, time_taps // 2), bias=bias).to(dtype)
    x = torch.randn(1, channels[0], height, frames, dtype=dtype)
    assert compare(WinogradConv(plain), plain, x) <= tolerance


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, FLOAT64), (torch.float32, FLOAT32)]
)
@settings(deadline=None, max_examples=15)
@given(
    reach=st.integers(0, 12),
    time_taps=st.sampled_from([1, 3]),
    dilation=st.integers(1, 4),
    channels=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    rows=st.integers(1, 30),
    frames=st.integers(1, 12),
    bias=st.booleans(),
    seed=st.integers(0, 99),
)
def test_spectral(
    dtype: torch.dtype,
    tolerance: float,
    reach: int,
    time_taps: int,
    dilation: int,
    channels: tuple[int, int],
    rows: int,
    frames: int,
    bias: bool,
    seed: int,
) -> None:
    torch.manual_seed(seed)
    height = rows * dilation
    plain = nn.Conv2d(
        *channels,
        (2 * reach + 1, time_taps),
        padding=(reach * dilation, time_taps // 2),
        dilation=(dilation, 1),
        bias=bias,
    ).to(dtype)
    x = torch.randn(1, channels[0], height, frames, dtype=dtype)
    assert compare(SpectralConv(plain, height), plain, x) <= tolerance


@pytest.mark.parametrize("height", [251, 252, 253])
def test_a_wrong_kernel_is_seen(height: int) -> None:
    torch.manual_seed(0)
    plain = nn.Conv2d(2, 3, 5, padding=2)
    fast = WinogradConv(plain)
    x = torch.randn(1, 2, height, 9)
    assert compare(fast, plain, x) <= FLOAT32
    fast.kernel.data[1, 0] += 1e-3
    assert compare(fast, plain, x) > FLOAT32


@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(2, 2, 7, padding=3),
        nn.Conv2d(2, 2, 5, padding=1),
        nn.Conv2d(2, 2, 5, padding=2, stride=(3, 1)),
        nn.Conv2d(2, 2, 5, padding=2, groups=2),
        nn.Conv2d(2, 2, 5, padding=4, dilation=2),
    ],
)
def test_what_winograd_cannot_do_is_refused(conv: nn.Conv2d) -> None:
    with pytest.raises(ValueError, match="no Winograd transform for Conv2d"):
        WinogradConv(conv)


def test_what_the_spectrum_cannot_do_is_refused() -> None:
    conv = nn.Conv2d(2, 2, (25, 3), padding=(36, 1), dilation=(3, 1))
    with pytest.raises(ValueError, match="over 250 bins"):
        SpectralConv(conv, 250)


@pytest.mark.usefixtures("exporting")
@pytest.mark.parametrize("name", ["basicamt", "septimbre", "basicpitch"])
def test_a_whole_network_stays_the_same(name: str, shared: Path) -> None:
    model = MODELS[name]
    network = model.build().eval()
    path = shared / "checkpoints" / f"{model.checkpoint}.pth"
    load_into(network.get_submodule("network"), load_state(path), path)
    fast = rewrite(fold_batch_norms(network), "fast")
    replaced = [layer for layer in fast.modules() if isinstance(layer, WinogradConv | SpectralConv)]
    assert len(replaced) == {"basicamt": 3, "septimbre": 8, "basicpitch": 2}[name]
    audio = read_mono(shared / "audio" / "piano_short.wav")[..., :132_300]
    with torch.no_grad(), InBands():
        expected = network.double()(torch.from_numpy(audio).double())
        for output, truth, found in zip(
            model.outputs, expected, fast(torch.from_numpy(audio)), strict=True
        ):
            assert found.shape == truth.shape
            assert (found - truth).abs().max() <= TOLERANCE[output], output


@pytest.mark.parametrize("length", [1, 511, 512, 513, 30_000])
def test_the_file_computes_what_the_network_does(length: int, fast_file: bytes) -> None:
    torch.manual_seed(0)
    network = MODELS["basicamt"].build().eval()
    audio = make_music()[..., :length]
    with torch.no_grad():
        expected = network(torch.from_numpy(audio))
    session = open_session(fast_file)
    for truth, found in zip(expected, session.run(None, {"audio": audio}), strict=True):
        assert found.shape == tuple(truth.shape)
        assert np.abs(found - truth.numpy()).max() <= TOLERANCE["onset"]


@pytest.fixture(scope="module")
def fast_file(write: Write) -> bytes:
    data: bytes = write("basicamt", "fast").SerializeToString()
    return data


def test_the_file_holds_the_plain_kernels(fast_file: bytes) -> None:
    model = onnx.load_from_string(fast_file)
    stored = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    assert stored["early_conv.1.kernel"] == (8, 25, 16 * 3)
    assert stored["neck.conv.kernel"] == (5, 16 * 8 * 5)
    assert max(map(math.prod, stored.values())) == 8 * 16 * 25 * 3


def test_the_file_holds_every_body_once(fast_file: bytes) -> None:
    model = onnx.load_from_string(fast_file)
    onnx.checker.check_model(model, full_check=True)
    bodies = [function.name for function in model.functions]
    calls = [node.op_type for node in model.graph.node if node.domain == DOMAIN]
    assert Counter(calls) == {
        "CQTKernels": 1,
        "SpectralConv_16_8_25x3": 1,
        "WinogradConv_8_16_5x5": 2,
    }
    assert sorted(bodies) == sorted(set(calls))
    assert not any(node.domain for function in model.functions for node in function.node)


def test_time_is_not_taken_for_frequency() -> None:
    fast = rewrite(fold_batch_norms(MODELS["onsets_frames"].build()), "fast")
    assert not any(isinstance(layer, WinogradConv | SpectralConv) for layer in fast.modules())


def measure_kernels(formula: CQTKernels) -> float:
    """Largest distance to the designed kernels, relative to each one's peak."""
    designed = torch.from_numpy(design_cqt_kernels()).double()
    found = formula()
    assert found.dtype == torch.float32
    assert found.shape == designed.shape
    distance = (found - designed).abs() / designed.abs().amax(dim=2, keepdim=True)
    return float(distance.nan_to_num(torch.inf).max())


def test_the_formula_gives_the_kernels() -> None:
    assert measure_kernels(CQTKernels()) <= FORMULA


@pytest.mark.parametrize("name", ["steps", "starts", "powers", "first", "last"])
def test_a_wrong_formula_is_seen(name: str) -> None:
    formula = CQTKernels()
    numbers = formula.get_buffer(name)
    # The smallest faults that matter: a phase off by 1e-7 turns, a weight by 5e-7 of itself, a tap.
    faults = {
        "steps": TURN // 10**8,
        "starts": TURN // 10**7,
        "powers": 5e-7 * float(numbers.max()),
        "first": 1,
        "last": -1,
    }
    numbers += faults[name]
    assert measure_kernels(formula) > FORMULA


def test_the_formula_needs_no_float64() -> None:
    """onnxruntime-web 1.30.0 lacks it on WebGPU, and refuses the file."""
    body = write_function(CQTKernels(), OPSET)
    constants = [node.attribute[0].t for node in body.node if node.op_type == "Constant"]
    casts = [node.attribute[0].i for node in body.node if node.op_type == "Cast"]
    types = {*casts, *(tensor.data_type for tensor in constants)}
    assert types == {onnx.TensorProto.FLOAT, onnx.TensorProto.INT64}


def test_other_kernels_than_the_formulas_are_stored() -> None:
    network = MODELS["basicamt"].build()
    front_end = network.get_submodule("network.cqt")
    assert isinstance(front_end, CQT)
    assert isinstance(rewrite(network, "fast").get_submodule("network.cqt"), FormulaCQT)
    front_end.cqt_kernels[0, 0, 138] *= 1.0001
    assert type(rewrite(network, "fast").get_submodule("network.cqt")) is CQT


def test_networks_share_what_was_traced_once() -> None:
    layer = CQTKernels()
    once = write_function(layer, OPSET)
    assert write_function(CQTKernels(), OPSET) is once
    assert once == trace_function(layer, OPSET)
    next(layer.buffers()).add_(1)  # another body under the same title
    assert write_function(layer, OPSET) != once
    assert write_function(CQTKernels(), OPSET + 1).opset_import[0].version == OPSET + 1
