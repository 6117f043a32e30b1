"""The page as a person uses it: open, choose, wait, look, download."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page

from tests.patience import PATIENCE_SECONDS
from tests.stand_in import TUNE

SETTLED = "html:is([data-state=done],[data-state=empty],[data-state=error])"

_KEEP_BLOBS = """
const make = URL.createObjectURL;
window.blobs = {};
URL.createObjectURL = (blob) => {
    const url = make.call(URL, blob);
    window.blobs[url] = blob;
    return url;
};
"""
_READ_BLOB = """async (link) =>
    Array.from(new Uint8Array(await window.blobs[link.href].arrayBuffer()))
"""
_DRAW = """async (canvas) => {
    for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
    return document.getElementById(canvas).toDataURL();
}"""


MOST_DOWNLOADS = 5
"""Of a page: Chromium lets ten follow one another, and then asks its user."""


class PageDriver:
    """A tab with the page open, and all errors of the page.

    The page's Content-Security-Policy forbids eval, which Playwright's wait_for_function needs:
    selectors wait instead.
    """

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page: Page = context.new_page()
        browser = context.browser
        self._firefox = browser is not None and browser.browser_type.name == "firefox"
        self._downloads = 0
        self.page.add_init_script(_KEEP_BLOBS)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.set_default_timeout(1000 * PATIENCE_SECONDS)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on(
            "console",
            lambda message: (
                self.complaints.append(message.text) if message.type == "error" else None
            ),
        )
        self.page.goto(url)

    def pick(self, *files: Path) -> None:
        """Choose files in the picker; more than one as if they were chosen together."""
        self.page.set_input_files("#file", files[0])

    def settle(self) -> str:
        """Wait for a result or an error; return the state."""
        self.page.wait_for_selector(SETTLED)
        return self.state

    def transcribe(self, file: Path) -> str:
        """Pick a file and wait."""
        # Firefox hands it over a moment later: what is on the page is not taken for its result.
        self.page.evaluate("document.documentElement.dataset.state = 'asked'")
        self.pick(file)
        return self.settle()

    def wait(self, selector: str) -> None:
        """Wait until the selector matches something, visible or not."""
        self.page.wait_for_selector(selector, state="attached")

    @property
    def state(self) -> str:
        """The value of data-state."""
        return self.page.locator("html").get_attribute("data-state") or ""

    @property
    def message(self) -> str:
        """The page's message; empty if it is hidden."""
        shown = self.page.locator("#message")
        return (shown.text_content() or "") if shown.is_visible() else ""

    @property
    def notes(self) -> list[dict[str, Any]]:
        """window.transcription.notes."""
        notes: list[dict[str, Any]] = self.page.evaluate("window.transcription.notes")
        return notes

    @property
    def facts(self) -> dict[str, Any]:
        """The facts of the run."""
        facts: dict[str, Any] = self.page.evaluate("window.transcription.facts")
        return facts

    def draw(self, canvas: str) -> str:
        """A canvas, as a data URL, after everything that waits for a frame was drawn.

        A change draws in the next frame; one of the layout, in the frame after that.
        """
        picture: str = self.page.evaluate(_DRAW, canvas)
        return picture

    def by_timbre(self, count: str = "auto") -> None:
        """Ask for timbres."""
        self.page.locator("input[value=timbre]").check(force=True)
        self.page.select_option("#count", count)

    def set_slider(self, name: str, value: float) -> None:
        """Move a slider as a hand would, with an input event."""
        self.page.locator(f"#{name}").evaluate(
            "(slider, value) => { slider.value = value;"
            " slider.dispatchEvent(new Event('input', {bubbles: true})); }",
            value,
        )

    def take(self, kind: str, folder: Path) -> Path:
        """Click a download link; the file."""
        link = self.page.locator(f"#download-{kind}")
        self._downloads += 1
        if self._firefox or self._downloads > MOST_DOWNLOADS:
            # Playwright 1.62 sees no downloads in a Firefox without its patches: read the link's
            # target instead.
            path = folder / (link.get_attribute("download") or "")
            path.write_bytes(bytes(link.evaluate(_READ_BLOB)))
            return path
        with self.page.expect_download() as download:
            link.click()
        path = folder / download.value.suggested_filename
        download.value.save_as(path)
        return path


def check_tune(driver: PageDriver) -> None:
    """Assert that the notes are those that the recording was made from."""
    notes = driver.notes
    assert [note["pitch"] for note in notes] == [pitch for _, _, pitch, _ in TUNE]
    for note, (start, end, _, _) in zip(notes, TUNE, strict=True):
        assert abs(note["start"] - start) < 0.05
        assert abs(note["end"] - end) < 0.1
        assert 0 < note["velocity"] <= 1


def replace_once(path: Path, old: str, new: str) -> None:
    """Change a file of the site; each old text must occur exactly once."""
    content = path.read_text(encoding="utf-8")
    assert content.count(old) == 1, f"{path.name} has changed"
    path.write_text(content.replace(old, new), encoding="utf-8")
