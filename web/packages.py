"""Where onnxruntime-web lies: in a checkout's node_modules, in a folder of the user's, or fetched.

An installed tiny-amt has no node_modules. It has npm fetch the versions of package-lock.json, once,
and keeps them only if their hashes are those of the lock.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

WEB = Path(__file__).parent
NODE_MODULES = WEB / "node_modules"
FOLDER = "TINY_AMT_RUNTIME"
"""Variable of the environment: a folder with onnxruntime-web in it, as node_modules has it."""
INSTALLED = __name__.startswith("tiny_amt.")
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
        fetch(f"{name}@{version}", digest, folder)
    return folder


def fetch(package: str, digest: str, folder: Path) -> None:
    """Have npm download a package, and unpack what runs; PackageError if it is another.

    ``digest`` is npm's: ``sha512-`` and base64. The folder appears whole or not at all.
    """
    with tempfile.TemporaryDirectory() as beside:
        data = _download(package, beside)
    found = "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()
    if found != digest:
        raise PackageError(f"{package} has the hash {found}, expected {digest}: it is not kept")
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


def _download(package: str, folder: str) -> bytes:
    """The archive, by npm, which knows the registry and the way to it."""
    command = ["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", folder, package]
    advice = "give --runtime-dir DIR with onnxruntime-web in it"
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    except FileNotFoundError:
        raise PackageError(
            f"cannot fetch {package} without npm: install Node, or {advice}"
        ) from None
    except subprocess.TimeoutExpired:
        raise PackageError(f"npm did not fetch {package} in {_SECONDS} s; {advice}") from None
    archives = list(Path(folder).glob("*.tgz"))
    if done.returncode or len(archives) != 1:
        complaint = " ".join(done.stderr.split())[-200:] or f"status {done.returncode}"
        raise PackageError(f"npm cannot fetch {package} ({complaint}); {advice}")
    return archives[0].read_bytes()


def _locked(package: str) -> tuple[str, str, str]:
    """A package's own name, its version and its hash."""
    lock = json.loads((WEB / "package-lock.json").read_text(encoding="utf-8"))
    entry = lock["packages"][f"node_modules/{package}"]
    return entry.get("name", package), entry["version"], entry["integrity"]
