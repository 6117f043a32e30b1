"""noteDigger is driven through its own page: here, a stand-in with its menus and its faults."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
import soundfile
from onnx import TensorProto, helper

from export.catalog import EMBEDDING_SIZE, RATE_HZ
from export.example import EXAMPLE, read_example
from tests.notedigger_app import git, make_app
from tests.patience import PATIENCE_SECONDS
from verify.__main__ import main
from verify.publish.app.checkout import FILES, FOLDER, WORKERS, open_checkout
from verify.publish.app.patch import EDITS, make_patch
from verify.publish.judge import heard
from verify.publish.judge.notedigger import is_itself
from verify.publish.judge.recordings import read_all
from verify.runtimes.app_page import AppPage
from verify.runtimes.driver.launch import BrowserName
from verify.runtimes.runners import RunnerError
from web.notedigger import build

pytestmark = pytest.mark.usefixtures("browsing")


@pytest.fixture(scope="module")
def checkout(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_app(tmp_path_factory.mktemp("notedigger") / "app", models)


@pytest.fixture(scope="module")
def published(checkout: Path, models: Path) -> dict[str, bytes]:
    """What publishing would write into the app, but for the models, which are the same."""
    files = {(FOLDER / path).as_posix(): data for path, data in build.build(models).items()}
    patch = make_patch({path: (checkout / path).read_bytes() for path in EDITS})
    assert not patch.left_out
    return {**files, **patch.files}


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    music = read_example(3.0)[0, 0]
    soundfile.write(folder / "tune.wav", music, RATE_HZ)
    soundfile.write(folder / "long.wav", np.tile(music, 40), RATE_HZ)
    soundfile.write(folder / "silence.wav", np.zeros((RATE_HZ, 2)), RATE_HZ)
    (folder / "text.wav").write_text("no audio", encoding="utf-8")
    return folder


@pytest.fixture(scope="module", params=["chromium", "firefox"])
def app(
    request: pytest.FixtureRequest, checkout: Path, published: dict[str, bytes]
) -> Iterator[AppPage]:
    """The app with workers and patch, in a page for all tests."""
    browser: BrowserName = request.param
    workers = [(FOLDER / name).as_posix() for name in WORKERS]
    limit = 4 * PATIENCE_SECONDS
    with AppPage(checkout, workers, published, browser=browser, limit_seconds=limit) as page:
        yield page


def test_silence_and_a_second_give_no_alert_and_no_empty_track(
    app: AppPage, recordings: Path
) -> None:
    app.import_audio(recordings / "tune.wav")
    for model in ("basicamt", "septimbre"):
        run = app.transcribe(model, recordings / "silence.wav", lambda _: None)
        assert (run.notes, run.tracks, run.complaints) == ((), 0, ())
        run = app.transcribe(model, recordings / "tune.wav", lambda _: None)
        assert run.notes
        assert run.tracks == len({note["ch"] for note in run.notes})
        assert run.complaints == ()


def test_progress_is_shown_and_a_run_can_be_stopped(app: AppPage, recordings: Path) -> None:
    shares: list[str] = []

    def stop(share: str) -> None:
        shares.append(share)
        click = """() => document.querySelector(".tiny-amt-run button")?.click()"""
        app.tab.evaluate(click, [], PATIENCE_SECONDS)

    run = app.transcribe("basicamt", recordings / "long.wav", stop)
    assert (run.notes, run.tracks, run.complaints) == ((), 0, ())
    assert shares[0].startswith("扒谱 ")
    left = """() => document.querySelectorAll(".tiny-amt-run").length"""
    assert app.tab.evaluate(left, [], PATIENCE_SECONDS) == 0


def test_memory_is_told_before_and_after_the_app_has_samples(
    app: AppPage, recordings: Path
) -> None:
    app.import_audio(recordings / "tune.wav")
    if app.tab.list_processes(PATIENCE_SECONDS) is None:
        with pytest.raises(RunnerError, match="only Chromium says"):
            app.watch()
        return
    with app.watch() as watch:
        run = app.transcribe("basicamt", recordings / "tune.wav", lambda _: None)
        usage = app.measure()
    for peak in (watch.peak(usage.process, until=run.began), watch.peak(usage.process, run.began)):
        assert 10e6 < peak < 4e9


def test_what_is_no_audio_is_said_at_once(app: AppPage, recordings: Path) -> None:
    assert app.decode(recordings / "tune.wav") == pytest.approx(3)
    with pytest.raises(RunnerError, match=r"text\.wav is no audio that"):
        app.decode(recordings / "text.wav")


def test_the_app_as_it_is_raises_on_silence(checkout: Path, recordings: Path) -> None:
    """The contract that the patch is for; without it, our worker says nothing."""
    workers = [(FOLDER / name).as_posix() for name in WORKERS]
    with AppPage(checkout, workers, {}, limit_seconds=PATIENCE_SECONDS) as page:
        page.import_audio(recordings / "tune.wav")
        run = page.transcribe("basicamt", recordings / "silence.wav", lambda _: None)
    assert run.tracks == 1
    assert "Reduce of empty array" in run.complaints[0]


def test_without_the_patch_silence_ends_too(
    checkout: Path, published: dict[str, bytes], recordings: Path
) -> None:
    workers = [(FOLDER / name).as_posix() for name in WORKERS]
    unpatched = {path: data for path, data in published.items() if path not in EDITS}
    with AppPage(checkout, workers, unpatched, limit_seconds=PATIENCE_SECONDS) as page:
        page.import_audio(recordings / "tune.wav")
        for model in ("basicamt", "septimbre"):
            run = page.transcribe(model, recordings / "silence.wav", lambda _: None)
            assert (run.notes, run.tracks, run.complaints) == ((), 0, ())


def flatten(models: Path, folder: Path) -> Path:
    """The same models, but every embedding is the same vector."""
    (folder / FILES[0]).write_bytes((models / FILES[0]).read_bytes())
    model = onnx.load(models / FILES[1])
    for node in model.graph.node:
        node.output[:] = ["before" if name == "embedding" else name for name in node.output]
    for name, value in (("nothing", 0.0), ("same", EMBEDDING_SIZE**-0.5)):
        model.graph.initializer.append(helper.make_tensor(name, TensorProto.FLOAT, [], [value]))
    model.graph.node.append(helper.make_node("Mul", ["before", "nothing"], ["zero"]))
    model.graph.node.append(helper.make_node("Add", ["zero", "same"], ["embedding"]))
    onnx.save(model, folder / FILES[1])
    return folder


def test_one_vector_for_all_is_worse(
    checkout: Path, models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["notedigger", str(checkout), "--files-only", "--audio", str(EXAMPLE), "--models"]
    assert main([*command, str(flatten(models, tmp_path))]) == 1
    printed = capsys.readouterr().out
    assert "septimbre: fewer right timbres" in printed, printed
    assert "compared with itself" not in printed
    assert git(checkout, "status", "--porcelain") == "", "the checkout was changed"


def test_files_are_known_as_the_apps_own(
    checkout: Path, models: Path, published: dict[str, bytes]
) -> None:
    own = {(FOLDER / name).as_posix(): (models / name).read_bytes() for name in FILES}
    assert is_itself(open_checkout(checkout), own)
    assert not is_itself(open_checkout(checkout), {**own, **published})


def test_the_apps_workers_are_judged_against_the_score(
    checkout: Path, published: dict[str, bytes]
) -> None:
    steps: list[str] = []
    rows = heard.compare_workers(checkout, published, read_all(None), steps.append)
    assert [row.worker for row in rows] == list(WORKERS)
    for row in rows:
        assert min(row.notes) > 0
        assert not row.is_worse
        assert row.f1[1] > row.f1[0], "the decoder alone is worth something"
        assert row.cpu_seconds[1] < row.cpu_seconds[0]
    assert steps[0].startswith("before: ")
    assert steps[-1].startswith("after: ")


def test_another_app_is_refused(
    checkout: Path, models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def drive(folder: Path, *more: str) -> str:
        assert main(["notedigger", str(folder), "--models", str(models), *more]) == 2
        return capsys.readouterr().err

    assert "is not a noteDigger checkout" in drive(tmp_path)
    assert "none.wav" in drive(checkout, "--files-only", "--audio", str(tmp_path / "none.wav"))
    assert "has no basicamt_worker.js" in drive(checkout, "--workers", str(tmp_path))
    assert "basicamt_44100.onnx" in drive(checkout, "--files-only", "--models", str(tmp_path))
