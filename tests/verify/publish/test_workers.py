"""Workers, what they load and the patch go into the app together, and out again."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from export.manifest import FILE_NAME, EngineFile, Manifest, ModuleFile, sha256_of
from tests.notedigger_app import commit, git
from tests.verify.publish.test_publish import RUNTIMES, snapshot, write_report
from tests.verify.publish.test_publish import app as app  # a fixture
from tests.verify.publish.test_publish import stand_ins as stand_ins  # another
from tests.whole_stand_in import write_models_and_stages
from verify.__main__ import main
from verify.publish.app.checkout import FILES, FOLDER, WORKERS
from verify.publish.app.letter import DIFF, NOTES
from verify.publish.app.patch import ANALYSER, ENTRANCE
from verify.publish.judge import heard
from verify.publish.judge.heard import Heard
from verify.publish.judge.recordings import Recording
from verify.runtimes.app_workers import Answer
from web.notedigger.build import select_parts


@pytest.fixture(scope="session")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stand-ins with stages, and an engine that nobody runs."""
    folder = write_models_and_stages(tmp_path_factory.mktemp("staged") / "models")
    manifest = Manifest.read(folder)

    def write(name: str) -> tuple[str, int, str]:
        (folder / name).write_text(name, encoding="utf-8")
        return name, len(name), sha256_of(folder / name)

    engines = tuple(
        EngineFile(model, *write(f"{model}.engine"), "random", None, 0.0, "", ())
        for model in ("basicamt", "septimbre")
    )
    modules = tuple(
        ModuleFile(*write(name), "relaxed" in name)
        for name in ("engine-relaxed.wasm", "engine.wasm")
    )
    manifest = replace(manifest, engines=engines, modules=modules)
    (folder / FILE_NAME).write_text(manifest.to_json(), encoding="utf-8")
    return folder


@pytest.fixture
def models(staged: Path, tmp_path: Path) -> Path:
    """A copy of them, to be changed."""
    return shutil.copytree(staged, tmp_path / "models")


@pytest.fixture
def workers(tmp_path: Path, models: Path) -> Path:
    """As `python -m web notedigger` leaves them, but for the scripts."""
    folder = tmp_path / "workers"
    manifest = Manifest.read(models)
    (folder / "tiny-amt").mkdir(parents=True)
    stages = {file.path for file in manifest.files if file.stage}
    for path in manifest.hashes.keys() - {file.path for file in manifest.wholes}:
        assert path in stages or path.endswith((".engine", ".wasm"))
        (folder / "tiny-amt" / path).write_bytes((models / path).read_bytes())
    for worker in WORKERS:
        model = worker.removesuffix("_worker.js")
        (folder / worker).write_text(f"// ours, for {model}", encoding="utf-8")
        parts = json.dumps(select_parts(manifest, model, {}))
        (folder / "tiny-amt" / f"{model}.json").write_text(parts, encoding="utf-8")
    return folder


@pytest.fixture
def report(models: Path, tmp_path: Path) -> Path:
    folder = write_report(tmp_path / "report", models, RUNTIMES)
    (folder / "index.html").write_text("<!doctype html>", encoding="utf-8")
    manifest = Manifest.read(models)
    content = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    cells = content["files"][0]["runtimes"]
    for model in ("basicamt", "septimbre"):
        for digest in manifest.engine_digests(model).values():
            content["files"].append({"sha256": digest, "runtimes": cells})
    (folder / "report.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


@pytest.fixture
def command(app: Path, models: Path, workers: Path, report: Path, tmp_path: Path) -> list[str]:
    folders = {"models": models, "report": report, "workers": workers, "out": tmp_path / "notes"}
    options = [word for name, path in folders.items() for word in (f"--{name}", str(path))]
    return ["publish", str(app), *options]


def publish(command: list[str], *more: str) -> int:
    return main([*command, "--no-browser", *more])


def visible(app: Path) -> dict[str, str]:
    return {path: sha for path, sha in snapshot(app).items() if not path.startswith(".git")}


def test_all_of_it_goes_in_and_out_together(
    command: list[str], app: Path, workers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = visible(app)
    assert publish(command, "--dry-run") == 0
    assert visible(app) == before
    shown = capsys.readouterr().out
    for word in (f"+++ b/{ANALYSER}", "#progress", "basicamt_worker.js", "engine.wasm"):
        assert word in shown
    assert publish(command) == 0
    for path in workers.rglob("*"):
        if path.is_file():
            there = app / FOLDER / path.relative_to(workers)
            assert there.read_bytes() == path.read_bytes()
    assert "followRun" in (app / ENTRANCE).read_text(encoding="utf-8")
    published = visible(app)
    assert len(published) == len(before) + len(list((workers / "tiny-amt").iterdir()))
    assert publish(command) == 0
    assert visible(app) == published, "twice is once"
    assert publish(command, "--restore", "--dry-run") == 0
    assert visible(app) == published
    shown = capsys.readouterr().out
    assert f"put back {ENTRANCE}" in shown
    assert "remove dataProcess/AI/tiny-amt/engine.wasm" in shown
    assert publish(command, "--restore") == 0
    assert visible(app) == before
    assert not (app / FOLDER / "tiny-amt").exists()
    notes = {name: (tmp_path / "notes" / name).read_text(encoding="utf-8") for name in NOTES}
    assert "findPeak" in notes["NOTE.md"]
    assert "findPeak" in notes["NOTE.zh.md"]
    diff = tmp_path / "notes" / DIFF
    git(app, "apply", "--check", str(diff))


def test_the_models_alone_take_an_earlier_worker_out(command: list[str], app: Path) -> None:
    before = visible(app)
    assert publish(command) == 0
    assert publish(command, "--files-only") == 0
    changed = {path for path, sha in visible(app).items() if before.get(path) != sha}
    assert changed == {str(FOLDER / name) for name in FILES}
    assert publish(command, "--restore") == 0
    assert visible(app) == before


def test_without_the_patch_the_apps_scripts_stay(command: list[str], app: Path) -> None:
    before = visible(app)
    assert publish(command, "--no-patch") == 0
    assert all(before[path] == visible(app)[path] for path in (ENTRANCE, ANALYSER))


@pytest.mark.parametrize("fault", ["another place", "a missing file"])
def test_a_patch_that_does_not_fit_is_left_out_with_a_word(
    fault: str, command: list[str], app: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = app / ANALYSER
    if fault == "another place":
        path.write_text(path.read_text(encoding="utf-8").replace("tracks", "lists"), "utf-8")
    else:
        path.unlink()
    commit(app)
    before = visible(app)
    assert publish(command) == 0
    shown = capsys.readouterr().out
    assert f"without progress and cancel: {ANALYSER}" in shown
    assert visible(app)[ENTRANCE] == before[ENTRANCE], "not half of it"
    assert (app / FOLDER / WORKERS[0]).read_text(encoding="utf-8").startswith("// ours")


def test_what_is_newer_is_not_restored_over(
    command: list[str], app: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = visible(app)
    assert publish(command) == 0
    newer = app / FOLDER / FILES[0]
    newer.write_bytes(b"a newer model")
    changed = snapshot(app)
    assert publish(command, "--restore") == 2
    message = capsys.readouterr().err
    assert "changed after publishing, so nothing was restored" in message
    assert "git checkout" in message
    assert snapshot(app) == changed
    git(app, "checkout", "--", str(FOLDER / FILES[0]))
    assert publish(command, "--restore") == 0
    assert visible(app) == before


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("no worker", "has no septimbre_worker.js; run `python -m web notedigger`"),
        ("another engine", "is not of"),
        ("other parts", "asks for other files than the manifest's"),
        ("not judged", "septimbre, engine"),
        ("stage not judged", "basicamt, streamed"),
        ("no worker in the app", "has no dataProcess/AI/basicamt_worker.js to replace"),
    ],
)
def test_only_workers_of_what_passed_are_published(
    fault: str,
    expected: str,
    command: list[str],
    app: Path,
    workers: Path,
    models: Path,
    report: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    manifest = Manifest.read(models)
    if fault == "no worker":
        (workers / WORKERS[1]).unlink()
    elif fault == "another engine":
        (workers / "tiny-amt" / "engine.wasm").write_bytes(b"other")
    elif fault == "other parts":
        path = workers / "tiny-amt" / "basicamt.json"
        own = manifest.engines[0].sha256
        path.write_text(path.read_text(encoding="utf-8").replace(own, "0" * 64), encoding="utf-8")
    elif fault == "no worker in the app":
        (app / FOLDER / WORKERS[0]).unlink()
        commit(app)
    else:
        stages = "".join(file.sha256 for file in manifest.find_stages("basicamt"))
        digest = (
            manifest.engine_digests("septimbre")["engine"]
            if fault == "not judged"
            else hashlib.sha256(stages.encode()).hexdigest()
        )
        content = json.loads((report / "report.json").read_text(encoding="utf-8"))
        content["files"] = [file for file in content["files"] if file["sha256"] != digest]
        (report / "report.json").write_text(json.dumps(content), encoding="utf-8")
    before = snapshot(app)
    assert publish(command) == 2
    assert expected in " ".join(capsys.readouterr().err.split())
    assert snapshot(app) == before


def rows(after: float) -> list[Heard]:
    return [Heard(WORKERS[0], "tune", (10, 9), (0.75, after), (2.0, 0.5))]


@pytest.mark.parametrize(("after", "refused"), [(0.75, False), (0.746, False), (0.744, True)])
def test_what_makes_the_app_worse_is_refused_with_the_figures(
    after: float,
    refused: bool,
    command: list[str],
    app: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(heard, "compare_workers", lambda *_: rows(after))
    before = visible(app)
    assert main(command) == (2 if refused else 0)
    assert (visible(app) == before) == refused
    answer = capsys.readouterr()
    assert f"0.750 → {after:.3f}" in answer.out
    if refused:
        assert f"basicamt_worker.js on tune 0.750 → {after:.3f}" in answer.err
        assert main([*command, "--force"]) == 0
        assert visible(app) != before


def test_an_app_whose_workers_take_other_messages_is_refused(
    command: list[str],
    app: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def transcribe(_: Path, new: object, all_of: Sequence[Recording], __: object) -> object:
        error = "" if new else "data.samples is undefined"
        return {(w, one.name): Answer((), error, (), 1.0, None) for w in WORKERS for one in all_of}

    monkeypatch.setattr(heard, "_transcribe_all", transcribe)
    before = visible(app)
    assert main([*command, "--force"]) == 2
    assert "answers only with errors (data.samples is undefined)" in capsys.readouterr().err
    assert visible(app) == before


def test_models_alone_whose_thresholds_the_app_lacks_are_warned_of(
    command: list[str], models: Path, report: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert publish(command, "--files-only", "--dry-run") == 0
    assert "made for the thresholds" not in capsys.readouterr().out, "upstream's are the app's"
    manifest = Manifest.read(models)
    files = [asdict(file) for file in manifest.files]
    for file in files:
        file["thresholds"] |= {"frame": 0.4, "onset": 0.5}
    content = json.loads(manifest.to_json()) | {"files": files}
    (models / FILE_NAME).write_text(json.dumps(content), encoding="utf-8")
    write_report(report, models, RUNTIMES)
    assert publish(command, "--files-only", "--dry-run") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "basicamt_44100.onnx is made for the thresholds frame 0.4, onset 0.5" in shown


def test_git_sees_nothing_but_what_was_published(command: list[str], app: Path) -> None:
    assert publish(command) == 0
    status = subprocess.run(
        ["git", "-C", str(app), "status", "--porcelain"], capture_output=True, text=True, check=True
    ).stdout
    assert {line[3:] for line in status.splitlines()} == {
        *(str(FOLDER / name) for name in (*FILES, *WORKERS)),
        ANALYSER,
        ENTRANCE,
        f"{FOLDER / 'tiny-amt'}/",
    }
