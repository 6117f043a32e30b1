"""The page on real recordings, compared with their scores and with upstream's own outputs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mido
import mir_eval
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser

from export.catalog import MODELS
from export.manifest import Manifest, ManifestError
from tests import note_rules
from tests.page_driver import PageDriver
from tests.paths import ROOT
from web.build import build_site
from web.serve import SiteServer

TRAINED = ROOT / "dist" / "models"

Timed = list[tuple[float, float, int]]
"""(start, end, pitch) with times in seconds."""


@pytest.fixture(scope="module")
def driver_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SiteServer]:
    try:
        weights = {file.weights for file in Manifest.read(TRAINED).files}
    except ManifestError as error:
        pytest.skip(str(error))
    if "checkpoint" not in weights:
        pytest.skip("dist/models has no upstream weights: `make export CHECKPOINTS=DIR` first")
    folder = tmp_path_factory.mktemp("trained")
    build_site(TRAINED, folder / "site")
    with SiteServer(folder / "site") as server:
        yield server


def score_of(path: Path) -> Timed:
    time, sounding, notes = 0.0, {}, []
    for message in mido.MidiFile(path):
        time += message.time
        if message.type == "note_on" and message.velocity > 0:
            sounding[message.channel, message.note] = time
        elif message.type in ("note_on", "note_off"):
            notes.append((sounding.pop((message.channel, message.note)), time, message.note))
    assert notes
    return notes


def note_f1(found: Timed, wanted: Timed) -> float:
    """mir_eval's note F1: onset within 50 ms, pitch within 50 cents, offsets not counted."""

    def split(notes: Timed) -> tuple[NDArray[Any], NDArray[Any]]:
        table = np.array(notes)
        return table[:, :2], 440 * 2 ** ((table[:, 2] - 69) / 12)

    f1: float = mir_eval.transcription.precision_recall_f1_overlap(
        *split(wanted), *split(found), onset_tolerance=0.05, offset_ratio=None
    )[2]
    return f1


def upstreams_notes(golden: Path, model: str) -> Timed:
    arrays = np.load(golden)
    onset, frame = (arrays[name][0] / arrays[name].max() for name in ("onset", "frame"))
    notes = note_rules.make_notes(onset, frame, MODELS[model].thresholds)
    seconds = note_rules.seconds
    return [(seconds(note.start_frame), seconds(note.end_frame), note.pitch) for note in notes]


@pytest.mark.parametrize(
    ("model", "clip", "golden"),
    [
        ("basicamt", "piano_short", "basicamt_44100"),
        ("septimbre", "piano_short", "septimbre_44100"),
        ("basicamt", "short_mix", "basicamt_22050_raw"),
        ("septimbre", "short_mix", "septimbre_22050_raw"),
    ],
)
def test_no_worse_than_upstream(
    shared: Path, chromium: Browser, driver_site: SiteServer, model: str, clip: str, golden: str
) -> None:
    wanted = score_of(shared / "audio" / f"{clip}.mid")
    bar = note_f1(upstreams_notes(shared / "golden" / f"{golden}.{clip}.npz", model), wanted)
    assert bar > 0.7, "upstream's own outputs were read wrongly"
    with chromium.new_context() as context:
        driver = PageDriver(context, driver_site.url)
        if model == "septimbre":
            driver.by_timbre("2")
        assert driver.transcribe(shared / "audio" / f"{clip}.wav") == "done"
        notes = [(note["start"], note["end"], note["pitch"]) for note in driver.notes]
        assert driver.facts["model"] == model
    assert note_f1(notes, wanted) >= bar
    shifted = [(start + 0.2, end + 0.2, pitch) for start, end, pitch in notes]
    assert note_f1(shifted, wanted) < 0.5, "the measure does not see notes that come late"
