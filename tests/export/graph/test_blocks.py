"""A network in blocks of frames gives the same result as the whole."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from export import prove
from export.catalog import MODELS
from export.graph import regions
from export.graph.blocks import BLOCK_FRAMES, split_into_blocks
from export.graph.constants import list_nodes
from tests.conftest import make_music
from tests.export.conftest import Write
from verify.matrix import signals
from verify.matrix.tolerances import PROMISES

BLOCK = 32
TOLERANCE = 1e-5
"""For activations in [0, 1] and embeddings of length 1; onnxruntime sums others otherwise."""
FRAME = 512


@pytest.fixture(scope="module", params=["basicamt", "septimbre"])
def whole(request: pytest.FixtureRequest, write: Write) -> onnx.ModelProto:
    return write(request.param, "fast")


@pytest.fixture
def basicamt(write: Write) -> onnx.ModelProto:
    return write("basicamt", "fast")


def run(model: onnx.ModelProto, audio: np.ndarray) -> list[np.ndarray]:
    session = prove.open_session(model.SerializeToString())
    arrays: list[np.ndarray] = session.run(None, {"audio": audio})
    return arrays


def compare(whole: onnx.ModelProto, blocked: onnx.ModelProto, frames: float) -> float:
    """Largest distance of any output on that many samples of music."""
    audio = make_music(3.0)[..., : round(frames * FRAME)]
    worst = 0.0
    for expected, found in zip(run(whole, audio), run(blocked, audio), strict=True):
        assert found.shape == expected.shape
        assert np.isfinite(found).all()
        worst = max(worst, float(np.abs(found - expected).max()))
    return worst


def test_every_length_gives_the_same(whole: onnx.ModelProto) -> None:
    blocked = split_into_blocks(whole, BLOCK)
    # One frame; around where one block becomes two, and three; many blocks, the last one shorter.
    for frames in (1 / FRAME, 1, 2, 47, 48, 48.5, 49, 79, 80, 7 * BLOCK + 9):
        assert compare(whole, blocked, frames) <= TOLERANCE, frames


def test_convolutions_are_in_blocks(whole: onnx.ModelProto) -> None:
    blocked = split_into_blocks(whole)
    onnx.checker.check_model(blocked, full_check=True)
    left = {node.op_type for node in blocked.graph.node}
    assert not any(operator.startswith(("Winograd", "Spectral")) for operator in left)
    nodes = list(list_nodes(blocked.graph))
    assert {node.name for node in whole.graph.node} <= {n.name.split("@")[0] for n in nodes}
    for names in ([node.name for node in nodes], [name for node in nodes for name in node.output]):
        assert all(names)
        assert len(names) == len(set(names))


def test_the_halo_is_as_long_as_the_convolutions_see(basicamt: onnx.ModelProto) -> None:
    (scan,) = (node for node in split_into_blocks(basicamt).graph.node if node.op_type == "Scan")
    body = next(attribute.g for attribute in scan.attribute if attribute.name == "body")
    (halo,) = (node for node in body.node if node.output[0].endswith("/halo"))
    assert list(onnx.numpy_helper.to_array(halo.attribute[0].t)) == [2 + 1 + 2 + 2 + 2]


def test_a_halo_too_short_is_seen(
    basicamt: onnx.ModelProto, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert compare(basicamt, split_into_blocks(basicamt, BLOCK), 200) <= TOLERANCE
    measure = regions.measure_halo
    monkeypatch.setattr(regions, "measure_halo", lambda *parts: measure(*parts) - 1)
    assert compare(basicamt, split_into_blocks(basicamt, BLOCK), 200) > TOLERANCE
    with pytest.raises(prove.NumberError, match="basicamt: in blocks onset: leaves the tolerance"):
        prove.prove_blocks(basicamt, MODELS["basicamt"], make_music(6.0))


def test_the_matrix_sees_a_shipped_file_without_halo(
    basicamt: onnx.ModelProto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of its signals only the long music has a second block; without it all would be green."""
    monkeypatch.setattr(regions, "measure_halo", lambda *parts: 0)
    faulty = split_into_blocks(basicamt)
    monkeypatch.undo()
    off = {
        signal.name
        for signal in signals.standard()
        if signal.music or signal.name == "noise"
        for audio in [signal.samples[None, None]]
        if max(
            float(np.abs(found - expected).max())
            for expected, found in zip(run(basicamt, audio), run(faulty, audio), strict=True)
        )
        > PROMISES["fp32"].activation.absolute
    }
    assert off == {"music-long"}


@pytest.mark.parametrize("operator", ["LSTM", "Softmax", "CumSum", "InstanceNormalization"])
def test_an_operator_that_may_look_along_time_is_left_alone(
    operator: str, basicamt: onnx.ModelProto
) -> None:
    sizes = regions.infer_sizes(basicamt)
    assert regions.find_regions(basicamt, "log", sizes)
    (relu,) = (node for node in basicamt.graph.node if node.op_type == "LeakyRelu")
    relu.op_type = operator
    assert not regions.find_regions(basicamt, "log", sizes)


def test_blocks_are_as_long_as_they_say(basicamt: onnx.ModelProto) -> None:
    frames = round(2.6 * BLOCK_FRAMES)
    audio = np.resize(make_music(5.0), (1, 1, frames * FRAME))
    for expected, found in zip(
        run(basicamt, audio), run(split_into_blocks(basicamt), audio), strict=True
    ):
        assert np.abs(found - expected).max() <= TOLERANCE
