"""Scripts in Node: what they say, and how they fail."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from web.node import NODE, NodeError, run_node

ECHO = "process.stdin.pipe(process.stdout)"
BUSY = """
const { readdirSync, readFileSync } = require("node:fs");
const sum = (n) => { let x = 0; for (let i = 0; i < n; i++) x += Math.sqrt(i) % 7; return x; };
for (let i = 0; i < 300; i++) sum(1e5);
const [, ...others] = readdirSync("/proc/self/task");
const read = (id) => readFileSync(`/proc/self/task/${id}/schedstat`, "utf8").split(" ")[0];
console.log(others.reduce((sum, id) => sum + Number(read(id)), 0));
"""
"""Worth compiling; prints how many nanoseconds the other threads ran."""


def test_a_script_is_asked_and_answers() -> None:
    assert run_node("-e", ECHO, request="and back") == "and back"


def test_nothing_compiles_beside_the_main_thread() -> None:
    """What waits for the main thread at the exit, sometimes for ever."""
    if not Path("/proc/self/schedstat").is_file():
        pytest.skip("needs Linux, which says how long each thread ran")
    alone = int(run_node("-e", BUSY))
    done = subprocess.run([NODE[0], "-e", BUSY], capture_output=True, text=True, check=True)
    assert 3 * alone < int(done.stdout)


def test_an_error_is_its_line() -> None:
    with pytest.raises(NodeError, match="RangeError: too far"):
        run_node("-e", 'throw new RangeError("too far")')


def test_what_does_not_end_is_ended() -> None:
    with pytest.raises(NodeError, match="did not end within 1 s"):
        run_node("-e", "setInterval(() => {}, 1000)", limit_seconds=1)


def test_node_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NodeError, match="node is not installed"):
        run_node("-e", ECHO)
