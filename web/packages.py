"""Where onnxruntime-web lies: in a checkout's node_modules, in a folder of the user's, or fetched.

An installed tiny-amt has no node_modules. It fetches the versions of package-lock.json from npm's
registry, once, and keeps them only if their hashes are those of the lock.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
import urllib.request
from pathlib import Path

WEB = Path(__file__).parent
NODE_MODULES = WEB / "node_modules"
FOLDER = "TINY_AMT_RUNTIME"
"""Variable of the environment: a folder with onnxruntime-web in it, as node_modules has it."""
INSTALLED = __name__.startswith("tiny_amt.")
_REGISTRY = "https://registry.npmjs.org"
_SECONDS = 120
_KEPT = (".mjs", ".js", ".wasm")


class PackageError(RuntimeError):
    """A package cannot be had; the message says what to do."""


def find(package: str) -> Path:
    """The folder of a package, whether or not it is there yet."""
    if folder := os.environ.get(FOLDER):
        return Path(folder) / package
    if not INSTALLED:
        return NODE_MODULES / package
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    _, version, digest = _locked(package)
    return cache / "tiny-amt" / f"{package}-{version}-{digest[7:15].replace('/', '_')}"


def get(package: str) -> Path:
    """The folder of a package, fetched where tiny-amt is installed; PackageError if it fails."""
    folder = find(package)
    if INSTALLED and not os.environ.get(FOLDER) and not folder.is_dir():
        name, version, digest = _locked(package)
        registry = os.environ.get("NPM_CONFIG_REGISTRY", _REGISTRY).rstrip("/")
        fetch(f"{registry}/{name}/-/{name}-{version}.tgz", digest, folder)
    return folder


def fetch(address: str, digest: str, folder: Path) -> None:
    """Download a package and unpack what runs of it; PackageError if it is another than locked.

    ``digest`` is npm's: ``sha512-`` and base64. The folder appears whole or not at all.
    """
    try:
        with urllib.request.urlopen(address, timeout=_SECONDS) as answer:
            data: bytes = answer.read()
    except OSError as error:
        raise PackageError(
            f"cannot fetch {address} ({error}); give --runtime-dir DIR with onnxruntime-web in it"
        ) from None
    found = "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()
    if found != digest:
        raise PackageError(f"{address} has the hash {found}, expected {digest}: it is not kept")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as beside:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                name = member.name.removeprefix("package/")
                wanted = name == "package.json" or (
                    name.startswith("dist/") and name.endswith(_KEPT) and name.count("/") == 1
                )
                content = archive.extractfile(member) if wanted and member.isfile() else None
                if content is not None:
                    target = Path(beside) / "unpacked" / name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with target.open("wb") as stream:
                        shutil.copyfileobj(content, stream)
        if not folder.is_dir():  # another process may have been quicker
            (Path(beside) / "unpacked").rename(folder)


def _locked(package: str) -> tuple[str, str, str]:
    """A package's own name, its version and its hash."""
    lock = json.loads((WEB / "package-lock.json").read_text(encoding="utf-8"))
    entry = lock["packages"][f"node_modules/{package}"]
    return entry.get("name", package), entry["version"], entry["integrity"]
