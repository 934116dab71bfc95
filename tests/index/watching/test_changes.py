"""When a file counts as settled, on real files and a clock of the test's own."""

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from index.watching.changes import Changes, Settled


def test_a_file_settles_once_nothing_has_happened_for_a_while(tmp_path: Path) -> None:
    changes = Changes(settle_seconds=2)
    file = tmp_path / "a.mp4"
    file.write_bytes(b"one")
    changes.note(file, now=10)

    assert changes.settle(now=11.9) == Settled([], [])
    assert changes.settle(now=12) == Settled([file], [])
    assert len(changes) == 0


def test_a_write_of_which_nobody_told_begins_the_wait_anew(tmp_path: Path) -> None:
    changes = Changes(settle_seconds=2)
    file = tmp_path / "a.mp4"
    file.write_bytes(b"one")
    changes.note(file, now=10)
    file.write_bytes(b"three")

    assert changes.settle(now=12) == Settled([], [])
    assert changes.settle(now=13.9) == Settled([], [])
    assert changes.settle(now=14) == Settled([file], [])


def test_what_happens_beside_a_file_that_is_at_rest_does_not_hold_it_up(tmp_path: Path) -> None:
    """A sidecar that is written each second would keep its video out for ever."""
    changes = Changes(settle_seconds=2)
    file = tmp_path / "a.mp4"
    file.write_bytes(b"one")
    changes.note(file, now=10)
    changes.note(file, now=11)

    assert changes.settle(now=12) == Settled([file], [])


def test_a_file_that_goes_is_gone_and_one_that_comes_back_is_there(tmp_path: Path) -> None:
    changes = Changes(settle_seconds=2)
    gone, back = tmp_path / "gone.mp4", tmp_path / "back.mp4"
    for path in (gone, back):
        changes.note(path, now=10)
    back.write_bytes(b"one")

    assert changes.settle(now=12) == Settled([], [gone])
    assert changes.settle(now=14) == Settled([back], [])


@given(
    steps=st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["note", "settle"]), st.floats(0, 3)),
        max_size=30,
    )
)
def test_each_path_settles_once_for_the_last_thing_that_happened_to_it(
    steps: list[tuple[str, str, float]],
) -> None:
    """Of files that nobody writes."""
    changes, now = Changes(settle_seconds=2), 0.0
    noted: dict[str, float] = {}
    for name, step, passed in steps:
        now += passed
        if step == "note":
            changes.note(Path(os.devnull).with_name(f"missing-{name}"), now=now)
            noted[name] = now
        else:
            due = sorted(name for name, since in noted.items() if now - since >= 2)
            settled = changes.settle(now=now)
            assert [path.name for path in settled.gone] == [f"missing-{name}" for name in due]
            for each in due:
                del noted[each]
