"""Browsers judge the library's own stream, the JavaScript that users run; a fault in it is seen."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from export.catalog import MODELS
from export.manifest import Manifest
from tests.stand_in import make_tune
from tests.whole_stand_in import write_models_and_stages
from verify.compare import Array, DisagreementError, Tolerance, compare
from verify.runtimes.browser import RUNTIMES, BrowserRunner
from verify.runtimes.library import LibraryRunner
from verify.runtimes.runners import NativeRunner, Runner, RunnerError, Tensors
from verify.runtimes.session import LIBRARY
from verify.runtimes.stream import StreamRunner

pytestmark = pytest.mark.usefixtures("browsing")
TOLERANCE = Tolerance(1e-5, "float32 rounding")
CHUNK = 40


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models_and_stages(tmp_path_factory.mktemp("library") / "models")


def signals() -> dict[str, Array]:
    tune = make_tune()[: 512 * 150]
    broken = tune.copy()
    broken[70_000] = np.nan
    return {"tune": tune, "nan": broken, "one sample": tune[20_000:20_001], "silence": 0 * tune}


def stream(models: Path, name: str, *audio: Array, library: Path = LIBRARY) -> list[Tensors]:
    browser = BrowserRunner(RUNTIMES["chromium-wasm"], mounts={"lib": library})
    return run(LibraryRunner(browser, Manifest.read(models), CHUNK), models, name, audio)


def expect(models: Path, name: str, *audio: Array) -> list[Tensors]:
    runner = StreamRunner(NativeRunner("full"), Manifest.read(models), CHUNK)
    return run(runner, models, name, audio)


def run(runner: Runner, models: Path, name: str, audio: Iterable[Array]) -> list[Tensors]:
    """The outputs of each recording."""
    with runner:
        runner.load(models / f"{MODELS[name].stem}.onnx")
        return [runner.run({"audio": one.reshape(1, 1, -1)}) for one in audio]


@pytest.mark.parametrize("name", ["basicamt", "septimbre"])
def test_it_gives_what_the_reference_implementation_gives(name: str, models: Path) -> None:
    recordings = signals().values()
    all_wanted = expect(models, name, *recordings)
    for found, wanted in zip(stream(models, name, *recordings), all_wanted, strict=True):
        if name == "septimbre":
            # The stand-in gives a cell without sound the direction of its rounding.
            heard = wanted["frame"] > 0.1
            wanted["embedding"] = wanted["embedding"] * heard
            found["embedding"] = found["embedding"] * heard
        compare(found, wanted, dict.fromkeys(wanted, TOLERANCE))


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("stream/plan.js", "return this.find(name).halo_frames", "return 0"),
        ("stream/stream.js", "values[i] /= highest", "values[i] *= 1"),
        (
            "stream/chunks.js",
            "target.set(values, row * frames + start)",
            "target.set(values, start)",
        ),
    ],
)
def test_a_fault_in_the_librarys_stream_is_seen(
    file: str, old: str, new: str, models: Path, tmp_path: Path
) -> None:
    library = tmp_path / "lib"
    shutil.copytree(LIBRARY, library)
    text = (library / file).read_text(encoding="utf-8")
    assert text.count(old) == 1
    (library / file).write_text(text.replace(old, new), encoding="utf-8")
    audio = signals()["tune"]
    (wanted,) = expect(models, "basicamt", audio)
    (found,) = stream(models, "basicamt", audio, library=library)
    with pytest.raises(DisagreementError, match=r"(onset|frame): leaves the tolerance"):
        compare(found, wanted, dict.fromkeys(wanted, TOLERANCE))


def test_a_stage_that_was_changed_is_refused(models: Path, tmp_path: Path) -> None:
    other = tmp_path / "models"
    shutil.copytree(models, other)
    (other / "basicamt_44100.notes.onnx").write_bytes(b"other")
    with pytest.raises(RunnerError, match=r"basicamt_44100\.notes\.onnx has changed"):
        stream(other, "basicamt", signals()["tune"])
