"""From a recording to notes on the page and in files, in real browsers."""

from __future__ import annotations

import csv
import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile
from playwright.sync_api import Browser

from tests.page_driver import PageDriver, check_tune
from tests.patience import wait_until
from tests.stand_in import TUNE, Tune, make_tune, write_tune
from web.serve import SiteServer


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[SiteServer]:
    with SiteServer(folder / "site") as server:
        yield server


@pytest.fixture(scope="module")
def visit(browser: Browser, site: SiteServer) -> Iterator[PageDriver]:
    """One visitor, who stays for every test."""
    with browser.new_context(locale="en-GB", service_workers="block") as context:
        yield PageDriver(context, site.url)


@pytest.fixture
def driver(visit: PageDriver, site: SiteServer) -> Iterator[PageDriver]:
    """The page with nothing chosen or under way; what the last test transcribed may be on it."""
    if not visit.page.locator(UNSPOILT).count():
        visit.page.reload()
    visit.complaints.clear()
    visit.requests.clear()
    yield visit
    strangers = [one for one in visit.requests if not one.startswith((site.url, "blob:", "data:"))]
    assert strangers == []


UNSPOILT = (
    "html:is([data-state=idle],[data-state=done]):has(input[value=together]:checked)"
    ":not(:has(#message:not([hidden])))"
)


@pytest.fixture(scope="module")
def tune(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tune(tmp_path_factory.mktemp("tune") / "a tune.wav")


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four minutes: time enough to do something else meanwhile."""
    notes: Tune = [(30 * i, 30 * i + 1, 60, 0) for i in range(8)]
    return write_tune(tmp_path_factory.mktemp("long") / "long.wav", tune=notes)


def test_the_example_gives_notes(driver: PageDriver) -> None:
    driver.page.reload()
    assert driver.state == "idle"
    driver.page.click("#example")
    assert driver.settle() == "done"
    assert len(driver.notes) > 0
    assert driver.facts["model"] == "basicamt"
    assert driver.complaints == []


def test_a_picked_file_gives_its_notes_and_they_can_be_taken_home(
    driver: PageDriver, tune: Path, tmp_path: Path
) -> None:
    assert driver.transcribe(tune) == "done"
    check_tune(driver)
    notes = driver.notes
    taken = midi_notes(mido.MidiFile(driver.take("mid", tmp_path)))
    assert [(pitch, channel) for _, _, pitch, channel in taken] == [(n["pitch"], 0) for n in notes]
    for (start, end, _, _), note in zip(taken, notes, strict=True):
        assert (start, end) == pytest.approx((note["start"], note["end"]), abs=1e-3)
    with driver.take("csv", tmp_path).open(encoding="utf-8-sig") as lines:
        rows = list(csv.DictReader(lines))
    assert [int(row["pitch"]) for row in rows] == [note["pitch"] for note in notes]
    assert float(rows[0]["start_seconds"]) == pytest.approx(notes[0]["start"], abs=1e-6)
    path = driver.take("json", tmp_path)
    assert path.name == "a tune.json"
    assert json.loads(path.read_text(encoding="utf-8"))["notes"] == notes
    assert driver.complaints == []


def midi_notes(midi: mido.MidiFile) -> list[tuple[float, float, int, int]]:
    """(start, end, pitch, channel) with times in seconds to the microsecond, by start."""
    time, sounding, notes = 0.0, {}, []
    for message in midi:
        time += message.time
        if message.type == "note_on":
            sounding[message.channel, message.note] = time
        elif message.type == "note_off":
            start = sounding.pop((message.channel, message.note))
            notes.append((round(start, 6), round(time, 6), message.note, message.channel))
    assert not sounding
    return sorted(notes)


def test_of_two_dropped_files_the_first_is_taken_and_the_page_says_so(
    driver: PageDriver, tune: Path, tmp_path: Path
) -> None:
    other = write_tune(tmp_path / "other.wav", tune=TUNE[:2])
    drop(driver, [tune, other])
    assert driver.settle() == "done"
    check_tune(driver)
    assert "a tune.wav" in driver.message


def drop(driver: PageDriver, files: list[Path]) -> None:
    contents = [[file.name, b64encode(file.read_bytes()).decode()] for file in files]
    driver.page.evaluate(
        """files => {
            const data = new DataTransfer();
            for (const [name, bytes] of files) {
                const content = Uint8Array.from(atob(bytes), (one) => one.charCodeAt(0));
                data.items.add(new File([content], name));
            }
            const area = document.querySelector("#intake");
            for (const type of ["dragenter", "dragover", "drop"]) {
                area.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true }));
            }
        }""",
        contents,
    )


def test_timbres_are_separated_and_counted(driver: PageDriver, tune: Path, tmp_path: Path) -> None:
    driver.by_timbre("2")
    assert driver.transcribe(tune) == "done"
    assert driver.facts["model"] == "septimbre"
    voices = [voice for _, _, _, voice in TUNE]
    assert [note["timbre"] for note in driver.notes] == voices
    assert driver.page.locator(".chip").count() == 2
    midi = mido.MidiFile(driver.take("mid", tmp_path))
    assert len(midi.tracks) == 3
    assert [channel for _, _, _, channel in midi_notes(midi)] == voices
    runs = len([one for one in driver.requests if one.endswith(".onnx")])
    driver.page.select_option("#count", "3")
    driver.wait(".chip:nth-child(3)")
    assert {note["timbre"] for note in driver.notes} == {0, 1, 2}
    assert len([one for one in driver.requests if one.endswith(".onnx")]) == runs


def test_thresholds_change_the_notes_without_the_network(driver: PageDriver, tune: Path) -> None:
    driver.transcribe(tune)
    asked = len(driver.requests)
    driver.set_slider("onset-threshold", 0.98)
    driver.set_slider("frame-threshold", 0.98)
    driver.set_slider("minimum-length", 40)
    driver.wait("html[data-state=empty]")
    assert driver.notes == []
    assert "No notes found" in driver.message
    assert driver.page.locator("#download-mid").get_attribute("href") is None
    driver.page.click("#reset")
    driver.wait("html[data-state=done]")
    check_tune(driver)
    assert driver.message == ""
    assert not [one for one in driver.requests[asked:] if one.endswith((".onnx", ".wasm"))]


def test_timbres_of_notes_that_only_low_thresholds_find(driver: PageDriver, tune: Path) -> None:
    driver.by_timbre("2")
    assert driver.transcribe(tune) == "done"
    found = len(driver.notes)
    asked = len(driver.requests)
    driver.set_slider("frame-threshold", 0.02)  # no embeddings are kept so far down
    driver.wait(f"#summary:not(:has-text('{found} notes'))")
    driver.wait("html[data-state=done]")
    assert len(driver.notes) > found
    assert {note["timbre"] for note in driver.notes} == {0, 1}
    assert driver.page.locator("#progress").is_hidden()
    driver.page.click("#reset")
    driver.wait(f"#summary:has-text('{found} notes')")
    check_tune(driver)
    assert not [one for one in driver.requests[asked:] if one.endswith((".onnx", ".wasm"))]
    assert driver.complaints == []


@pytest.mark.parametrize("rate_hz", [22_050, 48_000])
def test_any_rate_gives_the_same_notes(driver: PageDriver, tmp_path: Path, rate_hz: int) -> None:
    assert driver.transcribe(write_tune(tmp_path / "tune.flac", rate_hz=rate_hz)) == "done"
    check_tune(driver)


def test_what_browsers_do_not_read_is_read_all_the_same(driver: PageDriver, tmp_path: Path) -> None:
    for name, subtype in (
        ("double.wav", "DOUBLE"),
        ("tune.aiff", "PCM_24"),
        ("tune.aifc", "FLOAT"),
    ):
        form = "WAV" if subtype == "DOUBLE" else "AIFF"
        soundfile.write(tmp_path / name, make_tune(), 44_100, subtype=subtype, format=form)
        driver.transcribe(tmp_path / name)
        driver.wait(f"#name:has-text('{name}')")
        check_tune(driver)
        assert driver.page.locator("#length").text_content() == "0:06"


UNTRIMMED = """
const decode = OfflineAudioContext.prototype.decodeAudioData;
OfflineAudioContext.prototype.decodeAudioData = async function (content) {
    const trimmed = await decode.call(this, content);
    const late = Math.round(1105 / 8000 * 44100);  // at 8 kHz
    const whole = 1152 / 2 * Math.ceil((trimmed.length * 8000 / 44100 + 1105) / 576) / 8000;
    const length = Math.round(whole * 44100);
    const buffer = new AudioBuffer({ length, sampleRate: 44100 });
    buffer.copyToChannel(trimmed.getChannelData(0), 0, late);
    return buffer;
};
"""


def test_an_mp3_that_the_browser_did_not_trim_is_not_late(
    driver: PageDriver, tmp_path: Path
) -> None:
    file = write_tune(tmp_path / "tune.mp3", rate_hz=8000)
    own = PageDriver(driver.page.context, driver.page.url)
    own.page.add_init_script(UNTRIMMED)
    own.page.reload()
    assert own.transcribe(file) == "done"
    check_tune(own)
    assert own.page.evaluate("document.querySelector('#length').textContent") == "0:06"
    own.page.close()


def test_silence_is_no_error(driver: PageDriver, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silence.wav", np.zeros(44_100), 44_100)
    assert driver.transcribe(tmp_path / "silence.wav") == "empty"
    assert driver.notes == []
    assert "silent" in driver.message


@pytest.mark.parametrize("samples", [1, 8191, 44_100])
def test_short_recordings_are_borne(driver: PageDriver, tmp_path: Path, samples: int) -> None:
    soundfile.write(tmp_path / "short.wav", make_tune()[11_025 : 11_025 + samples], 44_100)
    state = driver.transcribe(tmp_path / "short.wav")
    if samples > 8191:
        assert state == "done"
    else:
        assert state == "empty"
        assert driver.notes == []
        assert "shorter than a fifth of a second" in driver.message


def test_what_cannot_be_read_is_said_and_the_next_file_works(
    driver: PageDriver, tune: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.mp3"
    broken.write_bytes(b"this is no music" * 999)
    driver.pick(broken)
    driver.wait("html[data-state=error]")
    assert driver.message == "broken.mp3 cannot be read: it holds text, not sound."
    (tmp_path / "empty.wav").write_bytes(b"")
    driver.pick(tmp_path / "empty.wav")
    driver.wait("#message:has-text('empty')")
    (tmp_path / "picture.mp3").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99))
    driver.pick(tmp_path / "picture.mp3")
    driver.wait("#message:has-text('picture.mp3 cannot be read: it is no recording.')")
    assert driver.transcribe(tune) == "done"
    check_tune(driver)
    assert driver.message == ""


def test_a_second_file_takes_the_place_of_the_first(
    driver: PageDriver, tune: Path, long: Path
) -> None:
    driver.pick(long)
    driver.wait("html[data-state=working]")
    driver.pick(tune)
    driver.wait("#name:has-text('a tune.wav')")
    assert driver.settle() == "done"
    check_tune(driver)


def test_three_files_in_a_row_leave_one_worker(
    browser: Browser, driver: PageDriver, tune: Path
) -> None:
    if browser.browser_type.name == "firefox":
        pytest.skip("Firefox's WebDriver BiDi tells of no workers")
    for _ in range(3):
        assert driver.transcribe(tune) == "done"
        check_tune(driver)
        # All that a recording needs, WebAssembly's memory too, goes with its worker.
        # One that was ended is reported gone a moment later.
        wait_until(lambda: count_workers(driver) == 1, lambda: driver.page.wait_for_timeout(100))


def count_workers(driver: PageDriver) -> int:
    return sum(worker.url.endswith("worker.js") for worker in driver.page.workers)


def test_a_run_can_be_cancelled_and_another_started(
    driver: PageDriver, tune: Path, long: Path
) -> None:
    driver.page.reload()
    driver.pick(long)
    driver.wait("html[data-state=working]")
    driver.page.click("#cancel")
    driver.wait("html[data-state=idle]")
    assert "Cancelled" in driver.message
    driver.wait("#file:focus")
    assert driver.transcribe(tune) == "done"
    check_tune(driver)


def test_what_is_on_the_page_stays_until_the_next_is_there(
    driver: PageDriver, tune: Path, long: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.mp3").write_bytes(b"this is no music" * 999)
    assert driver.transcribe(tune) == "done"
    driver.set_slider("minimum-length", 7)
    driver.pick(tmp_path / "broken.mp3")
    driver.wait("html[data-state=error]")
    check_kept(driver, tmp_path)
    driver.page.focus("#scroller")
    driver.page.keyboard.press("ArrowRight")
    place = driver.page.locator("#options").bounding_box()
    driver.pick(long)
    driver.wait("html[data-state=working]")
    assert driver.page.locator("#message").is_hidden()
    assert driver.page.locator("#options").bounding_box() == place, "the page jumps"
    check_kept(driver, tmp_path)
    driver.page.click("#cancel")
    driver.wait("html[data-state=done]")
    assert "Cancelled" in driver.message
    check_kept(driver, tmp_path)
    driver.set_slider("minimum-length", 40)  # its notes can still be made again
    driver.wait("html[data-state=empty]")
    driver.page.click("#reset")
    driver.wait("html[data-state=done]")
    driver.set_slider("minimum-length", 12)
    short = write_tune(tmp_path / "short.wav", tune=TUNE[:2])
    driver.transcribe(short)
    driver.wait("#name:has-text('short.wav')")
    assert len(driver.notes) == 2
    assert driver.page.locator("#now").text_content() == "0:00", "where the other one was"
    assert driver.page.locator("#minimum-length").input_value() == "6", "another file's threshold"
    assert driver.complaints == []


def check_kept(driver: PageDriver, folder: Path) -> None:
    """The first recording's notes are there, to be seen, heard and taken home."""
    assert driver.page.locator("#name").text_content() == "a tune.wav"
    check_tune(driver)
    assert driver.page.locator("#play").is_visible()
    assert driver.page.locator("#length").text_content() == "0:06"
    assert driver.page.locator("#minimum-length").input_value() == "7"
    assert len(midi_notes(mido.MidiFile(driver.take("mid", folder)))) == len(TUNE)
