"""What is heard is what is saved: tempo, grid, muted timbres and their names."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import mido
import numpy as np
import pytest
from playwright.sync_api import Browser

from tests.page_driver import PageDriver, replace_once
from tests.stand_in import TUNE
from web.serve import SiteServer


@pytest.fixture(scope="module")
def driver(browser: Browser, folder: Path) -> Iterator[PageDriver]:
    """The tune by timbre, on one page for the tests of this file."""
    context = browser.new_context(locale="en-GB")
    with SiteServer(folder / "site") as server:
        driver = PageDriver(context, server.url)
        driver.by_timbre("2")
        assert driver.transcribe(folder / "tune.wav") == "done"
        yield driver
        assert driver.complaints == []
        driver.page.close()
    context.close()


def take_midi(driver: PageDriver, folder: Path) -> mido.MidiFile:
    return mido.MidiFile(driver.take("mid", folder), charset="utf-8")


def starts(midi: mido.MidiFile) -> list[float]:
    """Seconds at which notes begin."""
    time, found = 0.0, []
    for message in midi:
        time += message.time
        if message.type == "note_on":
            found.append(time)
    return found


def tempos(midi: mido.MidiFile) -> list[float]:
    return [mido.tempo2bpm(one.tempo) for one in midi.tracks[0] if one.type == "set_tempo"]


def tracks(midi: mido.MidiFile) -> list[str]:
    return [track.name for track in midi.tracks[1:]]


def check_times(midi: mido.MidiFile) -> None:
    """Whatever the tempo, notes sound when they were played."""
    assert starts(midi) == pytest.approx([start for start, _, _, _ in TUNE], abs=0.05)


def test_the_tempo_is_found_and_can_be_overruled(driver: PageDriver, tmp_path: Path) -> None:
    page, field = driver.page, driver.page.locator("#bpm")
    assert float(field.input_value()) == pytest.approx(120, abs=1)
    midi = take_midi(driver, tmp_path)
    assert tempos(midi)[-1] == pytest.approx(120, abs=1)
    check_times(midi)
    for button, bpm in (("halve", 60), ("double", 120)):
        page.click(f"#{button}")
        assert float(field.input_value()) == pytest.approx(bpm, abs=1)
        midi = take_midi(driver, tmp_path)
        assert tempos(midi)[-1] == pytest.approx(bpm, abs=1)
        check_times(midi)
    field.fill("９６,5 BPM")
    field.press("Enter")
    midi = take_midi(driver, tmp_path)
    assert tempos(midi)[-1] == pytest.approx(96.5, abs=0.01)
    check_times(midi)
    page.locator("#tap").evaluate("""(button) => {
        for (const at of [1000, 1600, 2200, 2800]) {
            const click = new MouseEvent("click", { bubbles: true });
            Object.defineProperty(click, "timeStamp", { value: at });
            button.dispatchEvent(click);
        }
    }""")
    assert float(field.input_value()) == pytest.approx(100)
    assert "Yours" in (page.locator("#tempo-found").text_content() or "")
    field.fill("")
    field.press("Enter")
    assert float(field.input_value()) == pytest.approx(120, abs=1)


def test_notes_snap_to_a_grid_only_if_asked(driver: PageDriver, tmp_path: Path) -> None:
    page = driver.page
    beats = json.loads(driver.take("json", tmp_path).read_text(encoding="utf-8"))["beats"]
    assert 0.4 < beats[1] - beats[0] < 0.6

    def off() -> float:
        """The largest distance of a note from the grid, in parts of it."""
        places = 2 * np.interp(starts(take_midi(driver, tmp_path)), beats, np.arange(len(beats)))
        return float(np.abs(places - places.round()).max())

    assert off() > 0.01
    page.select_option("#grid", "2")
    assert off() < 0.005
    page.select_option("#grid", "0")
    assert off() > 0.01


def test_bars_follow_the_chosen_meter(driver: PageDriver, tmp_path: Path) -> None:
    page = driver.page

    def meter() -> int:
        heading = take_midi(driver, tmp_path).tracks[0]
        return int([event.numerator for event in heading if event.type == "time_signature"][-1])

    found = meter()
    assert page.locator("#meter option").first.text_content() == f"{found}/4, as found"
    for wanted in (7 - found, found):
        page.select_option("#meter", str(wanted))
        assert meter() == wanted
    page.select_option("#meter", "0")
    assert meter() == found


def test_what_is_muted_is_not_saved_and_each_timbre_has_its_file(
    driver: PageDriver, tmp_path: Path
) -> None:
    page = driver.page
    name = page.locator(".timbre-name").first
    name.fill("Flöte 笛")
    name.press("Enter")
    assert tracks(take_midi(driver, tmp_path)) == ["Flöte 笛", "Timbre 2"]
    page.locator(".mute").first.click()
    midi = take_midi(driver, tmp_path)
    assert tracks(midi) == ["Timbre 2"]
    assert len(starts(midi)) == len(TUNE) / 2
    rows = driver.take("csv", tmp_path).read_text(encoding="utf-8-sig").splitlines()
    assert len(rows) == 1 + len(TUNE) / 2
    page.locator(".mute").last.click()
    assert page.locator("#download-mid").get_attribute("href") is None, "nothing is heard"
    for mute in page.locator(".mute").all():
        mute.click()
    assert len(starts(take_midi(driver, tmp_path))) == len(TUNE)
    assert page.context.browser
    if page.context.browser.browser_type.name == "chromium":
        with page.expect_download() as download:
            page.locator(".save").first.click()
        assert download.value.suggested_filename == "tune - Flöte 笛.mid"
        download.value.save_as(tmp_path / "one.mid")
        assert tracks(mido.MidiFile(tmp_path / "one.mid", charset="utf-8")) == ["Flöte 笛"]


def test_bar_lines_stand_in_the_roll(driver: PageDriver) -> None:
    page = driver.page
    pictures = []
    for bpm in ("50", "", "50"):
        page.locator("#bpm").fill(bpm)
        page.locator("#bpm").press("Enter")
        pictures.append(driver.draw("sheet"))
    assert pictures[0] == pictures[2] != pictures[1]


def test_overtones_can_be_kept(driver: PageDriver) -> None:
    driver.page.check("#overtones")
    driver.wait("html[data-state=done]")
    driver.page.click("#reset")
    assert not driver.page.is_checked("#overtones")


def test_where_there_may_be_two_timbres_the_visitor_decides(
    browser: Browser, folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(folder / "site", tmp_path / "site")
    choose = tmp_path / "site" / "lib" / "timbres" / "choose.js"
    replace_once(choose, "odds >= limits.CERTAIN ? 2 : 1", "1")
    replace_once(choose, "odds >= limits.LIKELY ? 2 : 1", "2")
    context = browser.new_context(locale="en-GB", service_workers="block")
    with SiteServer(tmp_path / "site") as server:
        driver = PageDriver(context, server.url)
        driver.by_timbre("auto")
        assert driver.transcribe(folder / "tune.wav") == "done"
        summary = driver.page.locator("#summary")
        assert "perhaps in 2 timbres" in (summary.text_content() or "")
        assert {note["timbre"] for note in driver.notes} == {0}
        driver.page.click(".split")
        driver.wait(".chip:nth-child(2)")
        assert summary.text_content() == "12 notes in 2 timbres, C4 to D5"
        assert {note["timbre"] for note in driver.notes} == {0, 1}
        assert driver.page.locator("#count").input_value() == "2"
        for mute in driver.page.locator(".mute").all():
            mute.click()
        assert driver.page.locator("#download-mid").get_attribute("href") is None
        driver.page.select_option("#count", "auto")
        driver.wait(".split")
        assert driver.page.locator("#download-mid").get_attribute("href"), "muted for good"
        driver.page.close()
    context.close()
