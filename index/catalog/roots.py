"""Folders that videos stand in, by name; each video knows the innermost one that it lies in.

Paths stay absolute in the catalog (docs/decisions/0011-roots.md): where a root moves, those of its
videos are rewritten, all in one transaction.
"""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    LargeBinary,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    type_coerce,
    update,
)

from cpd_model.errors import InputError
from index.catalog.connection import WriteTransaction
from index.catalog.names import alike, checked_name, free_name, require_free, told
from index.catalog.places import ancestors, below, is_below, path_bytes, path_of
from index.catalog.reads import fold_path
from index.catalog.tables import RootRecord, VideoRecord
from index.errors import UnknownRootError
from index.filters.scanner import shorten

_WHAT = "root"
_AWAY = text(
    "UPDATE videos SET path = CAST('moving/' || number AS BLOB) WHERE root_number = :root"
)  # the paths of files are absolute
_BACK = text(
    "UPDATE videos SET path = :path, path_folded = :path_folded, updated_at = :updated_at,"
    " generation = :generation WHERE number = :number"
)


class RootRow(NamedTuple):
    """A root and how much is in it, what lies in roots within it left out."""

    name: str
    path: Path
    videos: int
    """Indexed ones."""
    failed: int
    hours: float
    """Of indexed video."""


class Root(NamedTuple):
    """A row of the table."""

    number: int
    name: str
    path: Path


def innermost_root(connection: Connection, path: Path) -> int | None:
    """The number of the innermost root that a path lies in; None where none does."""
    query = select(RootRecord.number).where(RootRecord.path.in_(ancestors(path)))
    query = query.order_by(func.length(RootRecord.path).desc()).limit(1)
    return connection.execute(query).scalar()


def all_roots(connection: Connection) -> list[Root]:
    """By name."""
    rows = connection.execute(select(RootRecord.number, RootRecord.name, RootRecord.path))
    return sorted((Root(*row) for row in rows), key=lambda root: root.name)


def list_roots(connection: Connection, *, number: int | None = None) -> list[RootRow]:
    """All of them and how much is in each, by name, or the one of a number."""
    asked = () if number is None else (RootRecord.number == number,)
    indexed = VideoRecord.state == "indexed"
    seconds = func.coalesce(func.sum(VideoRecord.__table__.c.duration_seconds), 0.0)
    rows = connection.execute(
        select(
            RootRecord.name,
            RootRecord.path,
            func.count(VideoRecord.number).filter(indexed),
            func.count(VideoRecord.number).filter(~indexed),
            seconds / 3600,
        )
        .select_from(RootRecord)
        .outerjoin(VideoRecord, VideoRecord.root_number == RootRecord.number)
        .where(*asked)
        .group_by(RootRecord.number)
    )
    return sorted(
        RootRow(name, path, videos, failed, float(hours))
        for name, path, videos, failed, hours in rows
    )


def find_root(connection: Connection, name: str) -> Root | None:
    """The root of a name; None where there is none."""
    roots = {root.name: root for root in all_roots(connection)}
    found = alike(name, roots)
    return None if found is None else roots[found]


def root_named(connection: Connection, name: str) -> Root:
    """The same where it has to be there.

    Raises:
        UnknownRootError: there is none of that name.
    """
    root = find_root(connection, name)
    if root is None:
        has = told(each.name for each in all_roots(connection))
        raise UnknownRootError(f"there is no root {shorten(name)} in this library; it has: {has}")
    return root


def missing_roots(connection: Connection, folders: Iterable[Path]) -> list[Path]:
    """Of some folders those that lie in no root and in no other of them, outermost first.

    The file system's top is none: all would lie in it, and it can never move.
    """
    known = [root.path for root in all_roots(connection)]
    missing: list[Path] = []
    for folder in sorted(set(folders), key=lambda each: (len(each.parts), each)):
        within = any(folder == other or is_below(folder, other) for other in [*known, *missing])
        if not within and folder != folder.parent:
            missing.append(folder)
    return missing


def make_root(connection: Connection, path: Path, *, name: str | None = None) -> str:
    """List a folder as a root, also within or around others; its name.

    Args:
        name: None takes that of the folder, with a number where another root has it.

    Raises:
        InputError: another root has the name or the folder, or it is the file system's top.
    """
    known = {root.name: root.number for root in all_roots(connection)}
    if name is None:
        clean = free_name(path_bytes(Path(path.name)).decode("utf-8", "replace"), known)
    else:
        clean = checked_name(name, what=_WHAT)
        require_free(clean, known, what=_WHAT)
    _require_possible(connection, path)
    made = connection.execute(
        insert(RootRecord).returning(RootRecord.number), {"name": clean, "path": path}
    )
    _claim(connection, made.scalar_one(), path)
    return clean


def move_root(transaction: WriteTransaction, root: Root, path: Path) -> int:
    """Rewrite the paths of all videos whose innermost root this is; how many there were.

    Roots within it stay where they are, with their videos.

    Raises:
        InputError: another root or another video has one of the new paths.
    """
    connection = transaction.connection
    _require_possible(connection, path)
    moved = _moved(connection, root, path)
    _require_no_other(connection, root, path, {row["path"] for row in moved})
    # First out of each other's way, for the new folder may be within the old one.
    connection.execute(_AWAY, {"root": root.number})
    if moved:
        stamp = {"updated_at": time.time(), "generation": transaction.generation}
        connection.execute(_BACK, [row | stamp for row in moved])
    same = RootRecord.number == root.number
    connection.execute(update(RootRecord).where(same).values(path=path))
    _claim(connection, root.number, path)
    for inner in sorted(all_roots(connection), key=lambda each: len(each.path.parts)):
        if is_below(inner.path, path):
            taken = and_(below(inner.path), VideoRecord.root_number == root.number)
            connection.execute(update(VideoRecord).where(taken).values(root_number=inner.number))
    return len(moved)


def rename_root(connection: Connection, name: str, new_name: str) -> int:
    """Give it another name, the same in another case is another; its number.

    Raises:
        UnknownRootError: there is none of that name.
        InputError: another root has the new name, or it can be no name.
    """
    root = root_named(connection, name)
    clean = checked_name(new_name, what=_WHAT)
    known = {each.name: each.number for each in all_roots(connection)}
    require_free(clean, known, what=_WHAT, number=root.number)
    same = RootRecord.number == root.number
    connection.execute(update(RootRecord).where(same).values(name=clean))
    return root.number


def drop_root(connection: Connection, root: Root) -> None:
    """Forget a root; its videos are in the root around it then."""
    of_it = VideoRecord.root_number == root.number
    outer = innermost_root(connection, root.path)
    connection.execute(update(VideoRecord).where(of_it).values(root_number=outer))
    connection.execute(delete(RootRecord).where(RootRecord.number == root.number))


def _claim(connection: Connection, number: int, path: Path) -> None:
    """Give a root the videos below it that no root within it has."""
    around = select(RootRecord.number).where(RootRecord.path.in_(ancestors(path)))
    no_closer = or_(VideoRecord.root_number.is_(None), VideoRecord.root_number.in_(around))
    claimed = and_(below(path), no_closer)
    connection.execute(update(VideoRecord).where(claimed).values(root_number=number))


def _moved(connection: Connection, root: Root, path: Path) -> list[dict[str, Any]]:
    """Numbers and new paths of its videos; of bytes, for a path of its own each is slow to make."""
    column = type_coerce(VideoRecord.path, LargeBinary)
    of_it = VideoRecord.root_number == root.number
    length, new = len(path_bytes(root.path)), path_bytes(path)
    rows = connection.execute(select(VideoRecord.number, column).where(of_it)).all()
    moved = ((number, new + old[length:]) for number, old in rows)
    return [
        {"number": number, "path": each, "path_folded": fold_path(path_of(each))}
        for number, each in moved
    ]


def _require_possible(connection: Connection, path: Path) -> None:
    if path == path.parent:
        raise InputError(f"{path} cannot be a root: all files lie in it; name a folder below it")
    other = connection.execute(select(RootRecord.name).where(RootRecord.path == path)).scalar()
    if other is not None:
        raise InputError(
            f"{path} is the root {shorten(other)} already: `cpd index root rename` gives it "
            f"another name, `cpd index root drop` forgets it and leaves its videos"
        )


def _require_no_other(
    connection: Connection, root: Root, path: Path, new_paths: set[bytes]
) -> None:
    column = type_coerce(VideoRecord.path, LargeBinary)
    not_of_it = or_(VideoRecord.root_number.is_(None), VideoRecord.root_number != root.number)
    for other in connection.execute(select(column).where(below(path), not_of_it)).scalars():
        if other in new_paths:
            raise InputError(
                f"{root.name} cannot move to {path}: the library has another video at "
                f"{path_of(other)}, where one of this root would come; remove one of the two with "
                f"`cpd index remove`"
            )
