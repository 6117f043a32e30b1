"""Files that browsers do not read: as WAV of 32-bit floats, or as a true sentence."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.paths import ROOT

CONVERT = """
import { readFileSync, writeFileSync } from "node:fs";
import { convertToWav } from "./web/lib/audio/pcm.js";
for (const path of process.argv.slice(1)) {
  const wav = convertToWav(new Uint8Array(readFileSync(path)));
  if (wav) writeFileSync(`${path}.wav`, new Uint8Array(wav));
}
"""
LOSSLESS = """
import { readFileSync, writeFileSync } from "node:fs";
import { decodeAlac } from "./web/lib/audio/alac.js";
import { findAlac } from "./web/lib/audio/packets.js";
for (const path of process.argv.slice(1)) {
  const alac = findAlac(new Uint8Array(readFileSync(path)));
  if (alac) writeFileSync(`${path}.wav`, new Uint8Array(await decodeAlac(alac)));
}
"""
EXPLAIN = """
import { readFileSync } from "node:fs";
import { whyUnreadable } from "./web/lib/audio/unreadable.js";
const explain = (path) => whyUnreadable(new Uint8Array(readFileSync(path)));
const reasons = process.argv.slice(1).map(explain);
console.log(JSON.stringify(reasons));
"""

TRIM = """
import { readFileSync } from "node:fs";
import { findRecording, readGaps } from "./web/lib/audio/mp3.js";
const gaps = readGaps(new Uint8Array(readFileSync(process.argv[1])));
const { rateHz, whole, frame, delay } = gaps ?? {};
const lengths = process.argv.slice(2).map(Number);
const given = [...lengths, whole - delay - 529, whole, whole + frame];
const parts = gaps && given.map((one) => findRecording(gaps, one / rateHz));
console.log(JSON.stringify({ gaps, parts }));
"""


def run_node(script: str, *files: Path | int) -> str:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs Node")
    command = [node, "--input-type=module", "-e", script, *map(str, files)]
    return subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60
    ).stdout


def test_every_sample_of_aiff_and_of_64_bit_wav_arrives(tmp_path: Path) -> None:
    music = np.random.default_rng(0).uniform(-1, 1, (1001, 2))
    subtypes = ("PCM_S8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")
    forms = [("AIFF", subtype, "FILE") for subtype in subtypes]
    forms += [("AIFF", subtype, "LITTLE") for subtype in ("PCM_16", "PCM_24", "PCM_32")]
    forms += [("WAV", "DOUBLE", "FILE"), ("WAVEX", "DOUBLE", "FILE"), ("RF64", "DOUBLE", "FILE")]
    files = []
    for i, (form, subtype, endian) in enumerate(forms):
        path = tmp_path / f"{i}-{form}-{subtype}-{endian}"
        soundfile.write(path, music, 22_050, subtype=subtype, endian=endian, format=form)
        files.append(path)
    run_node(CONVERT, *files)
    for path in files:
        wanted, _ = soundfile.read(path, dtype="float32")
        found, rate_hz = soundfile.read(f"{path}.wav", dtype="float32")
        assert rate_hz == 22_050
        np.testing.assert_array_equal(found, wanted, err_msg=path.name)
        assert soundfile.info(f"{path}.wav").subtype == "FLOAT"


def test_what_the_browser_reads_rightly_is_left_to_it(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.wav", "b.wav", "c.aiff", "d.wav")]
    soundfile.write(files[0], np.zeros(99), 44_100, subtype="PCM_16")
    soundfile.write(files[1], np.zeros(99), 44_100, subtype="FLOAT")
    soundfile.write(files[2], np.zeros(99), 44_100, subtype="ULAW")
    files[3].write_bytes(b"RIFF")
    run_node(CONVERT, *files)
    assert not list(tmp_path.glob("*.wav.wav")) + list(tmp_path.glob("*.aiff.wav"))


def box(name: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + name + content


def make_mp4(*handlers: bytes) -> bytes:
    tracks = [
        box(b"trak", box(b"mdia", box(b"hdlr", bytes(8) + one + bytes(13)))) for one in handlers
    ]
    return box(b"ftyp", b"isom") + box(b"mdat", bytes(99)) + box(b"moov", b"".join(tracks))


def make_file(form: str = "WAV", samples: int = 999, **options: str) -> bytes:
    content = io.BytesIO()
    soundfile.write(content, np.zeros(samples), 44_100, format=form, **options)
    return content.getvalue()


def test_each_unreadable_file_gets_its_own_reason(tmp_path: Path) -> None:
    webm = b"\x1aE\xdf\xa3" + bytes(40)
    cases = [
        (b"", "empty"),
        (b"this is no music\n" * 99, "text"),
        ("\ufeff這不是音樂，一點也不是。\n".encode() * 9999, "text"),
        (b"MThd" + bytes(20), "notes"),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), "not_sound"),
        (b"PK\x03\x04" + bytes(99), "not_sound"),
        (make_mp4(b"vide"), "no_sound"),
        (make_mp4(b"vide", b"soun"), "format"),
        (webm + b"V_VP9" + bytes(99), "no_sound"),
        (webm + b"V_VP9" + bytes(9) + b"A_OPUS", "format"),
        (make_mp4(b"soun")[:100], "damaged"),  # the list of its tracks was at the end
        (make_file(subtype="PCM_16")[:40], "damaged"),
        (make_file(subtype="PCM_16")[:19], "damaged"),
        (make_file(samples=0), "no_sound"),
        (make_file(subtype="IMA_ADPCM"), "format"),
        (make_file("AIFF", samples=0), "no_sound"),
        (make_file("AIFF", subtype="ULAW"), "format"),
        (make_file("AIFF", subtype="FLOAT")[:90], "damaged"),
        (make_file("CAF", subtype="PCM_16"), "format"),
        (make_file("CAF", subtype="ALAC_16")[:90], "damaged"),
        (make_file("AU"), "format"),
        (b"fLaC" + bytes(99), "damaged"),
        (b"\xff\xf1\x50\x80" + bytes(99), "format"),  # AAC
        (bytes(999), "damaged"),
        (bytes(range(256)) * 9, "unknown"),
        ("今天天气很好。\n".encode("gbk") * 9, "text"),
        ("今天天气很好。\n".encode("utf-16") * 9, "text"),
    ]
    files = []
    for i, (content, _) in enumerate(cases):
        files.append(tmp_path / str(i))
        files[-1].write_bytes(content)
    assert json.loads(run_node(EXPLAIN, *files)) == [reason for _, reason in cases]


@pytest.mark.parametrize(("rate_hz", "channels"), [(44_100, 2), (22_050, 1), (8000, 1)])
def test_what_an_mp3s_encoder_added_is_taken_away(
    tmp_path: Path, rate_hz: int, channels: int
) -> None:
    length = 2 * rate_hz + 77
    music = np.random.default_rng(0).uniform(-0.1, 0.1, (length, channels))
    soundfile.write(tmp_path / "a.mp3", music, rate_hz, format="MP3")
    tagged = tmp_path / "b.mp3"
    tagged.write_bytes(b"ID3\x04\0\0\0\0\x02\0" + bytes(256) + (tmp_path / "a.mp3").read_bytes())
    for path in (tmp_path / "a.mp3", tagged):
        found = json.loads(run_node(TRIM, path, length))
        gaps, (whole, half, untrimmed, tag_too) = found["gaps"], found["parts"]
        assert gaps["whole"] - gaps["delay"] - gaps["padding"] == length
        assert whole is None, "the browser took it away"
        assert half is None
        late = (gaps["delay"] + 529) / rate_hz
        assert late == pytest.approx(1105 / rate_hz)
        assert untrimmed["from"] == pytest.approx(late)
        assert untrimmed["to"] - untrimmed["from"] == pytest.approx(length / rate_hz)
        assert tag_too["from"] == pytest.approx(late + gaps["frame"] / rate_hz)
    plain = tmp_path / "plain.mp3"
    content = (tmp_path / "a.mp3").read_bytes()
    plain.write_bytes(content.replace(b"Info", bytes(4)).replace(b"Xing", bytes(4)))
    assert json.loads(run_node(TRIM, plain, length))["gaps"] is None, "its encoder does not say"


def make_musics() -> dict[str, np.ndarray]:
    """Whatever an encoder meets: tones, noise, silence, jumps; a last packet that is not full."""
    random = np.random.default_rng(1)
    time = np.arange(3 * 4096 + 555) / 44_100
    tone = 0.4 * np.sin(2 * np.pi * 440 * time) + 0.1 * np.sin(2 * np.pi * 1234 * time)
    noise = random.uniform(-1, 1, time.size)
    silence = np.where(time < 0.1, 0.0, 1e-4 * noise)
    jumps = np.sign(np.sin(2 * np.pi * 3 * time)) * 0.999
    return {
        "tones": np.stack([tone, 0.5 * tone + 0.001 * noise], 1),
        "noise": np.stack([noise, random.uniform(-1, 1, time.size)], 1),
        "silence": np.stack([silence, 0 * tone], 1),
        "jumps": np.stack([jumps, -jumps], 1),
        "mono": tone[:, None],
    }


def read_caf(content: bytes) -> tuple[bytes, list[bytes]]:
    """The cookie and the packets of a Core Audio file."""
    chunks, at = {}, 8
    while at < len(content):
        size = int.from_bytes(content[at + 4 : at + 12], "big", signed=True)
        size = len(content) - at - 12 if size < 0 else size
        chunks[content[at : at + 4]] = content[at + 12 : at + 12 + size]
        at += 12 + size
    table, data = chunks[b"pakt"], chunks[b"data"]
    packets, place, at = [], 24, 4
    for _ in range(int.from_bytes(table[:8], "big")):
        size = 0
        while True:
            byte = table[place]
            place += 1
            size = 128 * size + (byte & 127)
            if byte < 128:
                break
        packets.append(data[at : at + size])
        at += size
    return chunks[b"kuki"][-24:], packets


def write_m4a(path: Path, caf: Path) -> Path:
    """The same packets in an MPEG-4 file, two in a chunk."""
    cookie, packets = read_caf(caf.read_bytes())

    def table(*numbers: int) -> bytes:
        return bytes(4) + b"".join(number.to_bytes(4, "big") for number in numbers)

    head = box(b"ftyp", b"M4A ")
    places = [len(head) + 8 + sum(map(len, packets[:i])) for i in range(0, len(packets), 2)]
    entry = box(b"alac", bytes(28) + box(b"alac", bytes(4) + cookie))
    stbl = (
        box(b"stsd", table(1) + entry)
        + box(b"stsz", table(0, len(packets), *map(len, packets)))
        + box(b"stsc", table(1, 1, 2, 1))
        + box(b"stco", table(len(places), *places))
    )
    sound = box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", stbl))))
    path.write_bytes(head + box(b"mdat", b"".join(packets)) + box(b"moov", sound))
    return path


def test_apple_lossless_is_lossless(tmp_path: Path) -> None:
    files = {}
    for name, music in make_musics().items():
        # What it cannot compress, libsndfile 1.2.2 writes wrongly in 20 and in 24 bits.
        for depth in (16, 32) if name == "noise" else (16, 20, 24, 32):
            caf = tmp_path / f"{name}-{depth}.caf"
            soundfile.write(caf, music, 44_100, subtype=f"ALAC_{depth}")
            files[caf] = files[write_m4a(caf.with_suffix(".m4a"), caf)] = music, depth
    run_node(LOSSLESS, *files)
    for path, (music, depth) in files.items():
        found, rate_hz = soundfile.read(f"{path}.wav", dtype="float32", always_2d=True)
        assert rate_hz == 44_100
        step = max(2.0 ** (1 - depth), 2.0**-24)  # a float has no more than 24 bits
        np.testing.assert_allclose(found, music, rtol=0, atol=step, err_msg=path.name)
