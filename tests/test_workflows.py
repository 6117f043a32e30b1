"""The workflows: pinned, and made of targets that run here."""

from __future__ import annotations

import json
import re
import tomllib

import pytest

from tests.paths import ROOT

FILES = [*sorted((ROOT / ".github").rglob("*.yml")), ROOT / "action.yml"]


def test_there_are_workflows() -> None:
    assert {path.stem for path in FILES} >= {"ci", "pages", "release", "scheduled", "action"}


def test_every_action_is_pinned_by_commit() -> None:
    used = [
        match
        for path in FILES
        for match in re.findall(r"uses: (\S+)", path.read_text(encoding="utf-8"))
        if not match.startswith("./")
    ]
    assert used
    assert [use for use in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", use)] == []


def test_every_make_target_of_a_workflow_exists() -> None:
    targets = set(re.findall(r"^([\w./-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    called = {
        target
        for path in [*FILES, ROOT / ".ci" / "run"]
        for line in re.findall(r"(?:run:|^step) make ([\w -]+)", path.read_text("utf-8"), re.M)
        for target in line.split()
        if target.islower()
    }
    assert called >= {"setup", "check", "test", "test-all", "fresh", "export", "verify"}
    assert called <= targets


def test_there_is_one_list_of_what_must_be_green() -> None:
    """The workflow runs the script that anybody can run."""
    assert "run: .ci/run\n" in (ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8")
    steps = re.findall(r"^step make ([\w-]+)", (ROOT / ".ci" / "run").read_text("utf-8"), re.M)
    assert steps == ["setup", "check", "test-all", "export", "verify"]


@pytest.mark.parametrize("name", ["wrong_number", "page_fails", "new_model"])
def test_issue_templates_ask_for_what_is_needed(name: str) -> None:
    form = (ROOT / ".github" / "ISSUE_TEMPLATE" / f"{name}.yml").read_text("utf-8")
    for needed in ("report.json", "rowser", "manifest", "required: true"):
        assert needed in form


def test_workflows_may_only_read_unless_they_say_so() -> None:
    for path in FILES:
        if path.parent.name == "workflows":
            text = path.read_text(encoding="utf-8")
            assert re.search(r"^permissions:\n  contents: read$", text, re.MULTILINE), path.name


def test_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    package = json.loads((ROOT / "web" / "package.json").read_text(encoding="utf-8"))
    assert project["version"] == package["version"]
    assert f"## {project['version']}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
