"""The manifest is read as it was written; an invalid one is refused in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from export.catalog import MODELS
from export.manifest import FILE_NAME, Manifest, ManifestError, digest_of
from tests.whole_stand_in import write_models_and_stages


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models_and_stages(tmp_path_factory.mktemp("manifest") / "models")


def test_it_is_read_as_it_was_written(models: Path) -> None:
    manifest = Manifest.read(models)
    assert manifest.wholes
    assert manifest.find_stages("septimbre")
    assert manifest.to_json() == (models / FILE_NAME).read_text(encoding="utf-8")


def test_a_missing_name_is_refused_with_the_names_that_exist(models: Path) -> None:
    manifest = Manifest.read(models)
    with pytest.raises(ManifestError, match="no basicamt int8; it holds basicamt fp32"):
        manifest.find("basicamt", "int8")
    assert manifest.find_stages("opera") == ()
    with pytest.raises(ManifestError, match="it holds nothing"):
        Manifest((), {}).find("basicamt")


def test_stages_have_one_digest_that_depends_on_their_order(models: Path) -> None:
    manifest = Manifest.read(models)
    stages = manifest.find_stages("septimbre")
    assert len({digest_of(some) for some in (stages, stages[::-1], stages[1:], stages[:1])}) == 4
    whole = manifest.find("septimbre")
    assert digest_of([whole]) == whole.sha256


def test_a_whole_file_is_judged_alone_and_stages_together(models: Path) -> None:
    manifest = Manifest.read(models)
    together = [[file.stage for file in files] for files in manifest.judged_together()]
    assert together == [
        [None],
        [None],
        *([*MODELS[name].stages] for name in ("basicamt", "septimbre")),
    ]


def test_every_input_of_a_stage_is_audio_kept_or_gathered(models: Path) -> None:
    for name in ("basicamt", "septimbre"):
        known = {"audio"}
        for stage in Manifest.read(models).find_stages(name):
            assert known >= {tensor.name for tensor in stage.inputs}, stage.stage
            outputs = {tensor.name for tensor in stage.outputs}
            known |= outputs
            for gather in stage.gathers:
                assert outputs >= set(gather.of)
                known |= set(gather.gives)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "does not exist; run `make export` first"),
        ("<!doctype html>", "is not JSON"),
        ("\xff", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('{"schema": ' + "1" * 5000 + "}", "is not JSON"),
        ("[]", "has schema list, this tool reads 2; run `make export` again"),
        ('{"schema": 1}', "has schema 1, this tool reads 2; run `make export` again"),
        ('{"schema": 2}', r"is not a manifest of this tool \(KeyError: 'files'\)"),
        ('{"schema": 2, "files": 7, "versions": {}}', "is not a manifest"),
        ('{"schema": 2, "files": ["x"], "versions": {}}', "a file is 'x', expected an object"),
        ('{"schema": 2, "files": [{}], "versions": {}}', "is not a manifest"),
        ('{"schema": 2, "files": [], "versions": [1]}', "is not a manifest"),
    ],
)
def test_an_invalid_manifest_is_refused(text: str | None, expected: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / FILE_NAME).write_text(text, encoding="latin-1")
    with pytest.raises(ManifestError, match=expected):
        Manifest.read(tmp_path)


def test_a_field_that_nobody_knows_is_refused(models: Path, tmp_path: Path) -> None:
    data = json.loads((models / FILE_NAME).read_text(encoding="utf-8"))
    data["files"][0]["colour"] = "blue"
    (tmp_path / FILE_NAME).write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(ManifestError, match=r"is not a manifest .*colour"):
        Manifest.read(tmp_path)


@pytest.mark.parametrize("path", ["/etc/passwd", "../secret", "a/b.onnx", "..", "a\\b", ".x", ""])
def test_a_path_that_leaves_the_folder_is_refused(path: str, models: Path, tmp_path: Path) -> None:
    data = json.loads((models / FILE_NAME).read_text(encoding="utf-8"))
    data["files"][-1]["path"] = path
    (tmp_path / FILE_NAME).write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(ManifestError, match="is not a plain file name"):
        Manifest.read(tmp_path)
