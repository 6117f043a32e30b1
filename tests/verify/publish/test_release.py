"""A release holds the files that passed, complete, and no others."""

from __future__ import annotations

import hashlib
import json
import tarfile
import zipfile
from pathlib import Path

import pytest

from export.manifest import Manifest
from tests.verify.publish.test_publish import RUNTIMES, write_report
from tests.verify.publish.test_workers import models as models  # the fixtures
from tests.verify.publish.test_workers import report as report
from tests.verify.publish.test_workers import staged as staged
from tests.verify.publish.test_workers import workers as workers
from verify.__main__ import main
from verify.matrix.kept import hash_code
from verify.publish.app.checkout import FILES, FOLDER, WORKERS
from verify.publish.release import NOTEDIGGER


@pytest.fixture
def command(models: Path, report: Path, workers: Path) -> list[str]:
    folders = {"models": models, "report": report, "workers": workers}
    options = [word for name, path in folders.items() for word in (f"--{name}", str(path))]
    return ["release", *options, "--out"]


def test_it_holds_models_report_library_and_checksums(
    command: list[str], models: Path, workers: Path, tmp_path: Path
) -> None:
    out = tmp_path / "dist" / "release"
    assert main([*command, str(out)]) == 0
    app = (out / NOTEDIGGER).read_bytes()
    assert main([*command, str(out)]) == 0, "a second run replaces the first"
    assert (out / NOTEDIGGER).read_bytes() == app
    for line in (out / "SHA256SUMS.txt").read_text(encoding="utf-8").splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest
    there = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    assert there >= {"manifest.json", "report.html", "report.json"}
    manifest = Manifest.read(models)
    assert there >= {file.path for file in manifest.files}
    assert there >= set(manifest.hashes)
    expected = {name: (models / name).read_bytes() for name in FILES}
    for path in workers.rglob("*"):
        if path.is_file():
            expected[path.relative_to(workers).as_posix()] = path.read_bytes()
    with zipfile.ZipFile(out / NOTEDIGGER) as packed_app:
        inside = {name: packed_app.read(name) for name in packed_app.namelist()}
    assert inside == {(FOLDER / name).as_posix(): data for name, data in expected.items()}
    (package,) = out.glob("*.tgz")
    with tarfile.open(package) as packed:
        names = set(packed.getnames())
    wanted = ("README.md", "LICENSE", "package.json", "lib/index.js", "types/index.d.ts")
    assert names >= {f"package/{name}" for name in wanted}
    assert list((tmp_path / "dist").iterdir()) == [out], "nothing half-made is left"


@pytest.mark.parametrize(
    "fault",
    [
        *("changed", "stage changed", "unjudged", "no runtime", "no music", "failed", "no report"),
        *("no worker", "another engine"),
    ],
)
def test_what_did_not_pass_is_not_released(
    fault: str,
    command: list[str],
    models: Path,
    report: Path,
    workers: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
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
    elif fault == "no worker":
        (workers / WORKERS[0]).unlink()
    elif fault == "another engine":
        (workers / "tiny-amt" / "engine.wasm").write_bytes(b"other")
    else:
        (report / "report.json").unlink()
    assert main([*command, str(out)]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert not out.exists()
