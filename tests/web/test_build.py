"""The builder: its output, and its refusals."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import random
import re
from pathlib import Path
from urllib.request import Request, urlopen

import brotli
import pytest

from export.manifest import FILE_NAME
from tests.stand_in import write_models
from web import assets
from web.__main__ import main
from web.build import build_site
from web.compress import compress_files
from web.serve import SiteServer


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def site(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "site"
    build_site(models, out)
    return out


def test_equal_parts_give_an_equal_site(models: Path, site: Path, tmp_path: Path) -> None:
    build_site(models, tmp_path / "again")
    files = [path for path in sorted(site.rglob("*")) if path.is_file()]
    assert len(files) > 30
    for path in files:
        assert path.read_bytes() == (tmp_path / "again" / path.relative_to(site)).read_bytes()


def test_what_was_tested_is_what_ships(site: Path) -> None:
    modules = [*(assets.WEB / "lib").rglob("*.js"), *(assets.WEB / "page").glob("*.js")]
    assert len(modules) > 20
    for module in modules:
        assert (site / module.relative_to(assets.WEB)).read_bytes() == module.read_bytes()


def test_the_service_worker_knows_every_file_by_its_hash(site: Path) -> None:
    listed = re.search(r"new Map\((\[.*\])\);", (site / "sw.js").read_text(encoding="utf-8"))
    assert listed
    hashes = dict(json.loads(listed[1]))
    there = {str(path.relative_to(site)) for path in site.rglob("*") if path.is_file()}
    assert set(hashes) == there - {"sw.js", ".nojekyll"}
    for path, (integrity, _) in hashes.items():
        digest = hashlib.sha256((site / path).read_bytes()).digest()
        assert integrity == "sha256-" + base64.b64encode(digest).decode()
    optional = {path for path, (_, needed) in hashes.items() if not needed}
    assert optional == {path for path in hashes if "webgpu" in path or "asyncify" in path}


def test_all_modules_of_the_page_are_asked_for_at_once(site: Path) -> None:
    page = (site / "index.html").read_text(encoding="utf-8")
    links = re.findall(r'<link rel="modulepreload" href="([^"]+)" />', page)
    assert links[0] == "page/main.js"
    assert len(links) == len(set(links)) > 20
    assert all((site / link).is_file() for link in links)


def test_the_policy_lets_nothing_in(site: Path) -> None:
    page = (site / "index.html").read_text(encoding="utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy
    assert "default-src 'none'" in policy[1]
    assert "unsafe-inline" not in policy[1]
    assert "'unsafe-eval'" not in policy[1]
    assert "http" not in policy[1]
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)


ENGLISH = {"{detail}", "{reason}"}
"""In a browser's or the library's own words, which another language may leave to the console."""


def test_every_language_says_everything(site: Path) -> None:
    texts = assets.texts()
    assert set(texts) >= {"en", "zh"}
    for language, said in texts.items():
        assert list(said) == list(texts["en"]), language
        for key, text in texts["en"].items():
            wanted, found = (set(re.findall(r"\{\w+\}", one)) for one in (text, said[key]))
            assert wanted - ENGLISH == found - ENGLISH, (language, key)
            assert found <= wanted, (language, key)
    code = "".join(path.read_text(encoding="utf-8") for path in (site / "page").glob("*.js"))
    code += (site / "index.html").read_text(encoding="utf-8").partition('id="texts"')[0]
    families = (
        *("audio_", "detail_", "error_", "stage_", "found", "offline_"),
        *("language", "tag", "title", "description"),
    )
    unused = [
        key
        for key in texts["en"]
        if not key.startswith(families) and not re.search(rf"\b{key}\b", code)
    ]
    assert unused == []


def test_without_models_it_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["build", "--models", str(tmp_path), "--out", str(tmp_path / "site")]) == 2
    assert "run `make export`" in capsys.readouterr().err
    assert not (tmp_path / "site").exists()


def test_a_model_that_is_not_the_manifests_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_models(tmp_path / "models")
    (folder / "basicamt_44100.notes.onnx").write_bytes(b"something else")
    assert main(["build", "--models", str(folder), "--out", str(tmp_path / "site")]) == 2
    assert f"is not what {FILE_NAME} describes" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "site").exists()


def test_a_folder_of_something_else_is_not_replaced(models: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(assets.SiteError, match="was not built by this tool"):
        build_site(models, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_an_older_site_is_replaced_whole(models: Path, tmp_path: Path) -> None:
    build_site(models, tmp_path / "site")
    (tmp_path / "site" / "stale.js").write_text("old", encoding="utf-8")
    build_site(models, tmp_path / "site")
    assert not (tmp_path / "site" / "stale.js").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_serve_without_a_site_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", "--site", str(tmp_path)]) == 2
    assert "run `make page`" in capsys.readouterr().err


def test_an_invalid_port_is_refused(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--site", str(site), "--port", "99999"]) == 2
    assert "port must be 0-65535" in "".join(capsys.readouterr())


def test_the_library_knows_how_long_the_runtime_is() -> None:
    """Progress needs the size, which a compressed answer does not announce."""
    session = (assets.WEB / "lib" / "worker" / "session.js").read_text(encoding="utf-8")
    stated = re.findall(r'wasm: "(.+\.wasm)",\s+wasmBytes: ([\d_]+)', session)
    assert len(stated) == 2
    for name, length in stated:
        assert len(assets.read_runtime(name)) == int(length)


def test_compressed_siblings_hold_the_file(tmp_path: Path) -> None:
    files = {"page.js": b"const answer = 42;\n" * 99, "noise.bin": random.Random(0).randbytes(256)}
    siblings = compress_files(files, tmp_path)
    assert set(siblings) == {"page.js.br", "page.js.gz"}  # noise would only grow
    assert brotli.decompress(siblings["page.js.br"]) == files["page.js"]
    assert gzip.decompress(siblings["page.js.gz"]) == files["page.js"]


def test_a_sibling_of_another_content_is_not_used_again(tmp_path: Path) -> None:
    for content in (b"old " * 99, b"new " * 99):
        siblings = compress_files({"a.js": content}, tmp_path)
        assert gzip.decompress(siblings["a.js.gz"]) == content
        for path, data in ({"a.js": content} | siblings).items():
            (tmp_path / path).write_bytes(data)


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [("gzip, deflate, br", "br"), ("gzip;q=0.5", "gzip"), ("", None), ("bread", None)],
)
def test_the_server_sends_the_coding_that_is_asked_for(
    accepted: str, coding: str | None, tmp_path: Path
) -> None:
    page = b"<p>hello</p>" * 99
    for path, content in (
        {"index.html": page} | compress_files({"index.html": page}, tmp_path)
    ).items():
        (tmp_path / path).write_bytes(content)
    decode = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}[coding]
    with SiteServer(tmp_path) as server:
        for path in ("", "index.html"):
            request = Request(server.url + path, headers={"Accept-Encoding": accepted})
            with urlopen(request) as answer:
                assert answer.headers["Content-Encoding"] == coding
                assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
                assert decode(answer.read()) == page
