"""Who may import whom in Python; tests/js/walls.test.js holds the same of JavaScript.

A wall is a rule in RULES. What a rule cannot hold yet stands in EXCEPTIONS, with the reason.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

import pytest

from tests.paths import ROOT

OURS = ("export", "train", "verify", "web")
ROOMS = ("bench", "bisect", "epsilon", "matrix", "publish", "report", "suite")
"""Of verify; ``runtimes`` rests on the ruler alone, and ``cases`` on these two."""


@dataclass(frozen=True)
class Rule:
    """Modules within ``who``, but not within ``unless``, import nothing of ``never`` but ``but``.

    All are packages or modules, which stand for all that is in them; "" stands for everything.
    """

    says: str
    who: tuple[str, ...]
    never: tuple[str, ...]
    planted: tuple[str, str]
    """A module, and a line in it that breaks the rule."""
    but: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    only_at_start: bool = False
    """Imports inside functions, and those for types alone, are allowed."""


RULES = (
    Rule(
        "nobody imports verify, except its ruler, which imports nothing of ours",
        who=("export", "train", "web"),
        never=("verify",),
        but=("verify.compare",),
        planted=("export.build", "from verify.matrix import subjects"),
    ),
    Rule(
        "the ruler imports numpy, and nothing else that is not Python's own",
        who=("verify.compare",),
        never=("",),
        but=("numpy", *sys.stdlib_module_names),
        planted=("verify.compare", "import export.catalog"),
    ),
    Rule(
        "nobody imports train",
        who=("export", "verify", "web"),
        never=("train",),
        planted=("verify.matrix.signals", "def f():\n    from train.music import example"),
    ),
    Rule(
        "nobody imports web, except what serves pages, finds packages, or runs the library in Node",
        who=("export", "train", "verify"),
        never=("web",),
        but=("web.node", "web.packages", "web.serve"),
        planted=("train.judge.measure", "import web.build"),
    ),
    Rule(
        "web reads the manifest, the catalogue and the engine's layout, and nothing else of export",
        who=("web",),
        never=("export",),
        but=("export.manifest", "export.catalog", "export.layout"),
        planted=("web.assets", "from export.build import build"),
    ),
    Rule(
        "verify reads what export says of its files, and has it build the networks",
        who=("verify",),
        never=("export",),
        but=(
            "export.catalog",
            "export.describe",
            "export.example",
            "export.graph.constants",  # what it says of a file's
            "export.load",
            "export.manifest",
            "export.nets.stages",
        ),
        unless=("verify.epsilon",),  # the laboratory asks our exporter too
        planted=("verify.matrix.matrix", "from export.graph import trace"),
    ),
    Rule(
        "networks know what the catalogue says, and nothing of graphs and files",
        who=("export.nets",),
        never=("export",),
        but=("export.nets", "export.catalog", "export.manifest"),
        planted=("export.nets.basicamt", "import export.graph.trace"),
    ),
    Rule(
        "music is made without knowing who learns from it",
        who=("train.music",),
        never=("train",),
        but=("train.music",),
        planted=("train.music.scores", "from train.learn import losses"),
    ),
    Rule(
        "what runs a file rests on the ruler alone",
        who=("verify.runtimes",),
        never=("verify",),
        but=("verify.runtimes", "verify.compare"),
        planted=("verify.runtimes.session", "from verify.matrix import plan"),
    ),
    Rule(
        "what drives a browser knows nothing of what runs in it",
        who=("verify.runtimes.driver",),
        never=("verify",),
        but=("verify.runtimes.driver", "verify.runtimes.failures", "verify.runtimes.ourselves"),
        planted=("verify.runtimes.driver.tab", "from verify.runtimes.runners import Runner"),
    ),
    Rule(
        "cases rest on what runs a file and on the ruler",
        who=("verify.cases",),
        never=("verify",),
        but=("verify.cases", "verify.runtimes", "verify.compare"),
        planted=("verify.cases.stored", "from verify.matrix import subjects"),
    ),
    *(
        Rule(
            f"verify/{room} rests on runtimes, cases, matrix and compare, not on another room",
            who=(f"verify.{room}",),
            never=("verify",),
            but=(
                f"verify.{room}",
                "verify.arguments",
                "verify.cases",
                "verify.runtimes",
                "verify.matrix",
                "verify.compare",
                "verify.report.render",  # one way to write a page
            ),
            planted=(
                f"verify.{room}.some",
                f"import verify.{'publish' if room != 'publish' else 'bench'}.gate",
            ),
        )
        for room in ROOMS
    ),
    Rule(
        "what writes into noteDigger's folder knows nothing of what is written, and why",
        who=("verify.publish.app",),
        never=("verify",),
        but=("verify.publish.app",),
        planted=("verify.publish.app.swap", "from verify.publish.gate import PublishError"),
    ),
    Rule(
        "noteDigger is judged whatever has passed",
        who=("verify.publish.judge",),
        never=("verify.publish",),
        but=("verify.publish.app", "verify.publish.judge", "verify.publish.gate"),
        planted=("verify.publish.judge.heard", "import verify.publish.workers"),
    ),
    Rule(
        "torch is imported where a network is built or trained; elsewhere only when it is needed",
        who=OURS,
        never=("torch",),
        unless=("export.graph", "export.layers", "export.load", "export.nets", "train"),
        only_at_start=True,
        planted=("verify.runtimes.runners", "import torch.nn"),
    ),
    Rule(
        "Playwright is imported where a browser is driven: in verify/runtimes/driver",
        who=OURS,
        never=("playwright",),
        unless=("verify.runtimes.driver",),
        planted=("web.serve", "def f():\n    from playwright.sync_api import Page"),
    ),
)

EXCEPTIONS: dict[tuple[str, str], str] = {}
"""(module, what it imports) → why it may for now, and when it no longer will."""


class Import(NamedTuple):
    """One import statement's target."""

    target: str
    line: int
    where: Literal["start", "function", "types"]


def within(module: str, places: Iterable[str]) -> bool:
    return any(place == "" or f"{module}.".startswith(f"{place}.") for place in places)


@cache
def is_module(name: str) -> bool:
    path = ROOT / name.replace(".", "/")
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


@cache
def list_imports(source: str) -> tuple[Import, ...]:
    """Every import of a file, with modules that are imported from a package by their own names."""

    def visit(node: ast.AST, where: Literal["start", "function", "types"]) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from (Import(one.name, child.lineno, where) for one in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.module is not None, "no relative imports: they hide where they lead"
                assert child.level == 0, "no relative imports: they hide where they lead"
                inner = [f"{child.module}.{one.name}" for one in child.names]
                for name in {one if is_module(one) else child.module for one in inner}:
                    yield Import(name, child.lineno, where)
            elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from visit(child, "function")
            elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                yield from visit(child, "types")
            else:
                yield from visit(child, where)

    return tuple(visit(ast.parse(source), "start"))


def find_breaches(module: str, source: str, rule: Rule) -> Iterator[tuple[Import, str]]:
    """Imports that break the rule, with a message of file, import and rule."""
    if not within(module, rule.who) or within(module, rule.unless):
        return
    for found in list_imports(source):
        if rule.only_at_start and found.where != "start":
            continue
        if within(found.target, rule.never) and not within(found.target, rule.but):
            path = f"{module.replace('.', '/')}.py:{found.line}"
            yield found, f"{path} imports {found.target}, but {rule.says}"


def read_modules() -> dict[str, str]:
    """Module → source of everything that is ours."""
    files = [
        file
        for top in OURS
        for file in (ROOT / top).rglob("*.py")
        if not {"node_modules", "examples"} & {*file.parts}
    ]
    return {name_of(file): file.read_text(encoding="utf-8") for file in files}


def name_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = read_modules()


def test_there_is_something_to_hold() -> None:
    assert len(MODULES) > 100
    assert {f"verify.{room}" for room in (*ROOMS, "runtimes")} <= MODULES.keys()
    rooms = {name.split(".")[1] for name in MODULES if name.count(".") == 2 and "verify." in name}
    assert rooms == {*ROOMS, "cases", "runtimes"}, "a new room needs a rule"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.says)
def test_walls_hold(rule: Rule) -> None:
    breaches = [
        message
        for module, source in MODULES.items()
        for found, message in find_breaches(module, source, rule)
        if (module, found.target) not in EXCEPTIONS
    ]
    assert not breaches, "\n" + "\n".join(breaches)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.says)
def test_a_planted_import_is_seen(rule: Rule) -> None:
    module, line = rule.planted
    ((_, message),) = find_breaches(module, f"import json\n{line}\n", rule)
    assert message.startswith(module.replace(".", "/") + ".py:")
    assert message.endswith(rule.says)


def test_an_exception_goes_when_it_is_no_longer_needed() -> None:
    needed = {
        (module, found.target)
        for rule in RULES
        for module, source in MODULES.items()
        for found, _ in find_breaches(module, source, rule)
    }
    assert set(EXCEPTIONS) <= needed


def test_what_is_allowed_is_not_held_against_anyone() -> None:
    torch = next(rule for rule in RULES if rule.never == ("torch",))
    lazy = "def f():\n    import torch\n"
    typed = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch\n"
    for source in (lazy, typed, "import torchlike"):
        assert not list(find_breaches("verify.matrix.matrix", source, torch))
    assert not list(find_breaches("export.nets.stft", "import torch", torch))
    assert list(
        find_breaches("verify.matrix.matrix", "try:\n    import torch\nexcept E: pass", torch)
    )
    assert list(find_breaches("verify.matrix.matrix", "class A:\n    import torch", torch))
