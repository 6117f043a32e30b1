"""noteDigger itself, driven through its own page as its user does."""

from __future__ import annotations

import mimetypes
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from verify.runtimes.app_workers import MOUNT, START_SECONDS, serve_app
from verify.runtimes.driver.launch import BrowserMissingError, BrowserName
from verify.runtimes.driver.tab import PlaywrightTab, TabError
from verify.runtimes.memory import Watch, read_memory
from verify.runtimes.runners import HangError, RunnerError

ENTRIES = {"basicamt": "人工智障扒谱", "septimbre": "音色分离扒谱"}
"""The app's menu entries by model; `Analyser` has a method of the model's name."""
NOTHING = "there are no notes in this recording"
"""What a worker warns of where the app would raise: it then gives no answer (worker.js)."""
POLL_SECONDS = 0.25

# The app gives no sign when it is done: wrap the method it calls, and keep its promise.
_WATCH = """([name]) => {
    globalThis.watched = null;
    const method = app.Analyser[name];
    app.Analyser[name] = (...args) => {
        globalThis.began = Date.now() / 1000;
        const result = method.apply(app.Analyser, args);
        if (result instanceof Promise) globalThis.watched = result;
        return result;
    };
}"""
_CLICK_ENTRY = """([text]) => {
    const entries = [...document.querySelectorAll("#analysePannel > li")];
    entries.find((entry) => entry.textContent.includes(text)).click();
}"""
_CLICK_IMPORT = """() => document.querySelector("#filePannel > li:first-child").click()"""
_UNTIL = """const until = async (find) => {
    for (;;) {
        const found = find();
        if (found) return found;
        await new Promise((resume) => setTimeout(resume, 20));
    }
};"""
_READY = f"""async () => {{ {_UNTIL} await until(() => globalThis.app && globalThis.AI); }}"""
_CONFIRM = f"""async () => {{ {_UNTIL}
    (await until(() => document.querySelector(".request-cover .ui-confirm"))).click();
}}"""
_IMPORTED = f"""async () => {{ {_UNTIL} await until(() => app.Spectrogram._spectrogram); }}"""
_DONE = f"""async ([ms]) => {{ {_UNTIL}
    const pause = new Promise((resume) => setTimeout(resume, ms));
    const done = until(() => globalThis.watched).then((run) => run).then(() => true);
    const answer = await Promise.race([done, pause]);
    return [answer === true, document.querySelector(".tiny-amt-run span")?.textContent ?? ""];
}}"""
_DECODE = """async ([url]) => {
    const bytes = await (await fetch(url)).arrayBuffer();
    const context = new OfflineAudioContext(1, 1, 44100);
    return context.decodeAudioData(bytes).then(({ duration }) => duration, () => -1);
}"""
# Firefox without Playwright's patches has no file chooser to answer: the input is answered instead.
_CHOOSE = """async ([url, name, type]) => {
    const file = new File([await (await fetch(url)).blob()], name, { type });
    const click = HTMLInputElement.prototype.click;
    HTMLInputElement.prototype.click = function () {
        if (this.type !== "file") return click.call(this);
        HTMLInputElement.prototype.click = click;
        const chosen = new DataTransfer();
        chosen.items.add(file);
        this.files = chosen.files;
        this.dispatchEvent(new Event("input", { bubbles: true }));
        this.dispatchEvent(new Event("change", { bubbles: true }));
    };
}"""
_NOTES = """() => app.MidiAction.midi.map(({x1, x2, y, ch}) => ({x1, x2, y, ch, dt: app.dt}))"""
_BEGAN = "() => globalThis.began"
_TRACKS = "() => app.MidiAction.channelDiv.channel.length"


@dataclass(frozen=True)
class AppRun:
    """What the app's user has after a transcription."""

    notes: tuple[Mapping[str, float], ...]
    """Of the tracks that it added: x1 and x2 in units of dt ms, y from 24, ch the track."""
    tracks: int
    """Those that the app added; an empty one too."""
    complaints: tuple[str, ...]
    """Messages to the user, and errors in the page."""
    began: float
    """``time.time()`` when the file was decoded, and the app gave it to its worker."""


@dataclass(frozen=True)
class Usage:
    """What the page's process has taken so far, with all its workers."""

    process: int
    cpu_seconds: float
    memory_bytes: int
    """Without garbage."""


class AppPage:
    """The app in ``root``, open while its block lasts; ``replaced`` and ``seed`` as AppWorkers.

    RunnerError if the page is not noteDigger's, HangError at the limit.
    """

    def __init__(
        self,
        root: Path,
        workers: Sequence[str],
        replaced: Mapping[str, bytes],
        *,
        browser: BrowserName = "chromium",
        seed: int = 0,
        limit_seconds: float = 600,
    ) -> None:
        self._server = serve_app(root, workers, replaced, seed)
        self._browser: BrowserName = browser
        self._limit = limit_seconds

    def __enter__(self) -> Self:
        self._server.__enter__()
        self.tab = PlaywrightTab(self._browser)
        self._end = time.monotonic() + self._limit
        try:
            self._do("open the page", self._open)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.tab.close()
        self._server.__exit__(None, None, None)

    def _open(self) -> None:
        self.tab.open(f"{self._server.url}{MOUNT}/index.html", START_SECONDS)
        self.tab.evaluate(_READY, [], START_SECONDS)

    def decode(self, audio: Path) -> float:
        """Seconds of a recording; RunnerError if the browser cannot decode it."""
        with self._laid(audio) as url:
            seconds = float(self._evaluate("decode the recording", _DECODE, url))
        if seconds < 0:
            raise RunnerError(f"{audio} is no audio that {self._browser} can decode")
        return seconds

    def import_audio(self, audio: Path) -> None:
        """As the user does before anything else."""
        self._choose("import", _CLICK_IMPORT, [], audio)
        self._evaluate("confirm the import", _CONFIRM)
        self._evaluate("import", _IMPORTED)

    def transcribe(self, model: str, audio: Path, on_step: Callable[[str], None]) -> AppRun:
        """A transcription by the app's menu, as the user chooses it; tracks are added to others."""
        self._evaluate("watch", _WATCH, model)
        tracks = int(self._evaluate("count tracks", _TRACKS))
        complaints, warnings = len(self.tab.complaints), len(self.tab.warnings)
        self._choose(model, _CLICK_ENTRY, [ENTRIES[model]], audio)
        if model == "septimbre":
            self._evaluate("confirm septimbre", _CONFIRM)
        ended = False
        while not ended:
            ended, share = self._evaluate(model, _DONE, 1000 * POLL_SECONDS)
            if share:
                on_step(share)
            ended = ended or any(NOTHING in text for text in self.tab.warnings[warnings:])
        found: list[dict[str, Any]] = self._evaluate("read the notes", _NOTES)
        return AppRun(
            tuple(note for note in found if note["ch"] >= tracks),
            int(self._evaluate("count tracks", _TRACKS)) - tracks,
            tuple(self.tab.complaints[complaints:]),
            float(self._evaluate("read the time", _BEGAN)),
        )

    def watch(self) -> Watch:
        """Watches the page's memory while its block lasts; RunnerError as for ``measure``."""
        return Watch(int(one["id"]) for one in self._list_renderers())

    def measure(self) -> Usage:
        """RunnerError but in Chromium on Linux."""
        self._do("collect garbage", lambda: self.tab.collect_garbage(START_SECONDS))
        own = max(self._list_renderers(), key=lambda one: float(one["cpuTime"]))
        process = int(own["id"])
        return Usage(process, float(own["cpuTime"]), read_memory(str(process))["VmRSS"])

    def _list_renderers(self) -> list[dict[str, Any]]:
        processes = self._do("measure", lambda: self.tab.list_processes(START_SECONDS))
        if processes is None:
            raise RunnerError("only Chromium says what a page's process takes")
        return [one for one in processes if one["type"] == "renderer"]

    def _choose(self, what: str, function: str, arguments: Sequence[object], file: Path) -> None:
        """Give the file to the input that a function opens."""
        kind = mimetypes.guess_type(file.name)[0] or "audio/wav"
        with self._laid(file) as url:
            self._evaluate(what, _CHOOSE, url, file.name, kind)
        self._evaluate(what, function, *arguments)

    @contextmanager
    def _laid(self, file: Path) -> Iterator[str]:
        url = self._server.lay(file.read_bytes())
        try:
            yield url
        finally:
            del self._server.blobs[url]

    def _evaluate(self, what: str, function: str, *arguments: object) -> Any:  # noqa: ANN401  # what the page returned
        left = self._left()
        return self._do(what, lambda: self.tab.evaluate(function, arguments, left))

    def _left(self) -> float:
        return max(0.001, self._end - time.monotonic())

    def _do(self, what: str, work: Callable[[], Any]) -> Any:  # noqa: ANN401  # what the page returned
        try:
            return work()
        except TimeoutError:
            said = "; ".join(["", *self.tab.complaints])
            raise HangError(f"noteDigger: timed out in {what}{said}") from None
        except (TabError, BrowserMissingError) as error:
            raise RunnerError(f"noteDigger: {what}: {error}") from None
