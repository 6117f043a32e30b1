"""Our files in a worker written as noteDigger writes its own, in real browsers."""

from __future__ import annotations

import functools
import http.server
import shutil
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser

from export.catalog import MODELS
from export.example import read_example
from export.prove import open_session
from tests.export.load.test_sources import Quiet
from tests.paths import TESTS
from tests.patience import PATIENCE_SECONDS
from verify.matrix.notes import agree, transcribe
from verify.runtimes.session import NODE_MODULES

WORKER = TESTS / "js" / "notedigger_app" / "raw_worker.js"
SECONDS = 3.0
RUN = """async ([model, half]) => {
    const worker = new Worker("raw_worker.js");
    const bytes = Uint8Array.from(atob(half), (one) => one.charCodeAt(0));
    const channels = [new Float32Array(bytes.buffer), new Float32Array(bytes.buffer)];
    const answer = await new Promise((resolve, reject) => {
        worker.onmessage = (event) => resolve(event.data);
        worker.onerror = (event) => reject(new Error(event.message));
        worker.postMessage({ model, channels });
    });
    worker.terminate();
    for (const output of Object.values(answer.outputs ?? {})) {
        const bytes = new Uint8Array(Float32Array.from(output.rows.flat()).buffer);
        output.rows = btoa(bytes.reduce((all, one) => all + String.fromCharCode(one), ""));
    }
    return answer;
}"""
"""Numbers go in and out as base64: browsers take seconds for lists of them."""


@pytest.fixture(scope="module")
def site(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a page with the worker, onnxruntime-web 1.18.0 and our two files."""
    root = tmp_path_factory.mktemp("site")
    (root / "index.html").write_text("<!doctype html><title>contract</title>", encoding="utf-8")
    shutil.copy(WORKER, root / "raw_worker.js")
    shutil.copytree(NODE_MODULES / "onnxruntime-web-1.18" / "dist", root / "ort")
    for name in ("basicamt", "septimbre"):
        shutil.copy(models / f"{MODELS[name].stem}.onnx", root)
    handler = functools.partial(Quiet, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_the_apps_way_of_running_gives_the_same_notes(
    browser: Browser, site: str, models: Path
) -> None:
    audio = read_example(SECONDS)
    silence = np.zeros((1, 1, 22_050), np.float32)
    with browser.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(1000 * PATIENCE_SECONDS)
        page.goto(site)
        for name in ("basicamt", "septimbre"):
            model = MODELS[name]
            session = open_session(models / f"{model.stem}.onnx")
            for kind, signal in (("music", audio), ("silence", silence)):
                half = b64encode((signal / 2).tobytes()).decode()  # twice that is the signal again
                answer = page.evaluate(RUN, [f"{model.stem}.onnx", half])
                assert "error" not in answer, answer
                assert set(answer["outputs"]) == set(model.outputs)
                found = {}
                for output, value in answer["outputs"].items():
                    rows = np.frombuffer(b64decode(value["rows"]), np.float32)
                    found[output] = rows.reshape(value["dims"])
                    assert np.isfinite(rows).all(), (name, kind, output)
                    assert kind == "music" or not rows.any(), (name, output)
                if kind == "music":
                    expected = dict(
                        zip(
                            model.outputs,
                            session.run(list(model.outputs), {"audio": audio}),
                            strict=True,
                        )
                    )
                    for output, values in expected.items():
                        assert np.abs(found[output] - values).max() < 1e-4, (name, output)
                    ours, theirs = (transcribe(o, model.thresholds) for o in (found, expected))
                    if theirs.notes:  # random weights may find none
                        assert agree(ours, theirs).f1 == 1
