"""Sources of a model's weights: a folder, the published ones, the bundled ones, or a seed."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pooch
import safetensors

from export.catalog import Model, Thresholds
from export.load.checkpoint import SUFFIXES
from export.manifest import sha256_of

BUNDLED = Path(__file__).parents[1] / "weights"
SEED = 0
RANDOM = f"random, seed {SEED}"

TIMBREAMT = (
    "https://raw.githubusercontent.com/madderscientist/timbreAMT/"
    "10b5a2f889a06164c791f3d6c08b18550f4a5ac9/"
)
TIMBREAMT_FILES = {
    "basicamt": (
        "basicamt/best_basicamt_model.pth",
        "a8639915e7fd1c6e226a40307201795ca903444dc02c46bdb51269cb289c9020",
    ),
    "septimbre": (
        "septimbre/sepamt_model.pth",
        "07372ee865dea18bb38caaf21d32b3071cca67b61c8fb5369846a65406340239",
    ),
    "basicpitch": (
        "basicpitch/basicpitch_model.pth",
        "0d59e0ef28df412bfdb71c185ace1a64463cbc4cb23e8869d52cde27e90e10e0",
    ),
}
"""Path in the public repository (Apache-2.0) and SHA-256, by checkpoint."""
TIMEOUT_SECONDS = 60
THRESHOLD_KEYS = ("frame_threshold", "onset_threshold")
"""Metadata of a .safetensors file."""


class WeightsError(ValueError):
    """A model has no weights; the message says what to do."""


@dataclass(frozen=True)
class Weights:
    """The weights of a model."""

    source: str
    """As the manifest says: ``checkpoint``, ``timbreamt``, ``bundled`` or ``random, seed 0``."""
    path: Path | None
    """None if they are random."""

    @property
    def sha256(self) -> str | None:
        """Of the checkpoint file."""
        return sha256_of(self.path) if self.path else None

    def thresholds(self, model: Model) -> Thresholds:
        """Those that training wrote into the .safetensors file, or else the catalogue's.

        The catalogue's are noteDigger's, for the published weights. Raises WeightsError if the
        file's are not two numbers in [0, 1].
        """
        if self.path is None or self.path.suffix != ".safetensors":
            return model.thresholds
        with safetensors.safe_open(self.path, framework="np") as file:
            stored = file.metadata() or {}
        if not set(THRESHOLD_KEYS) & set(stored):
            return model.thresholds
        try:
            frame, onset = (float(stored[key]) for key in THRESHOLD_KEYS)
        except (KeyError, ValueError):
            frame = onset = float("nan")
        if not (0 <= frame <= 1 and 0 <= onset <= 1):
            found = {key: stored.get(key) for key in THRESHOLD_KEYS}
            raise WeightsError(f"{self.path}: expected two thresholds in [0, 1], found {found}")
        return replace(model.thresholds, frame=frame, onset=onset)


Source = Callable[[Model], Weights | None]
"""Finds a model's weights; None if this source has none."""


def from_folder(folder: Path) -> Source:
    """Take ``{checkpoint}.pth``, ``.pt`` or ``.safetensors`` from a folder."""
    if not folder.is_dir():
        raise WeightsError(
            f"{folder} is not a folder; give one with checkpoints, such as basicamt.pth"
        )

    def find(model: Model) -> Weights | None:
        for suffix in SUFFIXES:
            path = folder / f"{model.checkpoint}{suffix}"
            if path.is_file():
                return Weights("checkpoint", path)
        return None

    return find


def from_timbreamt(cache: Path | None = None, base_url: str = TIMBREAMT) -> Source:
    """Download the published checkpoints, verify them by hash, and keep them in a cache."""
    folder = cache or pooch.os_cache("tiny-amt")

    def find(model: Model) -> Weights | None:
        if model.checkpoint not in TIMBREAMT_FILES:
            return None
        path, sha256 = TIMBREAMT_FILES[model.checkpoint]
        try:
            local = pooch.retrieve(
                base_url + path,
                known_hash=sha256,
                path=folder,
                fname=f"{model.checkpoint}.pth",
                downloader=pooch.HTTPDownloader(timeout=TIMEOUT_SECONDS),
            )
        except ValueError as error:  # from pooch: another hash
            raise WeightsError(
                f"{base_url + path}: {_first_line(error)}; expected SHA-256 {sha256}; "
                "try again, or download it yourself and use CHECKPOINTS=DIR"
            ) from None
        except (OSError, RuntimeError) as error:  # requests' errors are OSErrors
            raise WeightsError(
                f"{base_url + path}: cannot be downloaded ({_first_line(error)}); "
                "check the network, or use CHECKPOINTS=DIR"
            ) from None
        return Weights("timbreamt", Path(local))

    return find


def from_bundle(model: Model) -> Weights | None:
    """Use the weights that come with this project."""
    path = BUNDLED / f"{model.checkpoint}.safetensors"
    return Weights("bundled", path) if path.is_file() else None


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def choose_source(checkpoints: Path | None, weights: str | None) -> Source:
    """The source that the user named, by default the bundled weights."""
    if checkpoints and weights:
        raise WeightsError("give CHECKPOINTS=DIR or WEIGHTS=timbreamt, not both")
    if checkpoints:
        return from_folder(checkpoints)
    if weights == "timbreamt":
        return from_timbreamt(base_url=os.environ.get("TIMBREAMT_URL", TIMBREAMT))
    if weights and weights != "bundled":
        raise WeightsError(f"unknown WEIGHTS={weights}; expected timbreamt or bundled")
    if not any(BUNDLED.glob("*.safetensors")):
        raise WeightsError(
            "no weights come with this version; use CHECKPOINTS=DIR for your own, "
            "or WEIGHTS=timbreamt to download the published ones"
        )
    return from_bundle


def choose_weights(
    models: list[Model], source: Source, asked: bool, baselines: bool = False
) -> dict[str, Weights]:
    """Weights by model, in order; random ones for ``baselines`` that have none.

    A model without weights is an error if it was ``asked`` for by name, and left out otherwise.
    """
    chosen: dict[str, Weights] = {}
    missing: list[str] = []
    for model in models:
        weights = source(model)
        if weights is None and model.baseline and (asked or baselines):
            weights = Weights(RANDOM, None)
        if weights is not None:
            chosen[model.name] = weights
        elif asked:
            missing.append(model.checkpoint)
    if missing or (not any(weights.path for weights in chosen.values()) and not asked):
        wanted = ", ".join(sorted(set(missing or (model.checkpoint for model in models))))
        raise WeightsError(
            f"no checkpoint for {wanted}; expected a file of that name ending in "
            f"{', '.join(SUFFIXES)}; or choose other models with --models"
        )
    return chosen
