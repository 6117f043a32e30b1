"""Weights for the engine: one declaration, nothing misread, no constant lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from export import layout
from export.catalog import MODELS
from export.graph.constants import Constant, ConstantLostError
from export.graph.trace import fold_batch_norms
from export.layers.winograd import design_transforms
from export.variants import engine
from tests.patience import PATIENCE_SECONDS
from tests.web.engine.drive import HERE, open_network, write_weights
from web.engine.build import FOLDER
from web.node import NodeError, run_node

STOCK = (
    Constant("add", 1.01e-8, "energy_norm"),
    Constant("add", 1e-5, "encoder.neck.0"),
    Constant("add", 1e-9, "encoder.emb.0"),
    Constant("floor", 1e-12, ""),
)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_weights("septimbre", tmp_path_factory.mktemp("weights"))


def test_a_declaration_is_read_in_its_order() -> None:
    declared = "typedef struct {\n float a[2 * 3]; // six\n float b[1];\n} Part;\n"
    found = layout.read_layout(declared + "typedef struct { Part part; float c[4]; } Whole;")
    assert found == {"Part": {"a": 6, "b": 1}, "Whole": {"part.a": 6, "part.b": 1, "c": 4}}
    assert list(found["Whole"]) == ["part.a", "part.b", "c"]
    swapped = layout.read_layout("typedef struct { float b[1]; float a[6]; } Part;")
    assert layout.fingerprint(swapped) != layout.fingerprint({"Part": found["Part"]})


def test_a_line_that_is_no_field_is_an_error() -> None:
    with pytest.raises(layout.EngineError, match=r"cannot read 'double x\[2\]'"):
        layout.read_layout("typedef struct { double x[2]; } Part;")


def test_what_is_stored_is_what_the_folded_network_has(weights: Path) -> None:
    stored = engine.read_engine(weights)
    network = fold_batch_norms(open_network("septimbre"))
    for struct, field, name in (
        ("NoteWeights", "attack_kernel", "note_branch.conv_yo1.conv.weight"),
        ("EncoderWeights", "narrow_kernel", "encoder.res1.3.weight"),
        ("EncoderWeights", "trunk.wide_bias", "encoder.early_conv.3.bias"),
    ):
        tensor = network.get_parameter(name).detach().numpy().ravel()
        assert np.array_equal(stored[struct][field], tensor)


@pytest.mark.parametrize(("outputs", "taps"), [(6, 5), (6, 3), (4, 3)])
def test_the_factors_of_transforms_make_the_same_convolution(outputs: int, taps: int) -> None:
    n = outputs + taps - 1
    parts = engine.factor_transforms(design_transforms(outputs, taps))
    assert {part: array.size for part, array in parts.items()} == {
        "inputs": (n // 2 - 1) * n // 2,
        "kernel": n * taps,
        "outputs": (outputs - 1) * (n // 2 - 1),
    }
    whole, *others = np.asarray(parts["inputs"])
    points = [0.0, *(sign * row[-1] for row in others for sign in (1, -1))]
    rows = [np.polynomial.Polynomial([*np.ravel([[c, 0] for c in whole]), 1])]
    for row in others:
        quadratic = np.polynomial.Polynomial([*np.ravel([[c, 0] for c in row[:-1]]), 1])
        rows += [np.polynomial.Polynomial([0, sign * row[-1], 1]) * quadratic for sign in (1, -1)]
    for point, row in zip(points, rows, strict=True):
        assert row(np.array(points))[np.array(points) != point] == pytest.approx(0, abs=1e-10)
    matrix = np.zeros((n, n))
    for i, row in enumerate([*rows, rows[0] * np.polynomial.Polynomial([0, 1])]):
        matrix[i, : len(row.coef)] = row.coef
    powers = np.array([[point**j for point in points] + [0.0] for j in range(outputs)])
    powers[-1, -1] = 1
    assert np.asarray(parts["outputs"]) == pytest.approx(powers[1:, 1:-1:2])
    x, w = np.random.default_rng(0).normal(size=(2, n))
    found = powers @ (parts["kernel"] @ w[:taps] * (matrix @ x))
    assert found == pytest.approx(np.correlate(x, w[:taps], "valid"))


@pytest.mark.parametrize("change", ["missing", "surplus", "size"])
def test_a_field_that_does_not_fit_is_named(change: str) -> None:
    values = {
        "missing": {},
        "surplus": {"a": [1], "b": [1]},
        "size": {"a": [1, 2]},
    }[change]
    with pytest.raises(layout.EngineError, match=r"Part"):
        engine.pack_struct("Part", {"a": 1}, values)


def test_every_constant_is_followed(weights: Path) -> None:
    engine.follow_into_engine(STOCK, weights)
    with pytest.raises(ConstantLostError, match=r"add 2e-09.*nearest is .*centre_epsilon 1e-09"):
        engine.follow_into_engine([*STOCK, Constant("add", 2e-9, "somewhere")], weights)
    with pytest.raises(ConstantLostError, match=r"compare 0\.5.*nearest is nothing"):
        engine.follow_into_engine([Constant("compare", 0.5, "somewhere")], weights)


def test_an_epsilon_that_a_step_dropped_stops_the_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collect = engine.collect_encoder

    def drop(encoder: object) -> engine.Values:
        return {**collect(encoder), "centre_epsilon": 0.0}  # type: ignore[arg-type]

    monkeypatch.setattr(engine, "collect_encoder", drop)
    changed = write_weights("septimbre", tmp_path)
    with pytest.raises(ConstantLostError, match=r"add 1e-09 in encoder\.emb\.0"):
        engine.follow_into_engine(STOCK, changed)


def test_another_front_end_is_refused(tmp_path: Path) -> None:
    network = MODELS["basicamt"].build().get_submodule("network")
    with torch.no_grad():
        network.get_buffer("cqt.cqt_kernels").mul_(1.01)
    with pytest.raises(layout.EngineError, match="kernels are not those of their formula"):
        engine.write_engine(network, tmp_path / "x.engine")
    with pytest.raises(layout.EngineError, match="no Deployed"):
        engine.write_engine(MODELS["basicpitch"].build(), tmp_path / "x.engine")


Damage = Callable[[bytes], bytes]
DAMAGES: dict[str, tuple[Damage, str]] = {
    "another file": (lambda data: b"\x08\x0a" + data[2:], "not weights of the engine"),
    "nothing": (lambda _: b"", "not weights of the engine"),
    "another order": (lambda data: data[:4] + b"\0\0\0\0" + data[8:], "of another version"),
    "cut off": (lambda data: data[:-4], "their length differs"),
    "too long": (lambda data: data + b"\0\0\0\0", "their length differs"),
    "a flipped bit": (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "damaged"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_module_refuses_what_it_would_misread(
    damage: str, weights: Path, tmp_path: Path
) -> None:
    change, message = DAMAGES[damage]
    (tmp_path / "weights").write_bytes(change(weights.read_bytes()))
    (tmp_path / "requests").write_bytes(b"")
    files = (FOLDER / "engine.wasm", *(tmp_path / name for name in ("weights", "requests", "to")))
    with pytest.raises(NodeError, match=message):
        run_node(HERE / "run.mjs", *files, limit_seconds=PATIENCE_SECONDS)
    with pytest.raises(layout.EngineError):
        engine.read_engine(tmp_path / "weights")
