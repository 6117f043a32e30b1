"""What the benchmark measured: dataclasses ↔ bench.json, and pictures of them."""

from __future__ import annotations

import json
import statistics
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from pathlib import Path

import jinja2

from verify.bench.decide import SAME_NOTES, VERDICTS, Decision, Fidelity, decide
from verify.bench.peers import Peer

FILE_NAME = "bench.json"
TEMPLATES = Path(__file__).parent / "templates"
STYLES = Path(__file__).parents[1] / "report" / "templates"
PAPER = {
    "basicamt": "half of basicpitch",
    "onsets_frames": "too slow to deploy",
}
"""What Hu et al. 2025 (arXiv 2509.12712) say of the costs."""


@dataclass(frozen=True)
class Comparison:
    """One file against the baseline of its model, run in turns in one page."""

    runtime: str
    model: str
    name: str
    """The variant, or ``control``: the baseline's own file a second time, which shows the noise."""
    bytes: int
    load_seconds: float
    """CPU time of the session's creation; the page has created one before."""
    cpu_seconds: float
    """Median over the rounds."""
    ratios: tuple[float, ...]
    """CPU time over the baseline's in the same round."""
    multiply_adds: float | None
    """For each second of audio; None where a shape is not known."""
    audio_seconds: float

    @property
    def ratio(self) -> float:
        """Median of the ratios."""
        return statistics.median(self.ratios)

    @property
    def gflops(self) -> float | None:
        """Thousand million operations a second, a multiply-add counted as two."""
        if self.multiply_adds is None:
            return None
        return 2e-9 * self.multiply_adds * self.audio_seconds / self.cpu_seconds


@dataclass(frozen=True)
class Start:
    """One file on one length, in a page of its own."""

    runtime: str
    model: str
    audio_seconds: float
    cold_seconds: float
    """Creation of the page's first session, WebAssembly's compilation included; CPU time."""
    warm_seconds: float
    first_run_seconds: float
    run_seconds: float
    heap_bytes: int
    """Peak of WebAssembly's heap."""


@dataclass(frozen=True)
class Cost:
    """What a network computes, as it was trained."""

    model: str
    parameters: int
    multiply_adds: float | None
    """For each second of audio."""


@dataclass
class Bench:
    """Everything that was measured, and under which settings."""

    made: str
    settings: dict[str, str]
    """Baseline, seconds, rounds, and the SHA-256 of every file."""
    peak_gflops: dict[str, float] = field(default_factory=dict)
    """Of a matrix product, by runtime."""
    costs: list[Cost] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    fidelity: list[Fidelity] = field(default_factory=list)
    """What each file does to the notes."""
    peer: Peer | None = None
    """None where it is not installed; ``absent`` says so."""
    absent: list[str] = field(default_factory=list)
    """Runtimes that this machine has not, and why."""
    failures: list[str] = field(default_factory=list)

    @property
    def decisions(self) -> list[Decision]:
        """Which variants are worth shipping."""
        return list(decide(self.fidelity, self.comparisons))

    def holds(self, runtime: str, model: str) -> bool:
        """Whether a model has been compared in a runtime."""
        return any((c.runtime, c.model) == (runtime, model) for c in self.comparisons)

    def holds_start(self, runtime: str, model: str, seconds: float) -> bool:
        """Whether a model has been started in a runtime on that length."""
        found = ((s.runtime, s.model, s.audio_seconds) for s in self.starts)
        return (runtime, model, seconds) in found

    def holds_fidelity(self, sha256: Collection[str], recordings: tuple[str, ...]) -> bool:
        """Whether all these files have been listened to on these recordings."""
        found = {f.sha256 for f in self.fidelity if f.recordings == recordings}
        return found.issuperset(sha256)


def read(folder: Path) -> Bench | None:
    """What an earlier run left in a folder; None where there is nothing that can be read."""
    try:
        data = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
        del data["decisions"]  # they follow from the rest
        for comparison in data["comparisons"]:
            comparison["ratios"] = tuple(comparison["ratios"])
        for file in data["fidelity"]:
            file |= {key: tuple(file[key]) for key in ("recordings", "recommended_for")}
        if peer := data["peer"]:
            data["peer"] = Peer(**peer | {"ratios": tuple(peer["ratios"])})
        kinds = {
            "costs": Cost, "comparisons": Comparison, "starts": Start, "fidelity": Fidelity
        }  # fmt: skip
        return Bench(**data | {key: [kind(**x) for x in data[key]] for key, kind in kinds.items()})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(bench: Bench, folder: Path) -> None:
    """Write bench.json and bench.html, each into place when it is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([TEMPLATES, STYLES]), autoescape=True, trim_blocks=True
    )
    page = environment.get_template("bench.html").render(
        bench=bench,
        runtimes=list(dict.fromkeys(row.runtime for row in bench.comparisons)),
        paper=PAPER,
        same_notes=SAME_NOTES,
        verdicts=VERDICTS["en"],
    )
    data = asdict(bench) | {"decisions": [asdict(row) for row in bench.decisions]}
    for name, text in {
        FILE_NAME: json.dumps(data, indent=1) + "\n",
        "bench.html": page,
    }.items():
        beside = folder / f"{name}.part"
        beside.write_text(text, encoding="utf-8")
        beside.replace(folder / name)
