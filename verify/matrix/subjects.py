"""Subjects to judge: a manifest's files against PyTorch (anyone's models are in foreign.py).

The reference is PyTorch in float64, computed once for each network and signal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from export.catalog import MODELS
from export.manifest import Manifest, ModelFile, digest_of, sha256_of
from verify.matrix.notes import transcribe
from verify.matrix.records import Case, Subject
from verify.matrix.references import References
from verify.matrix.signals import Signal
from verify.matrix.tolerances import PROMISES, tolerances
from verify.runtimes.runners import Tensors, TorchRunner

if TYPE_CHECKING:
    from torch import nn

SIDE_BY_SIDE = 2
"""Networks whose references are made at once."""
WHOLE_FRAMES = 10**9
"""A chunk longer than any recording."""
Networks = Callable[[Path], "tuple[nn.Module, tuple[str, ...]]"]
"""A file's network and the names of its outputs, as TorchRunner takes them."""


class SubjectError(ValueError):
    """A file cannot be judged; the message says what to do."""


def choose(manifest: Manifest, models: Sequence[str], variants: Sequence[str]) -> list[ModelFile]:
    """The named files of a manifest, all if none is named; SubjectError if one is missing."""
    there_are = {
        "model": (models, {file.model for file in manifest.wholes}),
        "variant": (variants, {str(file.variant) for file in manifest.wholes}),
    }
    for kind, (named, there) in there_are.items():
        for name in named:
            if name not in there:
                raise SubjectError(
                    f"the manifest holds no {kind} {name}; it holds {', '.join(sorted(there))}"
                )
    chosen = [
        file
        for file in manifest.wholes
        if (not models or file.model in models) and (not variants or file.variant in variants)
    ]
    if not chosen:
        raise SubjectError("no file of the manifest was chosen: nothing to compare")
    return chosen


def deployed(
    folder: Path,
    files: Sequence[ModelFile],
    signals: Sequence[Signal],
    networks: Networks,
    advance: Callable[[str], None] = lambda name: None,
    kept: Path | None = None,
    *,
    thorough: bool = True,
) -> list[Subject]:
    """Make references and promises for exported files.

    ``advance`` is called with each reference's name before it is computed, from several threads.
    ``kept`` is a folder for references of earlier runs. Unless ``thorough``, random weights get
    brief signals only. SubjectError if a file is not the manifest's.
    """
    for entry in files:
        prove_file(folder, entry)

    def refer(entry: ModelFile) -> dict[str, Tensors]:
        found = {}
        with TorchRunner("float64", networks) as runner:
            references, once = References(runner, kept), References(runner, None)
            for signal in choose_signals(entry, signals, thorough=thorough):
                advance(f"{entry.model} on {signal.name}")
                source = once if signal.fresh else references
                found[signal.name] = source.make(folder, entry, _inputs(entry, signal))
        return found

    models = {entry.model: entry for entry in reversed(files)}
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        made = dict(zip(models, pool.map(refer, models.values()), strict=True))
    return [
        Subject(
            entry.model,
            entry.variant,
            folder / entry.path,
            entry.sha256,
            tuple(
                _case(entry, signal, made[entry.model][signal.name])
                for signal in choose_signals(entry, signals, thorough=thorough)
            ),
            {output.name: output.dtype for output in entry.outputs},
            entry.thresholds,
        )
        for entry in files
    ]


def choose_signals(
    entry: ModelFile, signals: Sequence[Signal], *, thorough: bool
) -> Sequence[Signal]:
    """The signals for a file: unless ``thorough``, only brief ones for random weights.

    Their networks would take half of all time, and nobody uses the weights.
    """
    brief = [signal for signal in signals if signal.brief]
    return signals if thorough or entry.checkpoint_sha256 or not brief else brief


def streamed(folder: Path, manifest: Manifest, judged: Sequence[Subject]) -> list[Subject]:
    """The stages of fp32 files as subjects, with the files' signals, references and promises."""
    subjects = []
    for whole in judged:
        stages = manifest.find_stages(whole.model)
        if whole.variant != "fp32" or not stages:
            continue
        for stage in stages:
            prove_file(folder, stage)
        sha256 = digest_of(stages)
        subjects.append(replace(whole, variant="streamed", sha256=sha256, stream=manifest))
    return subjects


def on_the_engine(folder: Path, manifest: Manifest, judged: Sequence[Subject]) -> list[Subject]:
    """The same stages on the engine, in one piece and streamed; none if there is no engine."""
    subjects = []
    for whole in judged:
        digests = manifest.engine_digests(whole.model)
        if whole.variant != "fp32" or not digests:
            continue
        prove_engine(folder, manifest)
        for variant, digest in digests.items():
            frames = WHOLE_FRAMES if variant == "engine" else None
            subjects.append(
                replace(
                    whole,
                    variant=variant,
                    sha256=digest,
                    stream=manifest,
                    chunk_frames=frames,
                    engine=True,
                )
            )
    return subjects


def prove_file(folder: Path, entry: ModelFile) -> None:
    """SubjectError if a file is missing, or is not the manifest's."""
    _prove_hash(folder / entry.path, entry.sha256)


def prove_engine(folder: Path, manifest: Manifest) -> None:
    """SubjectError if the engine or weights for it are missing, or are not the manifest's."""
    for weights in manifest.engines:
        _prove_hash(folder / weights.path, weights.sha256)
    for module in manifest.modules:
        _prove_hash(folder / module.path, module.sha256)


def _prove_hash(path: Path, sha256: str) -> None:
    if not path.is_file():
        raise SubjectError(f"{path} does not exist; run `make export` again")
    if sha256_of(path) != sha256:
        raise SubjectError(f"{path} is not the file in the manifest; run `make export` again")


def _inputs(entry: ModelFile, signal: Signal) -> Tensors:
    return {entry.inputs[0].name: signal.samples.reshape(1, 1, -1)}


def _case(entry: ModelFile, signal: Signal, reference: Tensors) -> Case:
    if entry.variant not in PROMISES:
        raise SubjectError(f"variant {entry.variant} promises nothing: add it to tolerances.py")
    promise = PROMISES[entry.variant]
    # Random weights give thousands of notes near every threshold: no use comparing them.
    trained = entry.checkpoint_sha256 is not None
    noted = trained and signal.music and {"onset", "frame"} <= set(MODELS[entry.model].outputs)
    return Case(
        signal.name,
        _inputs(entry, signal),
        reference,
        tolerances(entry.model, entry.variant, signal.name, reference),
        transcribe(reference, entry.thresholds) if noted else None,
        promise.note_f1,
        promise.label_agreement,
    )
