"""Only files that passed are published, all or none, and it can be undone."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import onnx
import pytest

from export.manifest import FILE_NAME, Manifest, digest_of, sha256_of
from tests.notedigger_app import APP, commit, git
from tests.whole_stand_in import write_models
from verify.__main__ import main
from verify.matrix.kept import hash_code
from verify.publish.app.checkout import FILES, FOLDER
from verify.publish.contract import find_publishable
from verify.publish.gate import NEEDED, PublishError

RUNTIMES = {"chromium-wasm": "agrees", "chromium-wasm-1.18": "agrees"}


@pytest.fixture(scope="session")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What every test changes a copy of: ``models``, and a checkout, ``app``."""
    folder = tmp_path_factory.mktemp("stand-ins")
    write_models(folder / "models")
    make_checkout(folder / "app")
    return folder


@pytest.fixture
def models(stand_ins: Path, tmp_path: Path) -> Path:
    return shutil.copytree(stand_ins / "models", tmp_path / "models")


@pytest.fixture
def report(models: Path, tmp_path: Path) -> Path:
    return write_report(tmp_path / "report", models, RUNTIMES)


def write_report(
    folder: Path, models: Path, runtimes: dict[str, str], signals: Iterable[str] = NEEDED
) -> Path:
    cells = {
        name: {"status": status, "signals": list(signals)} for name, status in runtimes.items()
    }
    digests = {digest_of(files) for files in Manifest.read(models).judged_together()}
    digests |= {sha256_of(models / name) for name in FILES}
    files = [{"sha256": digest, "runtimes": cells} for digest in digests]
    folder.mkdir(exist_ok=True)
    (folder / "report.json").write_text(
        json.dumps(
            {"code": hash_code(), "manifest": sha256_of(models / FILE_NAME), "files": files}
        ),
        encoding="utf-8",
    )
    return folder


@pytest.fixture
def app(stand_ins: Path, tmp_path: Path) -> Path:
    root: Path = shutil.copytree(stand_ins / "app", tmp_path / "noteDigger")
    git(root, "status")  # which notes the times of the copies
    return root


def make_checkout(root: Path) -> None:
    """A git checkout shaped like noteDigger, with models that differ from ours in their names."""
    shutil.copytree(APP, root)
    write_models(root / FOLDER)
    (root / FOLDER / FILE_NAME).unlink()
    for name in FILES:
        model = onnx.load(root / FOLDER / name)
        model.producer_name = "upstream"
        onnx.save(model, root / FOLDER / name)
    (root / FOLDER / "dist").mkdir()
    (root / FOLDER / "dist" / "bundle.min.js").write_text("//", encoding="utf-8")
    git(root, "init", "--quiet")
    commit(root)


def snapshot(root: Path) -> dict[str, str]:
    return {str(p.relative_to(root)): sha256_of(p) for p in root.rglob("*") if p.is_file()}


def publish(app: Path, models: Path, report: Path, *more: str) -> int:
    folders = ["--models", str(models), "--report", str(report)]
    return main(["publish", str(app), *folders, "--no-browser", "--files-only", *more])


def refused(
    capsys: pytest.CaptureFixture[str], app: Path, models: Path, report: Path, *more: str
) -> str:
    """Publish, expect a refusal that touches nothing, and return its one line."""
    before = snapshot(app)
    assert publish(app, models, report, *more) == 2
    assert snapshot(app) == before
    message = capsys.readouterr().err.strip()
    assert message.startswith("error: ")
    assert "\n" not in message
    return message


def test_dry_run_then_publish_then_restore(
    app: Path, models: Path, report: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = snapshot(app)
    assert publish(app, models, report, "--dry-run") == 0
    assert snapshot(app) == before
    shown = capsys.readouterr().out
    for word in ("bytes", "nodes", "silence gives", "note F1", "largest difference"):
        assert word in shown
    assert publish(app, models, report) == 0
    for name in FILES:
        assert (app / FOLDER / name).read_bytes() == (models / name).read_bytes()
    status = git(app, "status", "--porcelain").split()
    assert status == ["M", str(FOLDER / FILES[0]), "M", str(FOLDER / FILES[1])]
    assert publish(app, models, report) == 0, "a second time changes nothing and is allowed"
    assert publish(app, models, report, "--restore") == 0
    assert {k: v for k, v in snapshot(app).items() if ".git" not in k} == {
        k: v for k, v in before.items() if ".git" not in k
    }
    assert "nothing to restore" in refused(capsys, app, models, report, "--restore")


def test_not_a_checkout(
    tmp_path: Path, models: Path, report: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert "is not a noteDigger checkout" in refused(capsys, tmp_path / "empty", models, report)


def test_a_dirty_checkout(
    app: Path, models: Path, report: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (app / FOLDER / "dist" / "bundle.min.js").write_text("// changed", encoding="utf-8")
    assert "uncommitted changes" in refused(capsys, app, models, report)


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's here")
def test_no_permission(
    app: Path,
    models: Path,
    report: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Root may write anywhere, so the answer of os.access is planted."""
    monkeypatch.setattr("verify.publish.app.checkout.os.access", lambda path, mode: False)
    assert "cannot be written" in refused(capsys, app, models, report)


def test_a_file_changed_after_verification(
    app: Path, models: Path, report: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = models / FILES[0]
    path.write_bytes(path.read_bytes() + b"\0")
    assert "has changed since it was made" in refused(capsys, app, models, report)


def test_a_manifest_changed_after_verification(
    app: Path, models: Path, report: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = models / FILE_NAME
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r'"minimum_frames": \d+', '"minimum_frames": 1', text), "utf-8")
    assert "manifest.json is not what" in refused(capsys, app, models, report)


def test_an_older_report(
    app: Path, models: Path, report: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (report / "report.json").read_text(encoding="utf-8")
    old = text.replace(sha256_of(models / FILES[1]), "0" * 64)
    (report / "report.json").write_text(old, encoding="utf-8")
    assert "run `make verify` again" in refused(capsys, app, models, report)


def test_a_report_of_other_code(
    app: Path, models: Path, report: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (report / "report.json").read_text(encoding="utf-8")
    (report / "report.json").write_text(text.replace(hash_code(), "0" * 64), encoding="utf-8")
    assert "is of other code than this; run `make verify`" in refused(capsys, app, models, report)


def test_no_report(
    app: Path, models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "run `make verify` first" in refused(capsys, app, models, tmp_path / "none")


@pytest.mark.parametrize(
    ("runtimes", "expected"),
    [
        ({"chromium-wasm": "agrees"}, "not judged with onnxruntime-web 1.18.0"),
        ({**RUNTIMES, "firefox-wasm": "disagrees"}, "did not pass in firefox-wasm"),
        ({**RUNTIMES, "firefox-wasm": "not started"}, "did not pass in firefox-wasm"),
        ({}, "judged in no runtime"),
    ],
)
def test_what_did_not_pass_stays(
    runtimes: dict[str, str],
    expected: str,
    app: Path,
    models: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    report = write_report(tmp_path / "other", models, runtimes)
    assert expected in refused(capsys, app, models, report)


@pytest.mark.parametrize("signals", [(), ("silence",), ("example", "length-1")])
def test_what_was_not_judged_on_music_and_silence_stays(
    signals: tuple[str, ...],
    app: Path,
    models: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    report = write_report(tmp_path / "other", models, RUNTIMES, signals)
    assert "was not judged on example and silence" in refused(capsys, app, models, report)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("output", "noteDigger expects"),
        ("opset", "reads up to 21 and 10"),
        ("ir", "reads up to 21 and 10"),
        ("half", "onset is not float32"),
        ("beside", "keeps weights outside the file"),
    ],
)
def test_a_broken_contract(
    fault: str,
    expected: str,
    app: Path,
    models: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = models / FILES[0]
    model = onnx.load(path)
    if fault == "output":
        del model.graph.output[1]
    elif fault == "opset":
        model.opset_import[0].version = 22
    elif fault == "ir":
        model.ir_version = 11
    elif fault == "half":
        model.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT16
    old = sha256_of(path)
    onnx.save(model, path, save_as_external_data=fault == "beside", size_threshold=0)
    text = (models / FILE_NAME).read_text(encoding="utf-8").replace(old, sha256_of(path))
    (models / FILE_NAME).write_text(text, encoding="utf-8")
    assert Manifest.read(models)
    report = write_report(tmp_path / "other", models, RUNTIMES)
    assert expected in refused(capsys, app, models, report)


def refused_for_space(
    capsys: pytest.CaptureFixture[str], app: Path, models: Path, report: Path
) -> None:
    """Publish on a full disk: no model has changed, and no file is left beside them."""
    before = snapshot(app / FOLDER)
    assert publish(app, models, report) == 2
    assert "No space left on device; nothing was changed" in capsys.readouterr().err
    assert snapshot(app / FOLDER) == before
    assert not git(app, "status", "--porcelain")


@pytest.mark.parametrize("failing", [1, 2, 3, 4, 5])
def test_a_full_disk_at_any_point_changes_no_model(
    failing: int,
    app: Path,
    models: Path,
    report: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The n-th write fails: of two originals, a note of what comes, and two new files."""
    writes = 0

    sync = os.fsync

    def count(descriptor: int) -> None:
        nonlocal writes
        writes += 1
        if writes == failing:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(descriptor)

    monkeypatch.setattr("verify.publish.app.swap.os.fsync", count)
    refused_for_space(capsys, app, models, report)


def test_a_failing_second_move_takes_the_first_back(
    app: Path,
    models: Path,
    report: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = {name: sha256_of(app / FOLDER / name) for name in FILES}
    replace = Path.replace

    def fail(self: Path, target: Path) -> Path:
        if self.name == f".{FILES[1]}.new":
            raise OSError(errno.EIO, "Input/output error")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fail)
    assert publish(app, models, report) == 2
    assert {name: sha256_of(app / FOLDER / name) for name in FILES} == before


@pytest.mark.parametrize("lie", [{"variant": "int8"}, {"variant": "fp16"}, {"recipe": "0" * 64}])
def test_only_fp32_of_the_own_recipe_is_published(
    lie: dict[str, str], models: Path, report: Path
) -> None:
    """A file that promises less was judged more mildly, so its name alone must not let it out."""
    assert find_publishable(models, report)
    data = json.loads((models / FILE_NAME).read_text(encoding="utf-8"))
    data["files"][0] |= lie
    (models / FILE_NAME).write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(PublishError, match="is not the fp32 file that this version makes"):
        find_publishable(models, report)
