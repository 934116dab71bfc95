"""Killed between any two durable steps, a library is what it was before or what it becomes."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.faults.children import Children, End, Job
from tests.faults.operations import OPERATIONS
from tests.faults.wholeness import check_finishes, check_whole

Prepare = Callable[[str, Path], Path]

KILLED = -9


class KillPoint(NamedTuple):
    """Where a step dies."""

    operation: str
    call: str
    """As tests.faults.durable_calls names it."""
    after: bool = True
    """Just after the call; False for just before it."""
    time: int = 1
    """Which of the calls of that name."""


KILL_POINTS = {
    "create: first table made": KillPoint("create", "CREATE library"),
    "create: all tables made": KillPoint("create", "CREATE parts"),
    "create: tables committed": KillPoint("create", "committed by _complete"),
    "create: the library's row made": KillPoint("create", "committed by _complete", False, 2),
    "create: the library's row committed": KillPoint("create", "committed by _complete", True, 2),
    "add: lease taken": KillPoint("add", "writer.json.partial replaced"),
    "add: first video written": KillPoint("add", "committed by _transaction", False),
    "add: first video committed": KillPoint("add", "committed by _transaction"),
    "add: second video committed": KillPoint("add", "committed by _transaction", True, 2),
    "import: first video written": KillPoint("import", "committed by _transaction", False),
    "import: first video committed": KillPoint("import", "committed by _transaction"),
    "import: second video committed": KillPoint("import", "committed by _transaction", True, 2),
    "import: part listed": KillPoint("import", "committed by _list"),
    "merge: lease taken": KillPoint("merge", "writer.json.partial replaced"),
    "merge: first video written": KillPoint("merge", "committed by _transaction", False),
    "merge: first video committed": KillPoint("merge", "committed by _transaction"),
    "merge: second video committed": KillPoint("merge", "committed by _transaction", True, 2),
    "merge: part listed": KillPoint("merge", "committed by _list"),
    "update: video written": KillPoint("update", "committed by _transaction", False),
    "update: video committed": KillPoint("update", "committed by _transaction"),
    "remove: video deleted": KillPoint("remove", "committed by _transaction", False),
    "remove: committed": KillPoint("remove", "committed by _transaction"),
    "remove many: first video deleted": KillPoint("remove many", "committed by carry_out", False),
    "remove many: first committed": KillPoint("remove many", "committed by carry_out"),
    "remove many: second committed": KillPoint("remove many", "committed by carry_out", True, 2),
    "remove many: last committed": KillPoint("remove many", "committed by carry_out", True, 3),
    "prune: lease taken": KillPoint("prune", "writer.json.partial replaced"),
    "prune: first video deleted": KillPoint("prune", "committed by carry_out", False),
    "prune: second committed": KillPoint("prune", "committed by carry_out", True, 2),
    "prune: lease given back": KillPoint("prune", "writer.json deleted"),
    "set root: paths written": KillPoint("set root", "committed by _set", False),
    "set root: committed": KillPoint("set root", "committed by _set"),
    "publish: folder made, not locked": KillPoint("publish", "part.partial made"),
    "publish: folder locked": KillPoint("publish", "committed by _partial"),
    "publish: vectors begun": KillPoint("publish", "vectors.faiss opened"),
    "publish: vectors synced": KillPoint("publish", "vectors.faiss synced"),
    "publish: rows synced": KillPoint("publish", "rows.bin synced"),
    "publish: checksums synced": KillPoint("publish", "pages.bin synced"),
    "publish: facts written": KillPoint("publish", "part.json synced", False),
    "publish: folder synced": KillPoint("publish", "part.partial synced"),
    "publish: folder renamed": KillPoint("publish", "part.partial renamed"),
    "publish: name synced": KillPoint("publish", "parts synced"),
    "publish: listed": KillPoint("publish", "committed by _list"),
    "compact: merged part renamed": KillPoint("compact", "part.partial renamed"),
    "compact: merged part listed": KillPoint("compact", "committed by _list"),
    "compact: a file of an old part deleted": KillPoint("compact", "rows.bin deleted"),
    "compact: an old part deleted": KillPoint("compact", "part deleted"),
    "compact: lease given back": KillPoint("compact", "writer.json deleted"),
    "repair: damage marked": KillPoint("repair", "committed by heal"),
    "repair: first part renamed": KillPoint("repair", "part.partial renamed"),
    "repair: first part listed": KillPoint("repair", "committed by _list"),
    "repair: second part listed": KillPoint("repair", "committed by _list", True, 2),
    "snapshot: folder made": KillPoint("snapshot", ".part.partial made"),
    "snapshot: catalog copied": KillPoint("snapshot", "catalog.sqlite3 opened", False),
    "snapshot: a part linked": KillPoint("snapshot", "part synced"),
    "snapshot: manifest begun": KillPoint("snapshot", "manifest.json opened"),
    "snapshot: before its name": KillPoint("snapshot", ".part.partial renamed", False),
    "snapshot: named": KillPoint("snapshot", ".part.partial renamed"),
    "restore: copy made": KillPoint("restore", "catalog.sqlite3 opened"),
    "restore: parts linked back": KillPoint("restore", "parts synced"),
    "restore: before what was there is kept": KillPoint("restore", ".part.partial renamed", False),
    "restore: what was there is kept": KillPoint("restore", ".part.partial renamed"),
    "restore: ids raised": KillPoint("restore", "committed by _raise"),
    "restore: first pages written": KillPoint("restore", "pages written"),
    "restore: last pages not written": KillPoint("restore", "pages written", False, 2),
    "restore: in place": KillPoint("restore", "pages exchanged"),
    "drop: out of sight": KillPoint("drop", "then renamed"),
    "drop: half of it deleted": KillPoint("drop", "vectors.faiss deleted"),
    "migrate: before its copy has a name": KillPoint("migrate", ".part.partial renamed", False),
    "migrate: copy kept": KillPoint("migrate", ".part.partial renamed"),
    "reembed: model listed": KillPoint("reembed", "committed by begin_building"),
    "reembed: first video written": KillPoint("reembed", "committed by _transaction", False),
    "reembed: first video committed": KillPoint("reembed", "committed by _transaction"),
    "reembed: last video committed": KillPoint("reembed", "committed by _transaction", True, 4),
    "reembed: its part renamed": KillPoint("reembed", "part.partial renamed", True, 2),
    "reembed: its part listed": KillPoint("reembed", "committed by _list", True, 2),
    "reembed: ready, not committed": KillPoint("reembed", "committed by finish_building", False),
    "reembed: ready": KillPoint("reembed", "committed by finish_building"),
    "switch: not committed": KillPoint("switch", "committed by switch", False),
    "switch: committed": KillPoint("switch", "committed by switch"),
    "drop model: not committed": KillPoint("drop model", "committed by drop", False),
    "drop model: committed": KillPoint("drop model", "committed by drop"),
    "drop model: a file of its part deleted": KillPoint("drop model", "pages.bin deleted"),
    "migrate: library altered": KillPoint("migrate", "ALTER library"),
    "migrate: library copied": KillPoint("migrate", "CREATE _alembic_tmp_library"),
    "migrate: library dropped": KillPoint("migrate", "DROP library"),
    "migrate: snapshots dropped": KillPoint("migrate", "DROP snapshots"),
    "migrate: parts made": KillPoint("migrate", "CREATE parts"),
    "migrate: before the commit": KillPoint("migrate", "committed by bring_up_to_date", False),
    "migrate: committed": KillPoint("migrate", "committed by bring_up_to_date"),
}


@pytest.fixture(scope="module")
def calls(
    children: Children, prepared: Prepare, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[str]]:
    """The durable calls of each operation that nobody disturbs."""
    folder = tmp_path_factory.mktemp("recorded")
    jobs = [
        Job(
            "durable_calls:record",
            {"operation": operation, "folder": str(prepared(operation, folder / operation))},
        )
        for operation in OPERATIONS
    ]
    ends = children.run(*jobs)
    assert [end.code for end in ends] == [0] * len(jobs), ends
    return {
        operation: end.said.splitlines() for operation, end in zip(OPERATIONS, ends, strict=True)
    }


def first_and_last_of_each_operation() -> set[str]:
    names: dict[str, list[str]] = {}
    for name, point in KILL_POINTS.items():
        names.setdefault(point.operation, []).append(name)
    return {name for listed in names.values() for name in (listed[0], listed[-1])}


BY_DEFAULT = first_and_last_of_each_operation()


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in BY_DEFAULT else pytest.mark.long_faults)
        for name in KILL_POINTS
    ],
)
def test_a_killed_step_leaves_what_was_or_what_was_to_be(
    name: str, children: Children, prepared: Prepare, calls: dict[str, list[str]], tmp_path: Path
) -> None:
    point = KILL_POINTS[name]
    folder = prepared(point.operation, tmp_path / "library")

    end = die(children, folder, point.operation, number_of(point, calls), after=point.after)

    assert end.code == KILLED, end.said
    check_whole(folder, point.operation)
    check_finishes(folder, point.operation)


@pytest.mark.parametrize(
    "name",
    [
        "publish: vectors begun",
        "publish: folder synced",
        "publish: folder renamed",
        "publish: listed",
        "compact: merged part listed",
        "compact: an old part deleted",
        "snapshot: named",
        pytest.param("restore: in place", marks=pytest.mark.long_faults),
    ],
)
def test_a_power_cut_takes_nothing_that_the_catalog_lists(
    name: str, children: Children, prepared: Prepare, calls: dict[str, list[str]], tmp_path: Path
) -> None:
    """What was not synced is gone, and nothing of it was needed."""
    point = KILL_POINTS[name]
    folder = prepared(point.operation, tmp_path / "library")
    number = number_of(point, calls)

    end = die(children, folder, point.operation, number, after=point.after, power_cut=True)

    assert end.code == KILLED, end.said
    check_whole(folder, point.operation)
    check_finishes(folder, point.operation)


def number_of(point: KillPoint, calls: dict[str, list[str]]) -> int:
    """Where a point stands among all calls of its step."""
    all_calls = calls[point.operation]
    return [i for i, call in enumerate(all_calls) if call == point.call][point.time - 1]


@pytest.mark.long_faults
@pytest.mark.parametrize("power_cut", [False, True], ids=["killed", "power cut"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_killed_at_any_call_of_all_it_recovers(
    operation: str,
    after: bool,
    power_cut: bool,
    children: Children,
    prepared: Prepare,
    calls: dict[str, list[str]],
    tmp_path: Path,
) -> None:
    for number, call in enumerate(calls[operation]):
        folder = prepared(operation, tmp_path / str(number))

        end = die(children, folder, operation, number, after=after, power_cut=power_cut)

        assert end.code == KILLED, (call, end.said)
        check_whole(folder, operation)
        check_finishes(folder, operation)


def die(
    children: Children,
    folder: Path,
    operation: str,
    number: int,
    *,
    after: bool,
    power_cut: bool = False,
) -> End:
    """Take a step in a child that is killed at one of its durable calls."""
    arguments = {
        "operation": operation,
        "folder": str(folder),
        "die_at": number,
        "after": after,
        "power_cut": power_cut,
    }
    (end,) = children.run(Job("durable_calls:run_and_die", arguments))
    return end
