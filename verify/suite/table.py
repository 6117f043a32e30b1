"""The suite's verdicts sorted into what agrees, what differs and whose fault that is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from verify.matrix.records import Result, Verdict
from verify.runtimes.border import SUFFIX

WORDS = ("agrees", "disagrees", "failed", "not supported", "not deterministic", "stopped",
         "not started", "cannot feed")  # fmt: skip
"""``cannot feed`` is this tool's limit; the rest is the runtime's, or the file's."""


@dataclass(frozen=True)
class Table:
    """What became of each test in each runtime."""

    status: Mapping[str, Mapping[str, str]]
    """By runtime, then by test: one of WORDS."""
    message: Mapping[str, Mapping[str, str]]
    """The same; only where it does not agree."""
    versions: Mapping[str, Mapping[str, str]]

    @property
    def tests(self) -> int:
        """Number of tests."""
        return len({test for tests in self.status.values() for test in tests})

    def count(self, runtime: str, word: str) -> int:
        """Tests of a status."""
        return sum(status == word for status in self.status[runtime].values())

    def only_in(self, runtime: str, baseline: str) -> list[str]:
        """Tests that agree in ``baseline`` and not in ``runtime``."""
        judged, native = self.status[runtime], self.status[baseline]
        return [test for test in judged if judged[test] != "agrees" == native.get(test)]

    def to_json(self) -> str:
        """Everything."""
        data = {"status": self.status, "message": self.message, "versions": self.versions}
        return json.dumps(data, indent=1, sort_keys=True) + "\n"

    def to_markdown(self) -> str:
        """Figures by runtime, and a line for each test that is more than not supported."""
        runtimes = list(self.status)
        lines = [
            f"# {self.tests} node tests of ONNX",
            "",
            "| | " + " | ".join(runtimes) + " |",
            "| --- " + "| ---: " * len(runtimes) + "|",
        ]
        for word in WORDS:
            counts = [self.count(runtime, word) for runtime in runtimes]
            if any(counts):
                lines.append(f"| {word} | " + " | ".join(map(str, counts)) + " |")
        lines += ["", "One alone: `python -m verify onnx-suite --tests NAME --keep DIR`, then "
                  "`python -m verify --model DIR/NAME --runtimes RUNTIME`."]  # fmt: skip
        for runtime in runtimes[1:]:
            lines += self._section(runtime, f"agrees in {runtimes[0]}, not in {runtime}",
                                   self.only_in(runtime, runtimes[0]))  # fmt: skip
        for runtime in runtimes:
            wrong = [t for t, s in self.status[runtime].items() if s in ("disagrees", "failed")]
            lines += self._section(runtime, f"differs or fails in {runtime}", wrong)
            fed = [t for t, s in self.status[runtime].items() if s == "cannot feed"]
            lines += self._section(runtime, f"this tool cannot feed {runtime}", fed)
        versions = "; ".join(
            f"{runtime}: " + ", ".join(f"{tool} {number}" for tool, number in found.items())
            for runtime, found in self.versions.items()
        )
        return "\n".join([*lines, "", versions]) + "\n"

    def _section(self, runtime: str, title: str, tests: Sequence[str]) -> list[str]:
        if not tests:
            return []
        rows = [
            f"- `{test}`: {self.status[runtime][test]}: {_short(self.message[runtime][test])}"
            for test in tests
        ]
        return ["", f"## {len(tests)}: {title}", "", *rows]

    def write(self, folder: Path) -> Path:
        """Write both forms; the readable one."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "onnx-suite.json").write_text(self.to_json(), encoding="utf-8")
        page = folder / "onnx-suite.md"
        page.write_text(self.to_markdown(), encoding="utf-8")
        return page


def sort(result: Result, unfed: Mapping[str, str], runtimes: Sequence[str]) -> Table:
    """A table of verdicts; ``unfed`` are tests that were never run, with the reason."""
    status: dict[str, dict[str, str]] = {runtime: {} for runtime in runtimes}
    message: dict[str, dict[str, str]] = {runtime: {} for runtime in runtimes}
    for runtime in runtimes:
        for test, reason in unfed.items():
            status[runtime][test] = "cannot feed"
            message[runtime][test] = reason
    for verdict in result.verdicts:
        word = judge(verdict)
        before = status[verdict.runtime].get(verdict.model, "agrees")
        if before == "agrees":  # the first data set that does not agree counts
            status[verdict.runtime][verdict.model] = word
            if word != "agrees":
                message[verdict.runtime][verdict.model] = verdict.message
    return Table(status, message, result.versions)


def judge(verdict: Verdict) -> str:
    """A verdict's word; a Cast of ours that a runtime lacks is this tool's limit."""
    ours = SUFFIX in verdict.message or re.search(r"\bCast\b", verdict.message)
    if verdict.status == "not supported" and ours and "cast" not in verdict.model:
        return "cannot feed"
    return verdict.status


def _short(message: str) -> str:
    """One line of a table."""
    return " ".join(message.split())[:240].replace("|", "¦")
