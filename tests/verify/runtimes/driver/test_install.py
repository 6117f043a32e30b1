"""Browsers that are there and cannot be driven are not found, and others are got instead."""

from __future__ import annotations

import os
import re
from importlib.metadata import version
from pathlib import Path

import pytest

from verify.runtimes.driver import install, launch, trial
from verify.runtimes.driver.launch import BrowserMissingError, BrowserName, Installed
from verify.runtimes.driver.trial import find_fault

OLD = 'case "$*" in *--version*) echo "Mozilla Firefox 140.3.0esr";; *) exit 1;; esac'
BROKEN = {
    "dies at once": ("exit 1", r"version unknown\) cannot be driven: BrowserType\.launch"),
    "is too old": (OLD, r"\(Mozilla Firefox 140\.3\.0esr\) cannot be driven: BrowserType\.launch"),
    "hangs": ("echo $$ >> $0.pids; exec sleep 600", r"cannot be driven: no answer within 1 s"),
    "is no program": (None, r"cannot be driven: BrowserType\.launch"),
}


@pytest.fixture(autouse=True)
def _nothing_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Remember elsewhere, and find no browser but those of ``tmp_path``."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    commands = {"chromium": ("a-chromium",), "firefox": ("a-firefox", "b-firefox"), "webkit": ()}
    monkeypatch.setattr(launch, "_COMMANDS", commands)
    monkeypatch.setattr(launch, "_APPLICATIONS", dict.fromkeys(commands, ()))
    monkeypatch.setattr(install, "_list_bundled", lambda: dict.fromkeys(commands, "/nowhere"))
    trial.read_version.cache_clear()


def write(path: Path, script: str | None) -> Path:
    path.write_text("no program" if script is None else f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("kind", "browser"),
    [
        ("dies at once", "chromium"),
        ("dies at once", "firefox"),
        ("is too old", "firefox"),
        ("hangs", "chromium"),
        ("is no program", "chromium"),
    ],
)
def test_a_browser_of_no_use_is_told_in_one_sentence(
    kind: str, browser: BrowserName, tmp_path: Path
) -> None:
    script, expected = BROKEN[kind]
    path = write(tmp_path / "a-browser", script)
    limit = 1 if kind == "hangs" else trial.LIMIT_SECONDS
    fault = find_fault(Installed(browser, path, bundled=False), limit)
    assert fault is not None
    assert "\n" not in fault
    assert fault.startswith(str(path))
    assert re.search(expected, fault), fault
    assert f"Playwright {version('playwright')} is made for {browser} 1" in fault
    assert fault.endswith("`make browsers` gets another")
    assert not (tmp_path / "cache").exists(), "a failure is not remembered"
    if kind == "hangs":
        for started in (tmp_path / "a-browser.pids").read_text().split():
            with pytest.raises(ProcessLookupError):
                os.kill(int(started), 0)


class Driver:
    """Stands for the trial: drives what is a good browser, and counts."""

    def __init__(self) -> None:
        self.tried: list[str] = []

    def __call__(self, installed: Installed, limit_seconds: float) -> str | None:
        self.tried.append(installed.path.name)
        good = "good" in installed.path.read_text()
        return None if good else "network.addDataCollector: unknown command"


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    driver = Driver()
    monkeypatch.setattr(trial, "_try", driver)
    return driver


def test_the_second_on_the_path_is_taken_where_the_first_cannot_be_driven(
    driver: Driver, tmp_path: Path
) -> None:
    write(tmp_path / "a-firefox", OLD)
    good = write(tmp_path / "b-firefox", "echo good 153")
    assert launch.find("firefox", "/nowhere") == Installed("firefox", good, bundled=False)
    good.unlink()
    message = r"140\.3\.0esr\) cannot be driven: network\.addDataCollector.*`make browsers`"
    with pytest.raises(BrowserMissingError, match=message):
        launch.find("firefox", "/nowhere")
    with pytest.raises(BrowserMissingError, match="chromium is not installed; `make browsers`"):
        launch.find("chromium", "/nowhere")


def test_what_could_be_driven_is_not_tried_again_until_something_changes(
    driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a-chromium", "echo good 156")
    other = write(tmp_path / "b-firefox", "echo good 153")

    def count() -> int:
        trial.read_version.cache_clear()  # as in another process
        driver.tried.clear()
        for one in (path, other):
            assert find_fault(Installed("chromium", one, bundled=False)) is None
        return len(driver.tried)

    assert count() == 2
    assert count() == 0
    os.utime(path, ns=(1, 1))
    assert count() == 1
    write(path, "echo good 157")
    os.utime(path, ns=(1, 1))  # another version at the same time of change
    assert count() == 1
    assert count() == 0
    monkeypatch.setattr("verify.runtimes.driver.trial.version", lambda package: "9.9.9")
    assert count() == 2
    (tmp_path / "cache" / "tiny-amt" / "browsers.json").write_text("damaged")
    assert count() == 2


APT = """echo "apt-get $*" >> {folder}/calls
if [ "$1" = update ]; then touch {folder}/fresh; fi
if [ "$1" = install ]; then
  for name in chromium firefox; do
    case "$*" in *$name*)
      if [ -e {folder}/fresh ]; then echo '#!/bin/sh' > {folder}/a-$name
      echo 'echo good' >> {folder}/a-$name; chmod +x {folder}/a-$name; fi;;
    esac
  done
fi
"""


def get(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, list[str]]:
    """Run ``make browsers`` with an apt-get that knows new browsers after an update alone."""
    write(tmp_path / "apt-get", APT.format(folder=tmp_path))
    write(tmp_path / "sudo", 'exec "$@"')
    monkeypatch.setattr(install, "_download", lambda browsers: None)
    status = install.main([])
    calls = tmp_path / "calls"
    return status, calls.read_text().splitlines() if calls.exists() else []


@pytest.mark.usefixtures("driver")
def test_lists_are_updated_before_a_browser_is_got(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "a-firefox", OLD)
    monkeypatch.setattr(install, "WELCOME", ())
    status, calls = get(tmp_path, monkeypatch)
    assert calls == [
        "apt-get update",
        "apt-get install --yes chromium",
        "apt-get install --yes firefox-esr",
    ]
    assert status == 0
    told = capsys.readouterr().out
    assert "firefox: not found: " in told
    assert "Mozilla Firefox 140.3.0esr" in told
    assert f"firefox: {tmp_path / 'a-firefox'}" in told
    assert get(tmp_path, monkeypatch) == (0, calls), "what is there is not got again"


@pytest.mark.usefixtures("driver")
def test_webkit_is_welcome_but_not_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing() -> None:
        raise BrowserMissingError("webkit is not installed; `make browsers` gets it")

    monkeypatch.setattr("verify.runtimes.driver.webdriver.find", nothing)
    for name in ("chromium", "firefox"):
        write(tmp_path / f"a-{name}", "echo good")
    status, calls = get(tmp_path, monkeypatch)
    assert status == 0
    assert calls == ["apt-get update", "apt-get install --yes webkit2gtk-driver xvfb"]
    assert not install.is_installed("webkit")


@pytest.mark.usefixtures("driver")
def test_what_cannot_be_got_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(install, "_download", lambda browsers: None)
    monkeypatch.setattr(install, "_install_packages", lambda browsers: None)
    monkeypatch.setattr(install, "WELCOME", ())
    write(tmp_path / "a-chromium", "echo good")
    assert install.main([]) == 2
    told = capsys.readouterr().out
    assert "cannot get firefox: " in told
    assert "chromium: not found" not in told
    assert install.main(["--list"]) == 2


@pytest.mark.usefixtures("browsing")
def test_the_browsers_of_this_machine_are_driven_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    assert install.main(["--list"]) == 0
    told = capsys.readouterr().out
    assert "chromium: /" in told
    assert "firefox: /" in told
    monkeypatch.setattr(trial, "_try", lambda *_: pytest.fail("it was tried again"))
    assert install.main(["--list"]) == 0
