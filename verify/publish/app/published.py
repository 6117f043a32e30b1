"""What was published to a checkout: files replaced all or none, and put back.

The original files are kept inside the checkout's .git folder, where neither the work tree nor
another clone sees them. What was published is written down there before anything moves, so that a
publishing that was killed can be undone too.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from verify.publish.app.checkout import FOLDER, Checkout, CheckoutError
from verify.publish.app.swap import swap, write_whole

STATE = "published.json"
"""In the checkout's backup: what was published."""


@dataclass(frozen=True)
class Published:
    """A file as it was, and as publishing leaves it: SHA-256, None where there is no file."""

    before: str | None
    after: str | None


def refuse_foreign_changes(checkout: Checkout) -> None:
    """Raise CheckoutError if the work tree has changes that publishing did not make."""
    state = read_state(checkout)
    foreign = [
        path
        for path in checkout.find_changes()
        if path not in state or not _is_ours(checkout, path, state[path])
    ]
    if foreign:
        raise CheckoutError(
            f"{checkout.root} has uncommitted changes ({', '.join(foreign[:3])}); "
            "commit or stash them first"
        )


def read_state(checkout: Checkout) -> dict[str, Published]:
    """What was published and not restored, by path below the root; CheckoutError if unreadable."""
    path = checkout.backup / STATE
    if not path.is_file():
        if checkout.backup.is_dir() and any(checkout.backup.glob("*.sha256")):
            raise CheckoutError(
                f"{checkout.backup} is of an older version of tiny-amt; put the originals back "
                f"with `git checkout -- {FOLDER.as_posix()}`, and remove that folder"
            )
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {name: Published(**entry) for name, entry in content.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise CheckoutError(f"{path} cannot be read ({error}); remove {checkout.backup}") from None


def _is_ours(checkout: Checkout, path: str, published: Published) -> bool:
    """Whether a file is as publishing found or left it."""
    return checkout.hash(path) in (published.before, published.after)


def read_original(checkout: Checkout, path: str) -> bytes | None:
    """A file's content without what was published; None if there was none."""
    published = read_state(checkout).get(path)
    if published is None or not _is_ours(checkout, path, published):
        file = checkout.root / path
        return file.read_bytes() if file.is_file() else None
    return None if published.before is None else _kept(checkout, path).read_bytes()


def replace_all(checkout: Checkout, new: Mapping[str, bytes]) -> None:
    """Write files by path below the root, all or none, keeping the originals for ``restore``.

    What an earlier publishing wrote and this one does not is put back. Raises CheckoutError if
    that fails, with everything as it was.
    """
    try:
        earlier = read_state(checkout)
        wanted: dict[str, bytes | None] = dict(new)
        for path in earlier.keys() - new.keys():
            if _is_ours(checkout, path, earlier[path]):
                wanted[path] = read_original(checkout, path)
        state = {}
        for path, content in wanted.items():
            state[path] = _keep_original(checkout, path, earlier.get(path), content)
        with _noting(checkout, earlier | state):
            swap(checkout.root, wanted)
        with suppress(OSError):  # what was put back needs no note, and one does no harm
            _write_state(checkout, {path: state[path] for path in new})
    except OSError as error:
        place = error.filename or checkout.root
        raise CheckoutError(f"{place}: {error.strerror or error}; nothing was changed") from None


def find_originals(checkout: Checkout) -> dict[str, bytes | None]:
    """What ``restore`` puts back, by path; None where it removes what publishing added.

    CheckoutError if nothing was published, or if a file is no longer as it was published: a newer
    one would be lost.
    """
    state = read_state(checkout)
    if not state:
        raise CheckoutError(f"{checkout.root} has nothing to restore: nothing was published to it")
    newer = [path for path, was in state.items() if not _is_ours(checkout, path, was)]
    if newer:
        raise CheckoutError(
            f"{', '.join(newer[:3])} in {checkout.root} changed after publishing, so nothing was "
            f"restored; to keep what is there, remove {checkout.backup}; to lose it, "
            "`git checkout` the app's own, delete what publishing added, and restore again"
        )
    try:
        return {path: read_original(checkout, path) for path in state}
    except OSError as error:
        raise CheckoutError(
            f"{checkout.root}: the original of {error.filename} is gone; put the app's files back "
            f"with `git checkout`, and remove {checkout.backup}"
        ) from None


def restore(checkout: Checkout) -> tuple[str, ...]:
    """Put the originals back; return their paths. CheckoutError as for ``find_originals``."""
    originals = find_originals(checkout)
    try:
        swap(checkout.root, originals)
        # Without this note the rest is nothing: it goes first, for who is stopped between.
        (checkout.backup / STATE).unlink()
        shutil.rmtree(checkout.backup)
    except OSError as error:
        raise CheckoutError(f"{checkout.root}: {error.strerror or error}") from None
    return tuple(originals)


def _kept(checkout: Checkout, path: str) -> Path:
    return checkout.backup / "files" / path


def _keep_original(
    checkout: Checkout, path: str, earlier: Published | None, content: bytes | None
) -> Published:
    """Copy a file aside, unless an earlier publishing did: twice must not lose the original."""
    if earlier is not None and _is_ours(checkout, path, earlier):
        before = earlier.before
    else:
        before = checkout.hash(path)
        if before is not None:
            kept = _kept(checkout, path)
            kept.parent.mkdir(parents=True, exist_ok=True)
            write_whole(kept, (checkout.root / path).read_bytes())
    return Published(before, None if content is None else hashlib.sha256(content).hexdigest())


@contextmanager
def _noting(checkout: Checkout, state: Mapping[str, Published]) -> Iterator[None]:
    """Write down what is about to be published; take it back if that fails."""
    earlier = read_state(checkout)
    _write_state(checkout, state)
    try:
        yield
    except BaseException:
        with suppress(OSError):
            if earlier:
                _write_state(checkout, earlier)
            else:
                (checkout.backup / STATE).unlink()
        raise


def _write_state(checkout: Checkout, state: Mapping[str, Published]) -> None:
    checkout.backup.mkdir(exist_ok=True)
    text = json.dumps({path: asdict(one) for path, one in sorted(state.items())}, indent=1)
    write_whole(checkout.backup / STATE, text.encode())
