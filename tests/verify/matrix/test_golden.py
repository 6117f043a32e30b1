"""The networks compute what they did when their weights were trained, and a change is seen."""

from __future__ import annotations

import pytest
from torch import nn

from verify.matrix.golden import GoldenError, compute, prove_networks
from verify.matrix.tolerances import EXEMPTIONS, PROMISES


def test_the_networks_are_those_that_were_trained() -> None:
    prove_networks()
    assert all(values.size > 50 for values in compute().values())


def test_another_slope_is_seen_although_file_and_reference_would_agree(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    build = nn.LeakyReLU.__init__

    def steeper(self: nn.LeakyReLU, negative_slope: float = 0.01, inplace: bool = False) -> None:
        build(self, 2 * negative_slope, inplace)

    monkeypatch.setattr(nn.LeakyReLU, "__init__", steeper)
    with pytest.raises(GoldenError, match=r"basicamt\.onset: leaves the tolerance"):
        prove_networks()


def test_every_promise_says_what_was_measured() -> None:
    promised = [t for p in PROMISES.values() for t in (p.activation, p.embedding)]
    exempt = [t for e in EXEMPTIONS for t in (e.activation, e.embedding) if t is not None]
    assert all(tolerance.measured for tolerance in (*promised, *exempt))
