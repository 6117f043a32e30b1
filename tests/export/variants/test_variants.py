"""Every variant appears wherever variants are listed."""

from __future__ import annotations

from typing import get_args

from export.manifest import Variant
from export.variants import FORMS, PRECISIONS, VARIANTS
from verify.matrix.tolerances import PROMISES


def test_every_variant_is_described_everywhere() -> None:
    names = set(get_args(Variant))
    assert names == set(VARIANTS) == set(FORMS) == set(PRECISIONS) == set(PROMISES)
