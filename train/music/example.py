"""Compose and render the bundled example: twelve seconds for flute, piano and cello.

Our own composition, rendered by fluidsynth with FluidR3 GM (MIT licence, Debian's package
fluid-soundfont-gm). Writes export/example.flac and its score, export/example.mid:

    python -m train.music.example
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import mido
import numpy as np
import soundfile

from export.catalog import RATE_HZ

SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
FOLDER = Path(__file__).parents[2] / "export"
TICKS = 480
TEMPO_BPM = 80
SECONDS = 12.0

# (beat, beats, pitch, velocity): five bars and a little in D minor, three four.
CHORDS = ((50, 57, 62, 65), (55, 58, 62, 67), (57, 61, 64, 67), (50, 57, 62, 65), (58, 62, 65, 70))
MELODY = (
    (0, 1.5, 81, 84),
    (1.5, 0.5, 79, 76),
    (2, 1, 77, 80),
    (3, 1, 79, 84),
    (4, 0.5, 82, 88),
    (4.5, 0.5, 81, 80),
    (5, 1, 79, 80),
    (6, 2, 76, 84),
    (8, 0.5, 73, 76),
    (8.5, 0.5, 76, 80),
    (9, 2, 77, 88),
    (11, 0.5, 74, 74),
    (11.5, 0.5, 76, 78),
    (12, 1, 77, 84),
    (13, 1, 82, 90),
    (14, 1.5, 81, 84),
)
Notes = list[tuple[float, float, int, int]]


def compose() -> dict[int, Notes]:
    """Return the notes by General MIDI program: (beat, beats, pitch, velocity)."""
    piano: Notes = []
    cello: Notes = []
    for bar, chord in enumerate(CHORDS):
        for step, index in enumerate((0, 1, 2, 3, 2, 1)):
            piano.append((bar * 3 + step / 2, 0.9, chord[index], 62 + 6 * (step == 0)))
        cello.append((bar * 3, 2.8, chord[0] - 12, 78))
    return {73: list(MELODY), 0: piano, 42: cello}


def write_score(parts: dict[int, Notes], path: Path) -> None:
    """Write one track per program."""
    score = mido.MidiFile(ticks_per_beat=TICKS)
    for channel, (program, notes) in enumerate(parts.items()):
        track = mido.MidiTrack()
        if not channel:
            track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(TEMPO_BPM)))
        track.append(mido.Message("program_change", channel=channel, program=program))
        events = []
        for beat, beats, pitch, velocity in notes:
            events.append((round(beat * TICKS), "note_on", pitch, velocity))
            events.append((round((beat + beats) * TICKS), "note_off", pitch, 0))
        now = 0
        for tick, kind, pitch, velocity in sorted(events):
            track.append(
                mido.Message(kind, channel=channel, note=pitch, velocity=velocity, time=tick - now)
            )
            now = tick
        score.tracks.append(track)
    score.save(path)


def render(score: Path) -> np.ndarray:
    """Render a score with fluidsynth: float32 mono at RATE_HZ, peak 0.7, SECONDS long."""
    with tempfile.TemporaryDirectory() as folder:
        wave = Path(folder) / "example.wav"
        command = ["fluidsynth", "-ni", "-r", str(RATE_HZ), "-F", str(wave), "-T", "wav"]
        subprocess.run([*command, str(SOUNDFONT), str(score)], check=True, capture_output=True)
        stereo, _ = soundfile.read(wave, dtype="float32", always_2d=True)
    mono = stereo.mean(axis=1)[: round(SECONDS * RATE_HZ)]
    mono[-RATE_HZ // 2 :] *= np.linspace(1, 0, RATE_HZ // 2, dtype=np.float32)
    scaled: np.ndarray = mono * np.float32(0.7 / np.abs(mono).max())
    return scaled


if __name__ == "__main__":
    write_score(compose(), FOLDER / "example.mid")
    soundfile.write(FOLDER / "example.flac", render(FOLDER / "example.mid"), RATE_HZ, "PCM_16")
