"""An app's files change all or none, at whatever point publishing or restoring is killed."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.notedigger_app import commit, git
from verify.publish.app.checkout import Checkout, CheckoutError
from verify.publish.app.published import (
    STATE,
    read_state,
    refuse_foreign_changes,
    replace_all,
    restore,
)

NEW = {"page.js": b"our page", "models/one.onnx": b"our model", "models/ours/engine": b"engine"}
STEPS = (
    *((Path, name) for name in ("open", "replace", "unlink", "rmdir", "mkdir")),
    (os, "link"),
    (shutil, "rmtree"),
)
"""What publishing does to files."""


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    monkeypatch.setattr(os, "fsync", lambda _: None)  # these tests cut no power
    return make(tmp_path / "app")


def make(root: Path) -> Checkout:
    (root / "models").mkdir(parents=True)
    (root / "page.js").write_text("the app's page", encoding="utf-8")
    (root / "models" / "one.onnx").write_text("the app's model", encoding="utf-8")
    git(root, "init", "--quiet", "--template=")
    commit(root)
    return Checkout(root, root / ".git")


def visible(app: Checkout) -> dict[str, bytes]:
    files = (path for path in app.root.rglob("*") if path.is_file())
    names = {path.relative_to(app.root).as_posix(): path for path in files}
    return {name: path.read_bytes() for name, path in names.items() if ".git/" not in name}


remove_folder = shutil.rmtree


class KilledError(BaseException):
    """Stands for the end of the process: nothing that it would still do happens."""


def kill_at(step: int, work: Callable[[], object]) -> bool:
    """Do some work that ends at its n-th step; whether it came so far."""
    done = 0

    def die(call: Callable[..., object]) -> Callable[..., object]:
        def counted(*args: object, **kwargs: object) -> object:
            nonlocal done
            done += 1
            if done >= step:
                if call is remove_folder and done == step:
                    remove_folder(Path(str(args[0])) / "files")  # as far as it came
                raise KilledError
            return call(*args, **kwargs)

        return counted

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in STEPS:
            patch.setattr(owner, name, die(getattr(owner, name)))
        try:
            work()
        except KilledError:
            return True
    return False


def put_back(app: Checkout) -> None:
    if read_state(app):
        restore(app)


def copy(app: Checkout, root: Path) -> Checkout:
    shutil.copytree(app.root, root)
    return Checkout(root, root / ".git")


def test_killed_at_any_step_it_can_be_undone_and_done_again(app: Checkout, tmp_path: Path) -> None:
    fresh, before = app, visible(app)
    reached = set()
    for step in itertools.count(1):
        app = copy(fresh, tmp_path / str(step))
        if not kill_at(step, partial(replace_all, app, NEW)):
            break
        reached.add(visible(app) == before)
        again = copy(app, tmp_path / f"{step} again")
        put_back(app)
        assert visible(app) == before, step
        replace_all(again, NEW)
        assert visible(again) == NEW, step
        put_back(again)
        assert visible(again) == before, step
    assert reached == {True, False}, "some of the steps are half-way"
    assert step > 20


def test_killed_while_it_restores_it_can_be_restored(app: Checkout, tmp_path: Path) -> None:
    before = visible(app)
    replace_all(app, NEW)
    published = app
    for step in itertools.count(1):
        app = copy(published, tmp_path / str(step))
        if not kill_at(step, partial(restore, app)):
            break
        put_back(app)
        assert visible(app) == before, step
        replace_all(app, NEW)
        put_back(app)
        assert visible(app) == before, step
    assert step > 20


def test_who_presses_ctrl_c_finds_nothing_changed(
    app: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = visible(app)
    replace = Path.replace

    def interrupt(self: Path, target: Path) -> Path:
        if self.name == ".one.onnx.new":
            raise KeyboardInterrupt
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", interrupt)
        with pytest.raises(KeyboardInterrupt):
            replace_all(app, NEW)
    assert visible(app) == before
    assert read_state(app) == {}


def test_files_keep_their_mode(app: Checkout) -> None:
    (app.root / "page.js").chmod(0o755)
    commit(app.root)
    replace_all(app, NEW)
    assert (app.root / "page.js").stat().st_mode & 0o777 == 0o755
    restore(app)
    assert not git(app.root, "status", "--porcelain")


def test_an_app_inside_another_repository_is_published_to_twice(tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    inner = make(outer / "app")
    shutil.rmtree(inner.git)
    (outer / "mine.txt").write_text("mine", encoding="utf-8")
    git(outer, "init", "--quiet")
    commit(outer)
    app = Checkout(inner.root, outer / ".git")
    (outer / "mine.txt").write_text("changed", encoding="utf-8")
    for _ in range(2):
        refuse_foreign_changes(app)
        replace_all(app, NEW)
    (app.root / "page.js").write_text("changed", encoding="utf-8")
    with pytest.raises(CheckoutError, match=r"uncommitted changes \(page.js\)"):
        refuse_foreign_changes(app)


def test_what_lies_in_the_way_is_named(app: Checkout) -> None:
    (app.root / "models" / "ours").write_text("a file", encoding="utf-8")
    before = visible(app)
    with pytest.raises(CheckoutError, match=r"models/ours: .*; nothing was changed"):
        replace_all(app, NEW)
    assert visible(app) == before


def test_an_original_that_is_gone_is_told(app: Checkout) -> None:
    replace_all(app, NEW)
    shutil.rmtree(app.backup / "files")
    published = visible(app)
    with pytest.raises(CheckoutError, match=r"the original of .* is gone"):
        restore(app)
    assert visible(app) == published


def test_what_git_refuses_is_said_in_its_words(tmp_path: Path) -> None:
    app = Checkout(tmp_path, tmp_path)
    with pytest.raises(CheckoutError, match=r"is not a git checkout .*not a git repository"):
        refuse_foreign_changes(app)


def test_a_note_that_cannot_be_read_is_refused(app: Checkout) -> None:
    replace_all(app, NEW)
    (app.backup / STATE).write_text("[1]", encoding="utf-8")
    with pytest.raises(CheckoutError, match="cannot be read"):
        restore(app)
