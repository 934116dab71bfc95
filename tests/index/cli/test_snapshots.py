"""`cpd index snapshot`: kept, listed, restored and dropped, as a person types it."""

import json
import shutil
from pathlib import Path

import pytest

from tests.index.cli.conftest import Call


@pytest.fixture
def own(lib: Path, tmp_path: Path) -> Path:
    """A copy of the library, to change."""
    return shutil.copytree(lib, tmp_path / "lib")


def test_a_snapshot_is_made_listed_restored_and_dropped(call: Call, own: Path) -> None:
    where = ("--library", own)

    none = call("index", "snapshot", "list", *where).out
    made = call("index", "snapshot", "create", "one", *where)
    call("index", "meta", "set", "--where", "duration>0", "seen=true", *where)
    would = call("index", "snapshot", "restore", "one", "--dry-run", *where).out
    still = call("index", "list", "--where", "meta.seen=true", *where, "--json").out
    done = call("index", "snapshot", "restore", "one", *where)
    after = call("index", "list", "--where", "meta.seen=true", *where, "--json").out
    listed = json.loads(call("index", "snapshot", "list", *where, "--json").out)["snapshots"]
    shown = call("index", "snapshot", "list", *where).out
    would_drop = call("index", "snapshot", "drop", "one", "--dry-run", *where).out
    dropped = call("index", "snapshot", "drop", "one", *where).out

    assert none == "no snapshots yet: `cpd index snapshot create` makes one\n"
    assert (made.code, made.out[:16]) == (0, "kept 2 videos, 5"[:16])
    assert would.startswith("would bring back 2 videos")
    assert (json.loads(still)["total"], json.loads(after)["total"]) == (2, 0)
    assert done.code == 0
    assert "in the place of 2 videos; these are kept as before-restore-" in done.out
    assert listed[0]["name"] == "one"
    assert [snapshot["kind"] for snapshot in listed] == ["named", "before-restore"]
    for word in ("name", "one", "before-restore-", "MB"):
        assert word in shown
    assert would_drop.startswith("would drop one with 2 videos")
    assert dropped.startswith("dropped one with 2 videos")


def test_what_is_made_without_a_name_is_kept_so_many_times(call: Call, own: Path) -> None:
    for _ in range(3):
        made = call("index", "snapshot", "create", "--keep", 2, "--library", own, "--json")
    listed = json.loads(call("index", "snapshot", "list", "--library", own, "--json").out)

    assert json.loads(made.out)["kind"] == "automatic"
    assert json.loads(made.out)["created"].endswith("+00:00")
    assert len(listed["snapshots"]) == 2


def test_a_restore_without_a_backup_keeps_nothing(call: Call, own: Path) -> None:
    call("index", "snapshot", "create", "one", "--library", own)

    done = call("index", "snapshot", "restore", "one", "--no-backup", "--library", own, "--json")
    dropped = call("index", "snapshot", "drop", "one", "--library", own, "--json")

    assert json.loads(done.out)["kept_as"] is None
    assert json.loads(dropped.out)["dropped"]["name"] == "one"
    assert not (own / "snapshots").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("create", "a/b"), "'a/b' cannot be a snapshot's name: take up to 100 letters"),
        (("restore", "gone"), 'has no snapshot "gone"; it has: none yet'),
        (("drop", "gone", "--dry-run"), 'has no snapshot "gone"'),
    ],
)
def test_a_slip_of_the_pen_is_one_sentence(
    call: Call, lib: Path, words: tuple[str, ...], sentence: str
) -> None:
    done = call("index", "snapshot", *words, "--library", lib)

    assert (done.code, done.out) == (2, "")
    assert sentence in done.err
