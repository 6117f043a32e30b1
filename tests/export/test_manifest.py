"""The manifest comes back as it was written; what is none is refused in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from export.manifest import FILE_NAME, Manifest, ManifestError, sha256_of_stages
from tests.whole_stand_in import write_models_and_stages


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models_and_stages(tmp_path_factory.mktemp("manifest") / "models")


def test_it_is_read_as_it_was_written(models: Path) -> None:
    manifest = Manifest.read(models)
    assert manifest.files
    assert manifest.stages
    assert manifest.to_json() == (models / FILE_NAME).read_text(encoding="utf-8")


def test_what_is_not_there_is_told_with_what_is(models: Path) -> None:
    manifest = Manifest.read(models)
    with pytest.raises(KeyError, match="no basicamt int8; it holds basicamt fp32"):
        manifest.find("basicamt", "int8")
    with pytest.raises(KeyError, match="no stages of opera; it holds those of basicamt"):
        manifest.find_stages("opera")
    with pytest.raises(KeyError, match="it holds nothing"):
        Manifest((), {}).find("basicamt")


def test_stages_have_one_digest_which_knows_their_order(models: Path) -> None:
    stages = Manifest.read(models).find_stages("basicamt")
    assert len(stages) > 1
    assert len(sha256_of_stages(stages)) == 64
    assert sha256_of_stages(stages) != sha256_of_stages(stages[::-1])
    assert sha256_of_stages(stages) != sha256_of_stages(stages[1:])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "does not exist; run `make export` first"),
        ("<!doctype html>", "is not JSON"),
        ("\xff", "is not JSON"),
        ("[]", "has schema list, this tool reads 1"),
        ('{"schema": 2}', "has schema 2, this tool reads 1"),
        ('{"schema": 1}', r"is incomplete \('files'\)"),
        ('{"schema": 1, "files": [{}], "versions": {}}', "is incomplete"),
    ],
)
def test_what_is_no_manifest_is_refused(text: str | None, expected: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / FILE_NAME).write_text(text, encoding="latin-1")
    with pytest.raises(ManifestError, match=expected):
        Manifest.read(tmp_path)


def test_a_field_that_nobody_knows_is_refused(models: Path, tmp_path: Path) -> None:
    data = json.loads((models / FILE_NAME).read_text(encoding="utf-8"))
    data["files"][0]["colour"] = "blue"
    (tmp_path / FILE_NAME).write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(ManifestError, match=r"is incomplete .*colour"):
        Manifest.read(tmp_path)
