"""Results of the benchmark: dataclasses ↔ bench.json, and its page."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from pathlib import Path

from verify.bench.decide import SAME_NOTES, VERDICTS, Decision, Fidelity, decide
from verify.bench.measure import Comparison
from verify.bench.peers import Peer
from verify.bench.starts import Start
from verify.report.render import render

FILE_NAME = "bench.json"
TEMPLATES = Path(__file__).parent / "templates"


@dataclass
class Bench:
    """All results, and the settings behind them."""

    made: str
    settings: dict[str, str]
    """Baseline, seconds, rounds, and the SHA-256 of every file."""
    comparisons: list[Comparison] = field(default_factory=list)
    fidelity: list[Fidelity] = field(default_factory=list)
    """Each file's notes beside fp32's."""
    peer: Peer | None = None
    """None if it is not installed; ``absent`` says so."""
    starts: list[Start] = field(default_factory=list)
    """First runs in fresh browsers."""
    absent: list[str] = field(default_factory=list)
    """Runtimes that this machine lacks, and why."""
    failures: list[str] = field(default_factory=list)

    @property
    def decisions(self) -> list[Decision]:
        """The verdict on each variant."""
        return list(decide(self.fidelity, self.comparisons))

    def holds(self, runtime: str, model: str) -> bool:
        """Whether a model has been compared in a runtime."""
        return any((c.runtime, c.model) == (runtime, model) for c in self.comparisons)

    def holds_fidelity(self, sha256: Collection[str], recordings: tuple[str, ...]) -> bool:
        """Whether the notes of all these files on these recordings are known."""
        found = {f.sha256 for f in self.fidelity if f.recordings == recordings}
        return found.issuperset(sha256)


def read(folder: Path) -> Bench | None:
    """Results of an earlier run in a folder; None if there are none that can be read."""
    try:
        data = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
        del data["decisions"]  # they follow from the rest
        for comparison in data["comparisons"]:
            comparison["ratios"] = tuple(comparison["ratios"])
        for file in data["fidelity"]:
            file |= {key: tuple(file[key]) for key in ("recordings", "recommended_for")}
        if peer := data["peer"]:
            ratios = {name: tuple(those) for name, those in peer["ratios"].items()}
            data["peer"] = Peer(**peer | {"ratios": ratios})
        for start in data["starts"]:
            start["ratios"] = tuple(start["ratios"])
        kinds = {"comparisons": Comparison, "fidelity": Fidelity, "starts": Start}
        return Bench(**data | {key: [kind(**x) for x in data[key]] for key, kind in kinds.items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write(bench: Bench, folder: Path) -> None:
    """Write bench.json and bench.html, each moved into place when complete."""
    folder.mkdir(parents=True, exist_ok=True)
    page = render(
        "bench.html",
        TEMPLATES,
        bench=bench,
        runtimes=list(dict.fromkeys(row.runtime for row in bench.comparisons)),
        same_notes=SAME_NOTES,
        verdicts=VERDICTS,
    )
    data = asdict(bench) | {"decisions": [asdict(row) for row in bench.decisions]}
    for name, text in {
        FILE_NAME: json.dumps(data, indent=1) + "\n",
        "bench.html": page,
    }.items():
        beside = folder / f"{name}.part"
        beside.write_text(text, encoding="utf-8")
        beside.replace(folder / name)
