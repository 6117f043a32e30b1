"""The MIDI files of the library, read by three programs' readers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pretty_midi
import pytest
import symusic

from tests.paths import ROOT
from tests.patience import PATIENCE_SECONDS
from web.node import run_node

SCRIPT = """
import { readFileSync, writeFileSync } from "node:fs";
import { toMidi } from "%s";
const [request, path] = process.argv.slice(1);
const { notes, ...options } = JSON.parse(readFileSync(request, "utf8"));
writeFileSync(path, toMidi(notes, options));
""" % (ROOT / "web" / "lib" / "notes" / "midi.js").as_uri()  # noqa: UP031 (braces are the script's)

Times = list[tuple[int, float, float]]


def write(folder: Path, notes: Times, **options: object) -> Path:
    request, path = folder / "request.json", folder / "made.mid"
    rows = [
        {"pitch": pitch, "start": start, "end": end, "velocity": 0.5, "timbre": 0}
        for pitch, start, end in notes
    ]
    request.write_text(json.dumps({"notes": rows, **options}))
    run_node("--input-type=module", "-e", SCRIPT, request, path, limit_seconds=PATIENCE_SECONDS)
    return path


def by_mido(path: Path) -> Times:
    now, sounding, notes = 0.0, {}, []
    for message in mido.MidiFile(path):
        now += message.time
        if message.type == "note_on":
            sounding[message.note] = now
        elif message.type == "note_off":
            notes.append((message.note, sounding.pop(message.note), now))
    return notes


def by_pretty_midi(path: Path) -> Times:
    (instrument,) = pretty_midi.PrettyMIDI(str(path)).instruments
    return [(note.pitch, note.start, note.end) for note in instrument.notes]


def by_symusic(path: Path) -> Times:
    # In ticks: its seconds are float32, and off by 5 ms after two hours of changing tempo.
    score: Any = symusic.Score(path)  # its stub leaves out what the class builds at run time
    ticks = np.array([tempo.time for tempo in score.tempos])
    per_tick = np.array([tempo.mspq for tempo in score.tempos]) / 1e6 / score.tpq
    at = np.concatenate([[0], np.cumsum(np.diff(ticks) * per_tick[:-1])])

    def clock(tick: int) -> float:
        i = int(np.searchsorted(ticks, tick, "right")) - 1
        return float(at[i] + (tick - ticks[i]) * per_tick[i])

    (track,) = score.tracks
    return [(note.pitch, clock(note.start), clock(note.end)) for note in track.notes]


@pytest.mark.parametrize("read", [by_mido, by_pretty_midi, by_symusic])
@pytest.mark.parametrize("seconds", [1, 300, 7200])
@pytest.mark.parametrize("rubato", [False, True])
def test_times_are_read_back_to_a_millisecond(
    read: Callable[[Path], Times], seconds: int, rubato: bool, tmp_path: Path
) -> None:
    random = np.random.default_rng(seconds)
    starts = np.sort(random.uniform(0, seconds - 0.2, 40))
    notes = [(30 + i, start, start + random.uniform(0.02, 0.2)) for i, start in enumerate(starts)]
    options = {}
    if rubato:
        beats = 0.4 + np.cumsum(random.uniform(0.4, 0.9, int(seconds / 0.65) + 2))
        options = {"beats": beats.tolist()}
    path = write(tmp_path, notes, **options)
    found = sorted(read(path))
    assert [note[0] for note in found] == [note[0] for note in notes]
    found_times, times = (np.array([note[1:] for note in some]) for some in (found, notes))
    np.testing.assert_allclose(found_times, times, atol=1.001e-3, rtol=0)
    assert np.abs(found_times + 0.003 - times).max() > 1.001e-3, (
        "the check sees notes that are late"
    )


def test_beats_are_where_pretty_midi_sees_them(tmp_path: Path) -> None:
    beats = [0.6, 1.1, 1.65, 2.15, 2.6, 3.2]
    path = write(tmp_path, [(60, 0.6, 3.2)], beats=beats)
    np.testing.assert_allclose(
        pretty_midi.PrettyMIDI(str(path)).get_beats()[1:6], beats[:5], atol=1e-3
    )


def test_a_chinese_name_is_kept(tmp_path: Path) -> None:
    path = write(tmp_path, [(60, 0, 1)], name="月光", names=["長笛"])
    names = [track.name for track in mido.MidiFile(path, charset="utf8").tracks]
    assert names == ["月光", "長笛"]


def test_bars_begin_where_pretty_midi_sees_them(tmp_path: Path) -> None:
    beats = [0.6, 1.1, 1.6, 2.1, 2.6, 3.1, 3.6, 4.1, 4.6]
    bars = {"meter": 3, "first": 1}
    path = write(tmp_path, [(60, 0.6, 4.6)], beats=beats, bars=bars)
    downbeats = pretty_midi.PrettyMIDI(str(path)).get_downbeats()
    np.testing.assert_allclose(downbeats[1:4], beats[1:8:3], atol=1e-3)
    plain = pretty_midi.PrettyMIDI(str(write(tmp_path, [(60, 0.6, 4.6)], beats=beats)))
    assert abs(plain.get_downbeats()[1] - beats[1]) > 0.1, "the check sees bars from the beginning"
