"""The gate: only files that the last report passed leave the project."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from export.manifest import FILE_NAME, Manifest, ModelFile, digest_of, sha256_of
from verify.matrix.kept import hash_code

NEEDED = frozenset(("example", "silence"))
"""Signals that every file must have been judged on: music, and silence, which once gave NaN."""


class PublishError(ValueError):
    """A file may not be published; the message says what is missing and how to get it."""


class Judged(NamedTuple):
    """A file's result in one runtime, from the report."""

    status: str
    signals: frozenset[str]


def require_passed(
    models: Path, together: Iterable[Sequence[ModelFile]], report: Path
) -> dict[str, tuple[str, ...]]:
    """The runtimes in which files passed music and silence, by the name of the first of each group.

    ``together`` holds what is judged as one: a whole file, or the stages of a model. Raises
    PublishError if a file is not the manifest's, was not judged, or did not pass, or if the
    manifest is another one.
    """
    judged = read_report(report / "report.json")
    passed = {}
    for files in together:
        for file in files:
            _require_unchanged(models, file)
        first = files[0]
        what = f"{first.model}, streamed" if first.stage else str(models / first.path)
        passed[first.path] = _find_runtimes(judged, digest_of(files), what, report)
    _require_manifest(models, report)
    return passed


def _require_manifest(models: Path, report: Path) -> None:
    """PublishError if thresholds or anything else of the manifest changed since it was judged."""
    data = json.loads((report / "report.json").read_text(encoding="utf-8"))
    path = models / FILE_NAME
    if data.get("manifest") != sha256_of(path):
        raise PublishError(f"{path} is not what {report} judged; run `make verify` again")


def require_engine_passed(models: Path, manifest: Manifest, report: Path) -> None:
    """PublishError unless the engine passed with each model's weights, whole and streamed."""
    judged = read_report(report / "report.json")
    for path, sha256 in manifest.hashes.items():
        if not (models / path).is_file() or sha256_of(models / path) != sha256:
            raise PublishError(f"{models / path} has changed since it was made; run `make export`")
    for weights in manifest.engines:
        for how, digest in manifest.engine_digests(weights.model).items():
            _find_runtimes(judged, digest, f"{weights.model}, {how}", report)


def _require_unchanged(models: Path, entry: ModelFile) -> None:
    path = models / entry.path
    if not path.is_file() or sha256_of(path) != entry.sha256:
        raise PublishError(f"{path} has changed since it was made; run `make export`")


def _find_runtimes(
    judged: dict[str, dict[str, Judged]], sha256: str, what: str, report: Path
) -> tuple[str, ...]:
    runtimes = judged.get(sha256)
    if runtimes is None:
        raise PublishError(
            f"{what} (SHA-256 {sha256[:12]}…) is not what {report} judged; run `make verify` again"
        )
    if not runtimes:  # not judged is not passed
        raise PublishError(f"{what} was judged in no runtime by {report}; run `make verify` again")
    bad = sorted(runtime for runtime, cell in runtimes.items() if cell.status != "agrees")
    if bad:
        raise PublishError(f"{what} did not pass in {', '.join(bad)}; see {report}/index.html")
    whole = tuple(runtime for runtime, cell in runtimes.items() if cell.signals >= NEEDED)
    if not whole:
        needed = " and ".join(sorted(NEEDED))
        raise PublishError(f"{what} was not judged on {needed}; run `make verify` with all signals")
    return whole


def read_report(path: Path) -> dict[str, dict[str, Judged]]:
    """Results of the report by SHA-256 and runtime.

    PublishError where it is not a report, or where the code that runs and compares has changed.
    """
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        code = data["code"]
        judged = {
            file["sha256"]: {
                name: Judged(cell["status"], frozenset(cell["signals"]))
                for name, cell in file["runtimes"].items()
            }
            for file in data["files"]
        }
    except FileNotFoundError:
        raise PublishError(f"{path} does not exist; run `make verify` first") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PublishError(f"{path} is not a report ({error}); run `make verify`") from None
    if code != hash_code():
        raise PublishError(f"{path} is of other code than this; run `make verify` again")
    return judged
