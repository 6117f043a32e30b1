"""Compressed siblings: ``x.br`` and ``x.gz`` beside ``x``, for hosts that serve them."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from pathlib import Path

import brotli

LARGE = 1_000_000
"""Bytes above which brotli's best level takes half a minute and saves only 5 %."""
WORTHWHILE = 0.95
"""Smallest saving, as a share of the file's bytes, that is worth a sibling."""


def _brotli(content: bytes) -> bytes:
    compressed: bytes = brotli.compress(content, quality=9 if len(content) >= LARGE else 11)
    return compressed


def _gzip(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)  # without a timestamp: equal input, equal output


CODINGS: Mapping[str, tuple[str, Callable[[bytes], bytes]]] = {
    "br": (".br", _brotli),
    "gzip": (".gz", _gzip),
}
"""Suffix and encoder by HTTP's name of the coding, the smaller one first."""


def compress_files(files: Mapping[str, bytes], before: Path) -> dict[str, bytes]:
    """Siblings of the files by path; those in the folder ``before`` are reused if up to date."""
    siblings = {}
    for path, content in files.items():
        known = before / path
        unchanged = known.is_file() and known.read_bytes() == content
        for suffix, encode in CODINGS.values():
            sibling = before / (path + suffix)
            usable = unchanged and sibling.is_file()
            compressed = sibling.read_bytes() if usable else encode(content)
            if len(compressed) < WORTHWHILE * len(content):
                siblings[path + suffix] = compressed
    return siblings
