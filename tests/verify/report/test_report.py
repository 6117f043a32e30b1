"""Which runtimes gave the same bytes: each kind among its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from verify.matrix.records import Result, Subject, Verdict
from verify.report.report import Report

SUBJECT = Subject("basicamt", "fp32", Path("basicamt.onnx"), "sha", (), {})
BYTES = {
    "native-full": "n",
    "chromium-wasm": "w",
    "firefox-wasm": "w",
    "node-engine": "e",
    "chromium-engine": "e",
    "firefox-engine": "e",
    "webkit-engine": "e",
    "chromium-engine-relaxed": "r",
    "firefox-engine-relaxed": "r",
}


def make_report(digests: dict[str, str]) -> Report:
    verdicts = [
        Verdict("basicamt", "fp32", runtime, signal, "agrees", "", digest=digest + signal)
        for runtime, digest in digests.items()
        for signal in ("silence", "music")
    ]
    return Report([SUBJECT], Result(verdicts, seconds=dict.fromkeys(digests, 1.0)))


def test_the_engine_is_compared_with_the_engine() -> None:
    report = make_report(BYTES)
    cells = {name: report.cell(SUBJECT, name) for name in BYTES}
    firsts = {"chromium-wasm", "chromium-engine", "chromium-engine-relaxed"}
    firsts |= {"native-full", "node-engine"}  # no browsers
    assert {name: cell.identical for name, cell in cells.items() if cell} == {
        name: None if name in firsts else True for name in BYTES
    }
    assert report.list_engine_bytes() == [
        "firefox-engine, webkit-engine gave chromium-engine's bytes",
        "firefox-engine-relaxed gave chromium-engine-relaxed's bytes",
    ]


@pytest.mark.parametrize("runtime", ["firefox-engine", "firefox-engine-relaxed"])
def test_other_bytes_are_said(runtime: str) -> None:
    report = make_report({**BYTES, runtime: "x"})
    cell = report.cell(SUBJECT, runtime)
    assert cell is not None
    assert cell.identical is False
    assert any(
        sentence.startswith(f"{runtime} gave other bytes than ")
        for sentence in report.list_engine_bytes()
    )


def test_nothing_is_said_of_what_did_not_run() -> None:
    assert make_report({"chromium-engine": "e"}).list_engine_bytes() == []
