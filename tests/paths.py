"""Folders, for every test."""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).parent
ROOT = TESTS.parent
SHARED = ROOT.parent / "shared"
"""Trained weights and recordings that may be beside the checkout; no test needs them to pass."""
