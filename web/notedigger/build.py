"""Drop-in workers for noteDigger, and the files that they load, from a folder of models."""

from __future__ import annotations

import hashlib
import json
import subprocess
import tomllib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from export.catalog import MODELS
from export.manifest import Manifest, ModelFile
from web import assets
from web.build import replace_folder

MOST_BYTES = 30 * 1024
"""Of a worker, without the engine and weights."""
FOLDER = "tiny-amt"
"""Beside the workers, as in open.js."""
PROPERTIES = (
    *("model", "variant", "stage", "halo_frames", "path", "bytes", "sha256"),
    *("inputs", "outputs", "rate_hz", "gathers", "recommended_for", "thresholds"),
)
"""Of a stage, that the library reads (StageFile in web/lib/manifest.js)."""
OWN = (
    "^_|^(startFrame|endFrame|toleranceFrames|minimumFrames|dropBefore|rootDegrees|variances|clarity|silent|brief|"
    "unbiasedVariances|isNoise|repaired|embeddings|correction|vectors|rateHz|lengthOf|stretch)$"
)
"""Names of properties that no file, no browser and no other script knows: they are shortened."""
HEADER = """\
/*! noteDigger's {model}_worker.js, made by tiny-amt {version} ({digest}) from web/lib.
 * Weights: {weights}. It takes and posts the messages of the worker that it replaced, and needs
 * the folder {folder}/ beside it.
 * Undo: `make publish NOTEDIGGER=DIR ARGS=--restore` in tiny-amt, or `git checkout` this file.
 */
"""


def build(models: Path) -> dict[str, bytes]:
    """The workers and what they load, by path in the app's folder of workers.

    Raises SiteError or ManifestError if a part is missing or a worker is larger than MOST_BYTES.
    """
    manifest, contents = assets.read_models(models)
    files = {f"{FOLDER}/{path}": content for path, content in contents.items()}
    files[f"{FOLDER}/runtime.js"] = assets.bundle('import "./notedigger/runtime.js"', "iife")
    overtones = read_overtones()
    for model in assets.MODELS:
        parts = json.dumps(select_parts(manifest, model, overtones), sort_keys=True).encode()
        files[f"{FOLDER}/{model}.json"] = parts
        files[f"{model}_worker.js"] = bundle_worker(manifest, model, parts)
    return files


def select_parts(
    manifest: Manifest, model: str, overtones: Mapping[str, object]
) -> dict[str, object]:
    """What a worker needs to know: Parts in open.js; SiteError without weights for the engine."""
    weights = next((file for file in manifest.engines if file.model == model), None)
    if weights is None or not manifest.modules:
        raise assets.SiteError(f"there is no engine for {model}; run `make export` again")
    stages = manifest.find_stages(model)
    return {
        "files": [{name: asdict(stage)[name] for name in PROPERTIES} for stage in stages],
        "weights": asdict(weights),
        "modules": [asdict(module) for module in manifest.modules],
        "overtones": overtones,
    }


def bundle_worker(manifest: Manifest, model: str, parts: bytes) -> bytes:
    """One classic script, saying in its first lines what it is; SiteError if it is too large."""
    sha256 = hashlib.sha256(parts).hexdigest()
    separates = "embedding" in MODELS[model].outputs
    own = json.dumps({"path": f"{model}.json", "sha256": sha256})
    script = assets.bundle(
        'import "./notedigger/worker.js"',
        "iife",
        f"--mangle-props={OWN}",
        f"--define:SEPARATES={json.dumps(separates)}",
        f"--define:PARTS={own}",
    )
    stage: ModelFile = manifest.find_stages(model)[0]
    header = HEADER.format(
        model=model,
        version=read_version(),
        digest=hashlib.sha256(script).hexdigest()[:12],
        weights=stage.weights,
        folder=FOLDER,
    )
    whole = header.encode() + script
    if len(whole) > MOST_BYTES:
        raise assets.SiteError(
            f"{model}_worker.js has {len(whole)} bytes, {MOST_BYTES} are allowed"
        )
    return whole


def read_overtones() -> dict[str, Any]:
    """The library's weights against overtones, which it keeps as JavaScript; SiteError."""
    script = 'console.log(JSON.stringify(await import("./lib/notes/overtone-weights.js")))'
    try:
        done = subprocess.run(
            ["node", "--input-type=module", "--eval", script],
            cwd=assets.WEB,
            capture_output=True,
            check=True,
        )
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        raise assets.SiteError(
            f"node cannot read web/lib/notes/overtone-weights.js: {error}"
        ) from None
    weights: dict[str, Any] = json.loads(done.stdout)
    return weights


def read_version() -> str:
    """The project's."""
    text = (assets.WEB.parent / "pyproject.toml").read_text(encoding="utf-8")
    version: str = tomllib.loads(text)["project"]["version"]
    return version


def write(models: Path, out: Path) -> list[str]:
    """Write the workers and what they load into a folder, in place of earlier ones; their paths."""
    files = build(models)
    replace_folder(out, files, f"{assets.MODELS[0]}_worker.js")
    return sorted(files)
