"""What must hold of a library after a fault, whatever the fault was."""

import shutil
from pathlib import Path

from index.catalog.parts import names_of_parts
from index.errors import LibraryNotFoundError
from index.library.library import Library
from index.library.verify import verify_library
from tests.faults.operations import OPERATIONS, THEN, State, agree, answer, found, held, run

SNAPSHOTS = {
    "snapshot": {"automatic"},
    "restore": {"then", "before-restore"},
    "migrate": {"before-0003"},
}
"""What is kept after a step, by operation."""


def kind_of(name: str) -> str:
    """A snapshot's name without the time."""
    return "automatic" if name[0] == "2" else name[: len("before-restore")]


def check_whole(folder: Path, operation: str) -> None:
    """What a broken step left opens, and is one of the states that were meant to be."""
    try:
        library = Library.open(folder)
    except LibraryNotFoundError:
        assert operation == "create"
        return
    with library:
        state = held(library)
        assert state in OPERATIONS[operation].states
        check_answers(library, state)
        differences = verify_library(library.folder, library._catalog)
        check_snapshots(library, operation)
        # Only what was damaged before may still be, and of that only parts.
        assert [d for d in differences if d.part is None or operation != "repair"] == []


def check_finishes(folder: Path, operation: str) -> None:
    """The same step ends well now, and a publish leaves nothing behind that nobody needs."""
    run(operation, folder)

    with Library.open(folder) as library:
        state = held(library)
        assert state == OPERATIONS[operation].states[-1]
        with library.writer() as writer:
            writer.publish()
        check_answers(library, state)
        assert library.verify() == []
        status = library.status()
        models = library.models.list()
        assert all(model.state == "ready" and model.lacking == 0 for model in models)
        with library._catalog.read_transaction() as connection:
            num_parts = len(names_of_parts(connection))
    assert status.warnings == []
    parts = folder / "parts"
    assert len(list(parts.iterdir()) if parts.exists() else []) == num_parts
    root = folder / "snapshots"
    with Library.open(folder) as library:
        library.snapshots.create("next")  # which clears away what killed runs left
        library.snapshots.drop("next")
    kept = {entry.name for entry in root.iterdir()} if root.exists() else set()
    if operation in SNAPSHOTS:
        assert {kind_of(name) for name in kept} == SNAPSHOTS[operation]
    else:
        assert kept == set()


def check_snapshots(library: Library, operation: str) -> None:
    """Each snapshot that is listed can be had back, with one of the states that were meant."""
    for snapshot in library.snapshots.list():
        copy = library.folder.with_name(f"{library.folder.name}-of-{snapshot.name}")
        own = library.folder / "snapshots" / snapshot.name
        shutil.copytree(own, copy)
        with Library.open(copy) as kept:
            assert held(kept) in (*OPERATIONS[operation].states, THEN)
            assert kept.verify() == []


def check_answers(library: Library, state: State) -> None:
    """Searches find what NumPy finds in the state."""
    for seed in (0, 5, 20):
        assert agree(found(library, seed), answer(state, seed)), seed
