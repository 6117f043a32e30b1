"""The worker in a page, by the app's messages: on the engine, and on the app's own runtime."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from export.catalog import RATE_HZ
from export.example import read_example
from tests.paths import ROOT
from tests.patience import PATIENCE_SECONDS
from verify.runtimes.app_workers import Answer, AppWorkers
from verify.runtimes.driver.launch import BrowserName
from verify.runtimes.session import NODE_MODULES
from web.assets import SiteError
from web.notedigger import build

WORKERS = {"basicamt_worker.js": 0, "septimbre_worker.js": 2}
MUSIC = read_example(6.0)[0, 0]
SILENCE = np.zeros(2 * RATE_HZ, np.float32)
RUNTIME = NODE_MODULES / "onnxruntime-web-1.18" / "dist"


@pytest.fixture(scope="module")
def root(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workers as they lie in the app, beside its onnxruntime-web 1.18.0."""
    root = tmp_path_factory.mktemp("app") / "AI"
    build.write(models, root)
    (root / "dist").mkdir()
    (root / "dist" / "bundle.min.js").write_bytes((RUNTIME / "ort.wasm.min.js").read_bytes())
    for name in ("ort-wasm.wasm", "ort-wasm-simd.wasm"):
        (root / "dist" / name).write_bytes((RUNTIME / name).read_bytes())
    return root


@pytest.fixture(scope="module", params=["chromium", "firefox"])
def app(request: pytest.FixtureRequest, root: Path, browsing: None) -> Iterator[AppWorkers]:
    browser: BrowserName = request.param
    with AppWorkers(root, list(WORKERS), browser=browser) as page:
        yield page


def ask(app: AppWorkers, worker: str, samples: np.ndarray, *, followed: bool = True) -> Answer:
    timbres = WORKERS[worker]
    return app.transcribe(worker, samples, timbres, PATIENCE_SECONDS, followed=followed)


def test_they_answer_as_the_app_expects(app: AppWorkers) -> None:
    for worker, timbres in WORKERS.items():
        answer = ask(app, worker, MUSIC)
        assert not answer.error
        assert len(answer.notes) > 5
        assert len(answer.lists) == max(1, timbres)
        assert all(answer.lists), "no list is empty: the app raises on one"
        for note in answer.notes:
            assert 0 <= note.onset < note.offset <= np.ceil(MUSIC.size / 512)
            assert 24 <= note.note < 108
            assert 0 < note.velocity <= 1
        assert answer.fractions[0] == 0
        assert list(answer.fractions) == sorted(answer.fractions)
        assert ask(app, worker, MUSIC, followed=False).fractions == ()


def test_the_sum_of_any_number_of_channels_gives_the_same_notes(app: AppWorkers) -> None:
    one, six = (ask(app, "septimbre_worker.js", gain * MUSIC).lists for gain in (1, 6))
    where = [
        [[(note.onset, note.offset, note.note) for note in notes] for notes in lists]
        for lists in (one, six)
    ]
    assert where[0] == where[1]


@pytest.mark.parametrize("worker", WORKERS)
def test_without_notes_no_list_comes(app: AppWorkers, worker: str) -> None:
    """The app raises on an empty list, and leaves an empty track."""
    noise = np.random.default_rng(0).normal(0, 0.1, 3 * RATE_HZ).astype(np.float32)
    for samples in (SILENCE, noise, SILENCE[:0]):
        answer = ask(app, worker, samples)
        assert not answer.error
        assert not answer.notes
        assert all(answer.lists) or worker.startswith("basicamt")
    second = ask(app, worker, MUSIC[:RATE_HZ])
    assert second.notes
    assert all(second.lists)


QUIET = """async ([worker, length]) => {
    const own = new Worker(worker);
    const said = [];
    own.onmessage = ({ data }) => said.push(data);
    own.onerror = ({ message }) => said.push(message);
    const other = new Worker(worker + "#progress");
    const ended = new Promise((resolve) => {
        other.onmessage = ({ data }) => data.type === "progress" || resolve(data);
    });
    own.postMessage(new Float32Array(length));
    other.postMessage(new Float32Array(length));
    return { ended: await ended, said };
}"""


def test_basicamt_keeps_quiet_where_the_app_would_raise(app: AppWorkers) -> None:
    found = app.tab.evaluate(QUIET, ["basicamt_worker.js", 1000], PATIENCE_SECONDS)
    assert found == {"ended": [], "said": []}


def test_an_error_says_what_it_is(
    root: Path, tmp_path: Path, browsing: None, exporting: None
) -> None:
    broken = {"tiny-amt/septimbre.json": b"not JSON", "tiny-amt/basicamt.json": b"{}"}
    with AppWorkers(root, list(WORKERS), broken) as app:
        assert "JSON" in ask(app, "septimbre_worker.js", MUSIC).error
        assert ask(app, "basicamt_worker.js", MUSIC).error


@pytest.mark.parametrize("lacking", ["SIMD", "engine"])
def test_without_the_engine_the_apps_own_runtime_gives_the_same(
    lacking: str, root: Path, browsing: None
) -> None:
    with AppWorkers(root, list(WORKERS)) as page:
        expected = {worker: ask(page, worker, MUSIC) for worker in WORKERS}
    replaced = {}
    if lacking == "SIMD":
        for worker in WORKERS:
            script = (root / worker).read_bytes()
            replaced[worker] = b"WebAssembly.validate = () => false;\n" + script
    else:
        for name in ("engine.wasm", "engine-relaxed.wasm"):
            replaced[f"tiny-amt/{name}"] = b"no module"
    with AppWorkers(root, list(WORKERS), replaced) as page:
        for worker, answer in expected.items():
            found = ask(page, worker, MUSIC)
            assert not found.error
            assert [[(n.onset, n.note) for n in one] for one in found.lists] == [
                [(n.onset, n.note) for n in one] for one in answer.lists
            ]


def test_a_worker_is_small_and_says_what_it_is(root: Path) -> None:
    for worker in WORKERS:
        script = (root / worker).read_text(encoding="utf-8")
        assert len(script.encode()) <= build.MOST_BYTES == 30 * 1024
        first = script[:600]
        assert f"tiny-amt {build.read_version()}" in first
        assert "--restore" in first
        assert str(ROOT) not in script


def test_the_same_models_give_the_same_bytes(models: Path, root: Path) -> None:
    for path, content in build.build(models).items():
        assert (root / path).read_bytes() == content, path


def test_what_is_too_large_or_lacks_the_engine_is_not_built(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(build, "MOST_BYTES", 1000)
        with pytest.raises(SiteError, match="1000 are allowed"):
            build.build(models)
    for path in models.iterdir():
        (tmp_path / path.name).symlink_to(path)
    manifest = tmp_path / "manifest.json"
    content = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.unlink()
    manifest.write_text(json.dumps({**content, "engines": []}), encoding="utf-8")
    with pytest.raises(SiteError, match="no engine for basicamt"):
        build.build(tmp_path)


def test_only_what_it_wrote_is_replaced(models: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(SiteError, match="was not built by this tool"):
        build.write(models, tmp_path)
