"""A manifest that does not match its file is refused, field by field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto

from export.manifest import Manifest, ModelFile
from tests.whole_stand_in import write_models_and_stages
from verify.matrix.contract import ContractError, check, find_fault


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models_and_stages(tmp_path_factory.mktemp("contract") / "models")


def change(entry: ModelFile, **fields: Any) -> ModelFile:  # noqa: ANN401  # any field of it
    return replace(entry, **fields)


def test_a_true_manifest_passes(models: Path) -> None:
    manifest = Manifest.read(models)
    assert manifest.wholes
    check(models, manifest, manifest.wholes)


@pytest.mark.parametrize(
    ("lie", "expected"),
    [
        ({"rate_hz": 44_101}, "rate_hz is 44101, expected 44100"),
        ({"network_rate_hz": 44_100}, "network_rate_hz is 44100, expected 22050"),
        ({"hop_samples": 512}, "hop_samples is 512, expected 256"),
        ({"lowest_pitch": 21}, "lowest_pitch is 21, expected 24"),
        ({"nodes": 1}, "nodes is 1, expected"),
        ({"inputs": ()}, r"inputs is \(\), expected"),
        ({"outputs": ()}, r"outputs is \(\), expected"),
        ({"variant": "int8"}, "variant is int8, but nothing in the file is stored so"),
        ({"variant": "fp16"}, "variant is fp16, but nothing in the file is stored so"),
        ({"guards": ("add 1e-08 in energy_norm",)}, "dropped or changed: add 1e-08"),
        ({"guards": ("1e-08",)}, "is not of the form"),
    ],
)
def test_a_lie_is_named(lie: dict[str, Any], expected: str, models: Path) -> None:
    manifest = Manifest.read(models)
    with pytest.raises(ContractError, match=expected):
        check(models, manifest, [change(manifest.find("basicamt"), **lie)])


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (lambda stages: stages[:-1], "has stages ears, expected ears, notes"),
        (lambda stages: stages[::-1], "has stages notes, ears, expected ears, notes"),
        (lambda stages: (), "has stages none, expected ears, notes"),
        (lambda stages: (change(stages[0], rate_hz=1), stages[1]), "rate_hz is 1"),
    ],
)
def test_stages_that_are_missing_or_lie(
    edit: Callable[[tuple[ModelFile, ...]], tuple[ModelFile, ...]], expected: str, models: Path
) -> None:
    manifest = Manifest.read(models)
    whole = manifest.find("basicamt")
    other = replace(manifest, files=(whole, *edit(manifest.find_stages("basicamt"))))
    with pytest.raises(ContractError, match=expected):
        check(models, other, [whole])


def test_a_guard_of_the_file_must_be_listed(models: Path) -> None:
    entry = Manifest.read(models).find("basicamt")
    assert any("1e-12" in guard for guard in entry.guards)
    assert find_fault(models, entry) is None
    for i, guard in enumerate(entry.guards):
        if guard.startswith(("add", "floor", "epsilon")) and "e-" in guard:
            unlisted = change(entry, guards=entry.guards[:i] + entry.guards[i + 1 :])
            assert "which the manifest's guards do not list" in (find_fault(models, unlisted) or "")


def test_a_file_of_another_variant_is_seen(models: Path, tmp_path: Path) -> None:
    entry = Manifest.read(models).find("basicamt")
    for dtype, variant in ((TensorProto.FLOAT16, "fp16"), (TensorProto.INT8, "int8")):
        network = onnx.load(models / entry.path)
        network.graph.initializer.add(name="x", data_type=dtype, dims=[0])
        onnx.save(network, tmp_path / entry.path)
        assert find_fault(tmp_path, entry) == (
            f"variant is fp32, but the file stores tensors as {variant} does"
        )
