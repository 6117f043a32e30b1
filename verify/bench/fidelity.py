"""A variant's notes beside fp32's, in native onnxruntime."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import brotli
import numpy as np
import soundfile
from scipy.signal import resample_poly

from export.catalog import RATE_HZ
from export.example import EXAMPLE
from export.manifest import ModelFile
from verify.bench.decide import REFERENCE, Fidelity
from verify.compare import DisagreementError
from verify.matrix.notes import NoteError, Transcription, agree, transcribe
from verify.runtimes.runners import NativeRunner, RunnerError

BESIDE = (Path("../shared/audio"), Path("../shared/real"))
"""Folders of music that may be beside the checkout, and are used if they are."""
SUFFIXES = (".wav", ".flac")


def find_recordings(paths: Sequence[Path] = ()) -> list[Path]:
    """The bundled recording, and those in ``paths``, or else those beside the checkout.

    A folder stands for its recordings. RunnerError if one of ``paths`` does not exist.
    """
    if missing := [path for path in paths if not path.exists()]:
        raise RunnerError(f"{missing[0]} does not exist; give recordings, or folders of them")
    found = [EXAMPLE]
    for path in paths or [folder for folder in BESIDE if folder.is_dir()]:
        if path.is_dir():
            found += sorted(file for file in path.iterdir() if file.suffix in SUFFIXES)
        else:
            found.append(path)
    names = [path.stem for path in found]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise RunnerError(f"two recordings are called {twice[0]}; rename one")
    return found


def read(path: Path) -> np.ndarray:
    """A recording, its channels summed: float32 (1, 1, samples) at RATE_HZ."""
    try:
        samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        raise RunnerError(f"{path} cannot be read as audio: {error}") from None
    audio = resample_poly(samples.sum(axis=1), RATE_HZ, rate_hz).astype(np.float32)
    waveform: np.ndarray = audio[None, None]
    return waveform


def measure(
    folder: Path, files: Mapping[str, ModelFile], recordings: Sequence[Path]
) -> Iterator[Fidelity]:
    """A model's files by variant, fp32 among them, on every recording.

    RunnerError if fp32 is missing, a file does not run, or there is no note to compare.
    """
    if REFERENCE not in files:
        have = ", ".join(files) or "nothing"
        raise RunnerError(f"variants are compared with {REFERENCE}; {folder} holds {have}")
    music = {path.stem: read(path) for path in recordings}
    reference = _transcribe_all(folder, files[REFERENCE], music)
    for variant, file in files.items():
        made = reference if variant == REFERENCE else _transcribe_all(folder, file, music)
        try:
            agreements = [agree(made[name], reference[name]) for name in music]
        except DisagreementError as error:
            raise RunnerError(f"{file.path}: {error}") from None
        total = sum(each.notes + each.notes_reference for each in agreements)
        shared = sum(each.f1 * (each.notes + each.notes_reference) for each in agreements)
        content = (folder / file.path).read_bytes()
        yield Fidelity(
            model=file.model,
            variant=variant,
            sha256=file.sha256,
            bytes=file.bytes,
            compressed_bytes=len(brotli.compress(content)),
            f1=shared / total,
            least_f1=min(each.f1 for each in agreements),
            notes=sum(each.notes_reference for each in agreements),
            recordings=tuple(music),
            recommended_for=tuple(file.recommended_for or ()),
        )


def _transcribe_all(
    folder: Path, file: ModelFile, music: Mapping[str, np.ndarray]
) -> dict[str, Transcription]:
    made = {}
    with NativeRunner("full") as runner:
        runner.load(folder / file.path)
        for name, audio in music.items():
            outputs = runner.run({file.inputs[0].name: audio})
            if bad := [key for key, array in outputs.items() if not np.isfinite(array).all()]:
                raise RunnerError(f"{file.path}: {bad[0]} of {name} is not finite")
            activations = {key: outputs[key] for key in ("onset", "frame")}
            try:
                made[name] = transcribe(activations, file.thresholds)
            except NoteError as error:
                raise RunnerError(str(error)) from None
    return made
