"""Assets and templates into a static site, or into one file that opens from disk."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from web import assets
from web.compress import compress_files
from web.modules import list_modules

MAIN = "page/main.js"

COUNTS = (2, 3, 4, 5, 6)
"""Numbers of timbres that the page offers."""

OPTIONAL = tuple(f"ort/{name}" for name in assets.RUNTIME["webgpu"])
"""Not saved for offline use: 27 MB that only the GPU needs."""
REPLACED = ("ort/",)
"""Not saved either where every model has the engine: only browsers without SIMD need it."""

LATER = ("example/", *(f"models/{model}" for model in assets.MODELS[1:]))
"""Saved for offline use last, so that a run that starts meanwhile gets its own files first."""

EMBEDDED_WORKER = """
import * as onnxruntime from "./node_modules/onnxruntime-web/dist/ort.wasm.bundle.min.mjs";
import "./lib/worker/worker.js";
globalThis.onnxruntime = onnxruntime;
"""
"""Chromium 156 imports no module from a blob: URL in a page opened from disk: all in one script."""


def build_site(models: Path, out: Path, *, compressed: bool = False) -> list[str]:
    """Write the site into a folder, replacing an earlier one; return the paths in it.

    ``compressed`` puts .br and .gz beside every file; that takes seconds. Raises SiteError or
    ManifestError, with nothing written, if a part is missing.
    """
    files = assets.site_files(models)
    head = "\n    ".join(
        (
            '<link rel="icon" href="page/icon.svg" type="image/svg+xml" />',
            '<link rel="stylesheet" href="page/style.css" />',
            # All at once, not one round trip after another.
            *(f'<link rel="modulepreload" href="{path}" />' for path in list_modules(files, MAIN)),
        )
    )
    scripts = f'<script type="module" src="{MAIN}"></script>'
    policy = _policy("'self' 'wasm-unsafe-eval'", "'self'")
    files["index.html"] = _page(head, scripts, policy)
    paths = sorted(files, key=lambda path: (path.startswith(LATER), path))
    engines = sum(path.endswith(".engine") for path in paths)
    spared = REPLACED if engines == len(assets.MODELS) else OPTIONAL
    hashes = {path: [_integrity(files[path]), not path.startswith(spared)] for path in paths}
    version = hashlib.sha256(json.dumps(hashes).encode()).hexdigest()[:16]
    files["sw.js"] = _render("sw.js", version=version, assets=_embed(list(hashes.items()))).encode()
    files[".nojekyll"] = b""  # GitHub Pages: take the files as they are
    siblings = compress_files(files, out) if compressed else {}
    replace_folder(out, files | siblings)
    return sorted(files)


def build_single_file(models: Path, out: Path) -> None:
    """Write one .html that opens by double-click, models and runtime inside."""
    manifest, contents = assets.read_models(models)
    packed = {
        "worker": assets.bundle(EMBEDDED_WORKER, "iife"),
        "wasm": assets.read_runtime("ort-wasm-simd-threaded.wasm"),
        "manifest": manifest.to_json().encode(),
        "example": assets.read_example(),
        **contents,
    }
    style = (assets.WEB / "page" / "style.css").read_text(encoding="utf-8")
    main = assets.bundle('import "./page/main.js"').decode().replace("</script", "<\\/script")
    icon = base64.b64encode((assets.WEB / "page" / "icon.svg").read_bytes()).decode()
    head = (
        f'<link rel="icon" href="data:image/svg+xml;base64,{icon}" />\n    <style>{style}</style>'
    )
    scripts = "\n    ".join(
        f'<script type="text/plain" id="packed-{name}">{_pack(content)}</script>'
        for name, content in packed.items()
    )
    scripts += f'\n    <script type="module">{main}</script>'
    allowed = f"'{_integrity(main.encode())}' 'wasm-unsafe-eval'"
    policy = _policy(allowed, "blob:", style=f"'{_integrity(style.encode())}'")
    page = _page(head, scripts, policy)
    out.parent.mkdir(parents=True, exist_ok=True)
    beside = out.with_name(f".{out.name}.part")
    beside.write_bytes(page)
    beside.replace(out)


def _policy(scripts: str, connect: str, style: str = "'self'") -> str:
    """Content-Security-Policy: nothing but the page's own files."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {scripts}",
            f"worker-src {connect}",
            f"connect-src {connect}",
            f"style-src {style}",
            "img-src 'self' data:",
            "media-src 'self' blob:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _page(head: str, scripts: str, policy: str) -> bytes:
    texts = assets.texts()
    return _render(
        "index.html",
        head=Markup(head),
        scripts=Markup(scripts),
        policy=Markup(policy),
        text=texts["en"],
        texts=_embed(texts),
        counts=COUNTS,
        picture=list(assets.picture()),
    ).encode()


def _render(template: str, **values: object) -> str:
    environment = Environment(
        loader=FileSystemLoader(assets.WEB / "templates"),
        undefined=StrictUndefined,
        autoescape=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(**values)


def _embed(value: object) -> Markup:
    """JSON that is safe inside a script element."""
    return Markup(json.dumps(value, ensure_ascii=False).replace("<", "\\u003c"))


def _integrity(content: bytes) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content).digest()).decode()


def _pack(content: bytes) -> str:
    """Base64 of gzip, without a timestamp: equal input gives equal output."""
    return base64.b64encode(gzip.compress(content, mtime=0)).decode()


def replace_folder(out: Path, files: Mapping[str, bytes], mark: str = "sw.js") -> None:
    """Write beside, then move into place; what lacks ``mark`` is not ours, and stays."""
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / mark).is_file())):
        raise assets.SiteError(f"{out} was not built by this tool; give another --out")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as beside:
        fresh, old = Path(beside) / "new", Path(beside) / "old"
        for path, content in files.items():
            target = fresh / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        if out.exists():
            out.rename(old)
        shutil.move(fresh, out)
