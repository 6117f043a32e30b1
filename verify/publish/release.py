"""Gather a release: the models that passed, their report, the library, and checksums of it all.

python -m verify release [--out DIR]
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from export.manifest import FILE_NAME, Manifest, ManifestError, sha256_of
from verify.publish.app.checkout import FILES, FOLDER
from verify.publish.contract import find_publishable
from verify.publish.gate import PublishError, require_engine_passed, require_passed
from verify.publish.workers import read_workers

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "web"
LICENCE = ROOT / "LICENSE"
NOTEDIGGER = "noteDigger.zip"
"""Models and workers, to be unpacked in the app's folder; the patch needs the app's own scripts."""
CHECKSUMS = "SHA256SUMS.txt"


def main(arguments: Sequence[str]) -> int:
    """Run the command; its exit status, 2 if something may not be released."""
    parser = argparse.ArgumentParser(
        prog="python -m verify release",
        description="Gather all that passed the last `make verify`: models, manifest, report, the "
        "library as npm packs it, what noteDigger gets, and checksums.",
    )
    parser.add_argument("--models", type=Path, default=Path("dist/models"), metavar="DIR")
    parser.add_argument("--report", type=Path, default=Path("dist/report"), metavar="DIR")
    parser.add_argument(
        "--workers",
        type=Path,
        default=Path("dist/notedigger"),
        metavar="DIR",
        help="what `python -m web notedigger` wrote",
    )
    parser.add_argument("--out", type=Path, default=Path("dist/release"), metavar="DIR")
    args = parser.parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    try:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=args.out.parent) as folder:
            whole = Path(folder) / "release"
            with console.status("gather"):
                gather(args.models, args.report, args.workers, whole)
            if args.out.exists():
                shutil.rmtree(args.out)
            whole.rename(args.out)
    except (PublishError, ManifestError, OSError) as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(
            f"error: {error}", style="bold red", markup=False
        )
        return 2
    for line in (args.out / CHECKSUMS).read_text(encoding="utf-8").splitlines():
        console.print(line)
    console.print(f"[bold green]released to[/] {args.out}")
    return 0


def gather(models: Path, report: Path, workers: Path, out: Path) -> None:
    """Write a release to a new folder; PublishError if a file may not be released."""
    manifest = Manifest.read(models)
    require_passed(models, manifest.judged_together(), report)
    require_engine_passed(models, manifest, report)
    find_publishable(models, report)
    app = {name: (models / name).read_bytes() for name in FILES}
    app |= read_workers(workers, models, report)
    out.mkdir()
    for name in (FILE_NAME, *manifest.hashes):
        shutil.copy(models / name, out)
    shutil.copy(report / "index.html", out / "report.html")
    shutil.copy(report / "report.json", out)
    pack_library(out)
    pack_app(out / NOTEDIGGER, app)
    lines = [
        f"{sha256_of(path)}  {path.relative_to(out).as_posix()}"
        for path in sorted(out.rglob("*"))
        if path.is_file()
    ]
    (out / CHECKSUMS).write_text("\n".join(lines) + "\n", encoding="utf-8")


def pack_app(path: Path, files: Mapping[str, bytes]) -> None:
    """Write what lies in the app's folder of workers; the same files give the same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo((FOLDER / name).as_posix())  # of 1980, as by default
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)


def pack_library(out: Path) -> None:
    """Write the library's npm package; PublishError if npm fails."""
    with tempfile.TemporaryDirectory() as folder:
        # npm takes a licence from the package's own folder only; there is one, at the root.
        package = Path(folder) / "package"
        shutil.copytree(LIBRARY, package, ignore=shutil.ignore_patterns("node_modules"))
        (package / "node_modules").symlink_to(LIBRARY / "node_modules")
        shutil.copy(LICENCE, package)
        packed = subprocess.run(
            ["npm", "pack", "--pack-destination", str(out.resolve()), "--loglevel=error"],
            cwd=package,
            capture_output=True,
            text=True,
            check=False,
        )
    if packed.returncode != 0:
        last = (packed.stderr.strip() or packed.stdout.strip()).splitlines()[-1:]
        raise PublishError(f"npm could not pack {LIBRARY}: {' '.join(last)}")
