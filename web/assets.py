"""The files of a site as path to bytes, before anything is written."""

from __future__ import annotations

import itertools
import json
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Literal

from export.manifest import FILE_NAME, Manifest, sha256_of
from web import packages
from web.packages import NODE_MODULES as NODE_MODULES

WEB = Path(__file__).parent
EXAMPLE = WEB.parent / "export" / "example.flac"

MODELS = ("basicamt", "septimbre")
"""The page's networks: all notes together, and by timbre (see web/page/work.js)."""

RUNTIME = {
    "wasm": ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"),
    "webgpu": (
        "ort.webgpu.min.mjs",
        "ort-wasm-simd-threaded.asyncify.mjs",
        "ort-wasm-simd-threaded.asyncify.wasm",
    ),
}
"""onnxruntime-web's files for each backend, as in web/lib/worker/session.js."""


class SiteError(ValueError):
    """The site cannot be built; the message says what to do."""


def read_models(folder: Path) -> tuple[Manifest, dict[str, bytes]]:
    """Read the stages of the page's models and the engine, and a manifest of only these.

    Raises ManifestError if there is no manifest, SiteError if a file is missing or is not the one
    that the manifest describes.
    """
    manifest = Manifest.read(folder)
    stages = tuple(itertools.chain.from_iterable(map(manifest.find_stages, MODELS)))
    engines = tuple(file for file in manifest.engines if file.model in MODELS)
    if not stages:
        raise SiteError(f"{folder} holds no stages of {', '.join(MODELS)}; run `make export` first")
    kept = replace(manifest, files=stages, engines=engines)
    contents = {path: read_checked(folder / path, sha) for path, sha in kept.hashes.items()}
    return kept, contents


def read_checked(path: Path, sha256: str) -> bytes:
    """Read a file that the manifest describes; SiteError if it is missing or another one."""
    if not path.is_file():
        raise SiteError(f"{path} is missing; run `make export` again")
    if sha256_of(path) != sha256:
        raise SiteError(f"{path} is not what {FILE_NAME} describes; run `make export` again")
    return path.read_bytes()


def site_files(models: Path) -> dict[str, bytes]:
    """Files that are copied unchanged: modules, styles, runtime, models, example."""
    manifest, contents = read_models(models)
    files = {f"models/{name}": content for name, content in contents.items()}
    files[f"models/{FILE_NAME}"] = json.dumps(asdict(manifest)).encode()
    for pattern in ("lib/**/*.js", "page/*.js", "page/*.css", "page/*.svg"):
        for path in sorted(WEB.glob(pattern)):
            files[path.relative_to(WEB).as_posix()] = path.read_bytes()
    for names in RUNTIME.values():
        for name in names:
            files[f"ort/{name}"] = read_runtime(name)
    files["example/example.flac"] = read_example()
    return files


def read_runtime(name: str) -> bytes:
    """A file of onnxruntime-web; SiteError if it is not installed."""
    path = packages.find("onnxruntime-web") / "dist" / name
    try:
        packages.get("onnxruntime-web")
        return path.read_bytes()
    except packages.PackageError as error:
        raise SiteError(str(error)) from None
    except FileNotFoundError:
        raise SiteError(f"{path} is missing; run `npm --prefix web ci` first") from None


def read_example() -> bytes:
    """The recording that the page offers; SiteError if it is missing."""
    try:
        return EXAMPLE.read_bytes()
    except FileNotFoundError:
        raise SiteError(f"{EXAMPLE} is missing from this checkout") from None


def bundle(source: str, form: Literal["esm", "iife"] = "esm", *options: str) -> bytes:
    """One module or classic script out of modules, by esbuild; paths are seen from web/."""
    command = [str(NODE_MODULES / ".bin" / "esbuild"), "--bundle", f"--format={form}", "--minify"]
    command += options
    command += [
        "--define:import.meta.url=self.location.href",
        "--target=es2022",
        "--log-level=warning",
        "--legal-comments=inline",
    ]
    try:
        done = subprocess.run(
            command, input=source.encode(), cwd=WEB, capture_output=True, check=False
        )
    except FileNotFoundError:
        raise SiteError("esbuild is not installed; run `npm --prefix web ci` first") from None
    if done.returncode != 0:
        raise SiteError(f"esbuild cannot bundle {source}: {done.stderr.decode().strip()}")
    return done.stdout


def texts() -> dict[str, dict[str, str]]:
    """The page's texts, by language and key."""
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted((WEB / "page" / "texts").glob("*.json"))
    }


def picture() -> Iterator[dict[str, int]]:
    """Bars of an imaginary piano roll, for the page's backdrop: a canon in three voices."""
    melody = (0, 2, 4, 5, 4, 2, 0, 4, 7, 9, 7, 5, 4, 2, 0, 2, 4, 0)
    for voice in (1, 2, 3):
        for beat, step in enumerate(melody):
            x = 18 + 40 * beat + 80 * (voice - 1)
            if x < 690:
                width = 76 if (beat + voice) % 4 == 0 else 34
                yield {"x": x, "y": 56 * voice - 6 * step + 14, "width": width, "voice": voice}
