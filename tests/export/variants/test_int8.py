"""Which layers are quantised."""

from __future__ import annotations

import onnx
import pytest

from export.variants.front_end import find_front_end
from export.variants.int8 import to_int8
from tests.export.conftest import Write


def check(quantised: onnx.ModelProto) -> None:
    """All convolutions behind the front end are in eight bits, none inside it."""
    front = find_front_end(quantised)
    inside = [node.op_type for node in quantised.graph.node if node.name in front]
    behind = [node.op_type for node in quantised.graph.node if node.name not in front]
    assert "Log" in inside
    assert not {"DynamicQuantizeLinear", "ConvInteger"} & set(inside)
    assert "Conv" in inside
    assert behind.count("ConvInteger") >= 4
    assert "Conv" not in behind


def test_eight_bits_leave_the_front_end_alone(write: Write) -> None:
    check(to_int8(write("basicamt", "compact")))


def test_a_front_end_in_eight_bits_is_seen(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("export.variants.int8.find_front_end", lambda model: set())
    with pytest.raises(AssertionError):
        check(to_int8(write("basicamt", "compact")))
