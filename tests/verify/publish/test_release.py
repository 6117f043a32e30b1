"""A release holds the files that passed, complete, and no others."""

from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path

import pytest

from export.manifest import Manifest
from tests.verify.publish.test_publish import RUNTIMES, write_report
from tests.whole_stand_in import write_models_and_stages
from verify.__main__ import main
from verify.matrix.kept import hash_code
from verify.publish.checkout import FILES, FOLDER


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return write_models_and_stages(tmp_path / "models")


@pytest.fixture
def report(models: Path, tmp_path: Path) -> Path:
    folder = write_report(tmp_path / "report", models, RUNTIMES)
    (folder / "index.html").write_text("<!doctype html>", encoding="utf-8")
    return folder


def release(models: Path, report: Path, out: Path) -> int:
    folders = ["--models", str(models), "--report", str(report), "--out", str(out)]
    return main(["release", *folders])


def test_it_holds_models_report_library_and_checksums(
    models: Path, report: Path, tmp_path: Path
) -> None:
    out = tmp_path / "dist" / "release"
    assert release(models, report, out) == 0
    assert release(models, report, out) == 0, "a second run replaces the first"
    for line in (out / "SHA256SUMS.txt").read_text(encoding="utf-8").splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest
    there = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    assert there >= {"manifest.json", "report.html", "report.json"}
    manifest = Manifest.read(models)
    assert there >= {file.path for file in manifest.files}
    assert there >= {str("noteDigger" / FOLDER / name) for name in FILES}
    (package,) = out.glob("*.tgz")
    with tarfile.open(package) as packed:
        names = set(packed.getnames())
    wanted = ("README.md", "LICENSE", "package.json", "lib/index.js", "types/index.d.ts")
    assert names >= {f"package/{name}" for name in wanted}
    assert list((tmp_path / "dist").iterdir()) == [out], "nothing half-made is left"


@pytest.mark.parametrize(
    "fault",
    ["changed", "stage changed", "unjudged", "no runtime", "no music", "failed", "no report"],
)
def test_what_did_not_pass_is_not_released(
    fault: str, models: Path, report: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "release"
    if fault == "changed":
        (models / FILES[0]).write_bytes(b"other")
    elif fault == "stage changed":
        (models / Manifest.read(models).find_stages("septimbre")[-1].path).write_bytes(b"other")
    elif fault == "unjudged":
        (report / "report.json").write_text(json.dumps({"code": hash_code(), "files": []}))
    elif fault == "no runtime":
        write_report(report, models, {})
    elif fault == "no music":
        write_report(report, models, RUNTIMES, ["silence"])
    elif fault == "failed":
        write_report(report, models, {**RUNTIMES, "firefox-wasm": "disagrees"})
    else:
        (report / "report.json").unlink()
    assert release(models, report, out) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert not out.exists()
