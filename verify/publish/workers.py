"""The workers that `python -m web notedigger` wrote: of the models that passed, and no others."""

from __future__ import annotations

import json
from pathlib import Path

from export.manifest import Manifest, sha256_of
from verify.publish.app.checkout import FOLDER, WORKERS, Checkout, CheckoutError
from verify.publish.gate import PublishError, require_engine_passed, require_passed

PARTS = "tiny-amt"
"""The folder of what the workers load."""


def require_workers(checkout: Checkout) -> None:
    """CheckoutError unless the app has the two workers that ours take the place of."""
    for name in WORKERS:
        if not (checkout.models / name).is_file():
            raise CheckoutError(
                f"{checkout.root} has no {(FOLDER / name).as_posix()} to replace; publish the two "
                "models alone with --files-only"
            )


def read_workers(folder: Path, models: Path, report: Path) -> dict[str, bytes]:
    """The workers and what they load, by path in the app's folder of workers.

    PublishError if one is missing, is not of the manifest's files, or those did not pass.
    """
    missing = [name for name in WORKERS if not (folder / name).is_file()]
    if missing:
        raise PublishError(
            f"{folder} has no {missing[0]}; run `python -m web notedigger` first, or publish the "
            "two models alone with --files-only"
        )
    manifest = Manifest.read(models)
    require_engine_passed(models, manifest, report)
    stages = [manifest.find_stages(name.removesuffix("_worker.js")) for name in WORKERS]
    require_passed(models, stages, report)
    files = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        files[name] = path.read_bytes()
        if path.suffix not in (".js", ".json") and sha256_of(path) != manifest.hashes.get(
            path.name
        ):
            raise PublishError(f"{path} is not of {models}; run `python -m web notedigger` again")
    for name in WORKERS:
        _check_parts(folder / PARTS / f"{name.removesuffix('_worker.js')}.json", manifest)
    return files


def _check_parts(path: Path, manifest: Manifest) -> None:
    """Whether a worker asks for the manifest's files."""
    try:
        parts = json.loads(path.read_text(encoding="utf-8"))
        asked = [*parts["files"], parts["weights"], *parts["modules"]]
        wrong = [one["path"] for one in asked if manifest.hashes[one["path"]] != one["sha256"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        wrong = [repr(error)]
    if wrong:
        raise PublishError(
            f"{path} asks for other files than the manifest's ({wrong[0]}); "
            "run `python -m web notedigger` again"
        )
