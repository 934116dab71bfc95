"""What must hold of a library after a fault, whatever the fault was."""

from pathlib import Path

from index.errors import LibraryNotFoundError
from index.library.library import Library
from index.library.verify import verify_library
from tests.faults.operations import OPERATIONS, State, agree, answer, found, held, run


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
    assert status.warnings == []
    parts = folder / "parts"
    assert len(list(parts.iterdir()) if parts.exists() else []) == status.parts
    assert not (folder / "snapshots").exists()


def check_answers(library: Library, state: State) -> None:
    """Searches find what NumPy finds in the state."""
    for seed in (0, 5, 20):
        assert agree(found(library, seed), answer(state, seed)), seed
