"""Verdicts for people, publishers and continuous integration.

``index.html`` is one file that opens from disk; ``report.json`` says which file hashes passed in
which runtimes, and publishing reads it; ``junit.xml`` and ``summary.md`` are for build servers.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from verify.compare import LOOSE
from verify.matrix.kept import hash_code
from verify.matrix.records import LeftOut, Result, Subject, Verdict
from verify.report.junit import to_junit
from verify.report.picture import Exhibit, exhibit
from verify.report.render import render

SCHEMA = 1
BROWSERS = ("chromium", "firefox", "webkit")
_WORDS = {
    "agrees": 0,
    "not started": 1,
    "not supported": 2,
    "stopped": 3,
    "not deterministic": 4,
    "failed": 5,
    "disagrees": 6,
}
"""The higher, the worse: a cell has the worst status of its signals."""


def find_kind(runtime: str) -> str:
    """Browsers whose bytes are compared: onnxruntime-web, or one of the engine's modules."""
    if not runtime.startswith(BROWSERS):
        return ""
    for kind in ("engine", "engine-relaxed"):
        if runtime.endswith(f"-{kind}"):
            return kind
    return "onnxruntime-web"


@dataclass(frozen=True)
class Cell:
    """One file in one runtime, over all its signals."""

    status: str
    agrees: int
    total: int
    worst: float
    """Largest error as a multiple of the tolerance; infinite if something cannot be compared."""
    message: str
    """Of the worst signal."""
    signals: tuple[str, ...]
    """Signals run."""
    identical: bool | None
    """Whether every output equals, bit for bit, those of the first runtime of its kind; None if it
    is that one, or there is none."""

    @property
    def heat(self) -> float:
        """Worst as a share of the tolerance, at most 1."""
        return min(self.worst, 1.0)


@dataclass(frozen=True)
class Report:
    """The verdicts of a run, and everything that is shown with them."""

    subjects: Sequence[Subject]
    result: Result
    left_out: Sequence[LeftOut] = ()
    why: Mapping[str, str] = field(default_factory=dict)
    """The reason for each signal, by name."""
    epsilon: Mapping[str, Any] | None = None
    """The tables of ``python -m verify epsilon``."""
    versions: Mapping[str, str] = field(default_factory=dict)
    plots: Sequence[str] = ()
    """SVG that ``python -m verify lengths`` drew."""
    manifest: str | None = None
    """SHA-256 of the manifest that names the files; None where there is none."""

    def left_out_by_reason(self) -> dict[str, list[str]]:
        """Names by the reason that they share."""
        reasons: dict[str, list[str]] = {}
        for entry in self.left_out:
            reasons.setdefault(entry.reason, []).append(entry.name)
        return reasons

    @property
    def signals(self) -> int:
        """Number of different signals judged."""
        return len({verdict.signal for verdict in self.result.verdicts})

    @property
    def runtimes(self) -> list[str]:
        """In the order of the run."""
        return list(self.result.seconds)

    def verdicts(self, subject: Subject, runtime: str) -> list[Verdict]:
        """Of one file in one runtime."""
        return [
            verdict
            for verdict in self.result.verdicts
            if (verdict.model, verdict.variant, verdict.runtime)
            == (subject.model, subject.variant, runtime)
        ]

    def cell(self, subject: Subject, runtime: str) -> Cell | None:
        """Summarise a file in a runtime; None if it did not run there."""
        verdicts = self.verdicts(subject, runtime)
        if not verdicts:
            return None
        worst = max(verdicts, key=lambda verdict: _WORDS[verdict.status])
        return Cell(
            worst.status,
            sum(verdict.status == "agrees" for verdict in verdicts),
            len(verdicts),
            max(verdict.in_tolerances for verdict in verdicts),
            worst.message,
            tuple(verdict.signal for verdict in verdicts),
            self._is_identical(subject, verdicts),
        )

    def _is_identical(self, subject: Subject, verdicts: Sequence[Verdict]) -> bool | None:
        runtime = verdicts[0].runtime
        kind = find_kind(runtime)
        first = next((name for name in self.runtimes if kind and find_kind(name) == kind), runtime)
        if first == runtime:
            return None
        digests = {one.signal: one.digest for one in self.verdicts(subject, first)}
        both = [one for one in verdicts if digests.get(one.signal)]
        return all(one.digest == digests[one.signal] for one in both) if both else None

    def list_engine_bytes(self) -> list[str]:
        """What the engine's runtimes gave beside one another, in sentences."""
        sentences = []
        for kind in ("engine", "engine-relaxed"):
            names = [name for name in self.runtimes if find_kind(name) == kind]
            cells = {
                name: [self.cell(subject, name) for subject in self.subjects] for name in names[1:]
            }
            known = {
                name: all(found)
                for name, those in cells.items()
                if (found := [one.identical for one in those if one and one.identical is not None])
            }
            if same := [name for name, equal in known.items() if equal]:
                sentences.append(f"{', '.join(same)} gave {names[0]}'s bytes")
            if other := [name for name, equal in known.items() if not equal]:
                sentences.append(f"{', '.join(other)} gave other bytes than {names[0]}")
        return sentences

    def table(self, subject: Subject) -> dict[str, dict[str, Verdict]]:
        """Verdicts of one file by signal and runtime."""
        rows: dict[str, dict[str, Verdict]] = {}
        for verdict in self.result.verdicts:
            if (verdict.model, verdict.variant) == (subject.model, subject.variant):
                rows.setdefault(verdict.signal, {})[verdict.runtime] = verdict
        return rows

    def promises(self) -> list[dict[str, Any]]:
        """Each tolerance in use, with the largest error that it met."""
        rows: dict[tuple[str, str, str], dict[str, Any]] = {}
        for verdict in self.result.verdicts:
            for deviation in verdict.deviations:
                tolerance = deviation.tolerance
                new = {
                    "variant": verdict.variant,
                    "output": deviation.output,
                    "absolute": tolerance.absolute,
                    "relative": tolerance.relative,
                    "measured": 0.0,
                    "reason": tolerance.reason,
                }
                row = rows.setdefault((verdict.variant, deviation.output, tolerance.reason), new)
                row["measured"] = max(row["measured"], deviation.largest_absolute or 0.0)
        for row in rows.values():
            row["loose"] = row["absolute"] > LOOSE * row["measured"]
        return list(rows.values())

    def exhibits(self, subject: Subject) -> list[tuple[Verdict, list[Exhibit]]]:
        """Pictures of the file's worst music and worst case."""
        shown = []
        for evidence in self.result.worst.get((subject.model, subject.variant), []):
            pictures = (
                exhibit(d, evidence.candidate[d.output], evidence.reference[d.output])
                for d in evidence.verdict.deviations
            )
            shown.append((evidence.verdict, [picture for picture in pictures if picture]))
        return shown

    def to_json(self) -> str:
        """Everything but the pictures."""
        files = []
        for subject in self.subjects:
            cells = {runtime: self.cell(subject, runtime) for runtime in self.runtimes}
            judged = {runtime: cell for runtime, cell in cells.items() if cell}
            files.append(
                {
                    "model": subject.model,
                    "variant": subject.variant,
                    "file": subject.file.name,
                    "sha256": subject.sha256,
                    "passed": bool(judged)
                    and all(cell.status == "agrees" for cell in judged.values()),
                    "runtimes": {runtime: asdict(cell) for runtime, cell in judged.items()},
                }
            )
        data = {
            "schema": SCHEMA,
            "code": hash_code(),
            "manifest": self.manifest,
            "passed": self.result.passed,
            "files": files,
            "left_out": [asdict(entry) for entry in self.left_out],
            "versions": {**self.versions, "runtimes": self.result.versions},
            "seconds": self.result.seconds,
            "tolerances": self.promises(),
            "epsilon": self.epsilon,
            "verdicts": [asdict(verdict) for verdict in self.result.verdicts],
        }
        return json.dumps(_finite(data), indent=1, allow_nan=False) + "\n"

    def to_markdown(self) -> str:
        """Write the matrix alone, for the summary of a build."""
        lines = [
            "| file | " + " | ".join(self.runtimes) + " |",
            "| --- " * (len(self.runtimes) + 1) + "|",
        ]
        for subject in self.subjects:
            cells = (self.cell(subject, runtime) for runtime in self.runtimes)
            words = (
                f"{cell.status}, {_times(cell.worst)} × tolerance" if cell else "not run"
                for cell in cells
            )
            lines.append(f"| {subject.name} | " + " | ".join(words) + " |")
        left_out = self.left_out_by_reason().items()
        lines += ["", *(f"Left out: {', '.join(names)} ({reason})." for reason, names in left_out)]
        return "\n".join(lines) + "\n"

    def to_html(self) -> str:
        """One page that needs no other file."""
        return render(
            "report.html",
            report=self,
            now=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            faults=[v for v in self.result.verdicts if v.status != "agrees"],
            times=_times,
        )

    def write(self, folder: Path) -> None:
        """Write all four files; each appears whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in (
            ("index.html", self.to_html()),
            ("report.json", self.to_json()),
            ("junit.xml", to_junit(self.result, self.left_out)),
            ("summary.md", self.to_markdown()),
        ):
            beside = folder / f".{name}.new"
            beside.write_text(text, encoding="utf-8")
            beside.replace(folder / name)


def _times(value: float) -> str:
    """Format an error in tolerances."""
    if not math.isfinite(value):
        return "∞"
    if value < 100:
        return f"{value:.2f}"
    return f"{value:.0f}" if value < 1e5 else f"{value:.0e}"


def _finite(value: Any) -> Any:  # noqa: ANN401  # any JSON
    """Replace infinities, which JSON cannot hold, by null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return value
