"""Where things lie, for every test."""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).parent
ROOT = TESTS.parent
SHARED = ROOT.parent / "shared"
"""Trained weights and recordings that may lie beside the checkout; nothing needs them."""
