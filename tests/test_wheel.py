"""What a wheel holds is complete, and works where no checkout is, whatever lies in the folder."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests import foreign_models as models
from tests.conftest import make_once
from tests.paths import ROOT
from tests.patience import PATIENCE_SECONDS
from tiny_amt import __main__ as command
from verify.cases.archive import write_npz
from web import packages

HOSTILE = "raise SystemExit('the file of the user was imported')\n"
X = np.array([1, 2, 3], np.float32)


def run(words: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command that knows nothing of this checkout."""
    known = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        words, cwd=folder, env=known | environment, capture_output=True, text=True,
        timeout=PATIENCE_SECONDS,
    )  # fmt: skip


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of this checkout, in which it leaves nothing, and no network."""

    def make(folder: Path) -> None:
        source = folder / "source"
        for name in ("export", "verify", "web", "tiny_amt"):
            skipped = shutil.ignore_patterns("node_modules", "__pycache__", "types")
            shutil.copytree(ROOT / name, source / name, ignore=skipped)
        for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"):
            shutil.copy(ROOT / name, source)
        words = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
        words += ["--no-index", "--quiet", "--wheel-dir", str(folder), str(source)]
        done = run(words, folder)
        assert done.returncode == 0, done.stderr

    return next(make_once(tmp_path_factory, "wheel", make).glob("tiny_amt-*.whl"))


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A user's folder: a model, its case, and names that are ours too."""
    folder = tmp_path / "desk"
    (folder / "web").mkdir(parents=True)
    for name in ("export.py", "verify.py", "web/__init__.py", "tests.py", "onnx.py"):
        (folder / name).write_text(HOSTILE)
    models.write_unary(folder / "log.onnx", "Log")
    write_npz(folder / "case.npz", {"x": X, "y": np.log(X)})
    return folder


FIXTURE = """
import numpy

def test_it(browser_session):
    session = browser_session("chromium-wasm", "log.onnx")
    assert session.run(None, {"x": numpy.ones(3, "float32")})[0].tolist() == [0, 0, 0]
"""
VERIFY = ["verify", "--model", "log.onnx", "--reference", "case.npz"]


def test_it_judges_a_model_from_a_wheel_alone(wheel: Path, desk: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    tool = [sys.executable, "-P", "-m", "tiny_amt"]
    words = [*tool, *VERIFY, "--runtimes", "native-*"]
    done = run(words, desk, PYTHONPATH=str(tmp_path / "site"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all 2 comparisons agree" in done.stdout
    assert (desk / "dist" / "report" / "index.html").is_file()
    write_npz(desk / "case.npz", {"x": X, "y": X})
    assert run(words, desk, PYTHONPATH=str(tmp_path / "site")).returncode == 1
    probe = "import sys, tiny_amt.verify.__main__; print(*sys.modules)"
    probe = run([sys.executable, "-P", "-c", probe], desk, PYTHONPATH=str(tmp_path / "site")).stdout
    heavy = {"torch", "onnxsim", "onnxscript", "scipy", "soundfile", "export", "verify", "web"}
    assert "tiny_amt.verify.compare" in probe.split()
    assert not heavy & {*probe.split()}


def test_in_a_wheel_nothing_is_imported_or_told_as_in_a_checkout(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith(".py"):
                source = archive.read(name).decode()
                assert not re.search(
                    r"^\s*(from|import) (export|verify|web|train)\b", source, re.M
                ), name
                assert "python -m verify" not in source, name
                assert "`make export`" not in source, name
        told = archive.read("tiny_amt/export/manifest.py").decode()
    assert "run `tiny-amt export` first" in told


def test_a_wheel_holds_every_file_that_the_checkout_runs_on(wheel: Path) -> None:
    inside = {name.removeprefix("tiny_amt/") for name in zipfile.ZipFile(wheel).namelist()}
    tops = "export", "verify", "web"
    listed = run(["git", "ls-files", *tops], ROOT).stdout.split()
    if not listed:
        pytest.skip("needs a git checkout, to know what belongs to it")
    assert len(listed) > 200
    assert sorted({*listed} - inside - {"web/screenshot.png"}) == []
    assert not [name for name in inside if "node_modules" in name or "__pycache__" in name]


@pytest.mark.install
def test_it_is_installed_into_an_empty_environment(
    wheel: Path, desk: Path, tmp_path: Path, browsing: None
) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    tools = tmp_path / "venv" / "bin"
    done = run([str(tools / "python"), "-m", "pip", "install", "--quiet", str(wheel)], tmp_path)
    assert done.returncode == 0, done.stderr
    words = [str(tools / "tiny-amt"), *VERIFY, "--runtimes", "native-off,chromium-wasm"]
    runtime = str(ROOT / "web" / "node_modules")
    done = run(words, desk, TINY_AMT_RUNTIME=runtime)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all 2 comparisons agree" in done.stdout
    done = run([str(tools / "python"), "-m", "pip", "install", "--quiet", "pytest"], tmp_path)
    assert done.returncode == 0, done.stderr
    (desk / "own").mkdir()  # pytest imports what lies beside a test before all else
    (desk / "own" / "test_log.py").write_text(FIXTURE)
    words = [str(tools / "pytest"), "-q", "-p", "no:cacheprovider", "own"]
    done = run(words, desk, TINY_AMT_RUNTIME=runtime)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    done = run([str(tools / "tiny-amt"), "export"], desk)
    assert done.returncode == 2
    assert "pip install 'tiny-amt[export]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_verb_that_there_is_not_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["nonsense"]) == 2
    assert "type `tiny-amt --help`" in capsys.readouterr().err
    assert command.main(["--help"]) == 0
    told = capsys.readouterr().out
    assert {"verify", "bisect", "export", "page", "publish"} <= {*told.split()}


def pack(*members: tuple[str, bytes]) -> tuple[bytes, str]:
    """A package as npm has it, and its hash as a lock has it."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, data in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    digest = base64.b64encode(hashlib.sha512(stream.getvalue()).digest()).decode()
    return stream.getvalue(), f"sha512-{digest}"


def test_a_package_is_fetched_by_its_hash_and_nothing_leaves_its_folder(tmp_path: Path) -> None:
    data, digest = pack(
        ("package/package.json", b'{"name": "ort", "version": "1.0.0"}'),
        ("package/dist/ort.wasm.min.mjs", b"run"),
        ("package/dist/../../../../escaped.mjs", b"no"),
        ("/package/dist/absolute.mjs", b"no"),
        ("package/lib/index.ts", b"no"),
    )
    (tmp_path / "a.tgz").write_bytes(data)
    address, folder = str(tmp_path / "a.tgz"), tmp_path / "cache" / "ort"
    with pytest.raises(packages.PackageError, match="it is not kept"):
        packages.fetch(address, digest[:-4] + "AA==", folder)
    assert not folder.exists()
    packages.fetch(address, digest, folder)
    found = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*"))
    assert found == ["a.tgz", "cache/ort/dist/ort.wasm.min.mjs", "cache/ort/package.json"]
    with pytest.raises(packages.PackageError, match="give --runtime-dir DIR"):
        packages.fetch(str(tmp_path / "absent.tgz"), digest, folder)


def test_an_installed_one_knows_the_locked_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "INSTALLED", True)
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    names = [packages.find(one).name for one in ("onnxruntime-web", "onnxruntime-web-1.18")]
    assert [name.rpartition("-")[0] for name in names] == [
        "onnxruntime-web-1.30.0",
        "onnxruntime-web-1.18-1.18.0",
    ]
    monkeypatch.setenv(packages.FOLDER, "/mine")
    assert packages.find("onnxruntime-web") == Path("/mine/onnxruntime-web")
