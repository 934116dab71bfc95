"""Any order of collecting, removing and moving equals a dictionary of paths and of sets."""

import fnmatch
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cpd_model.errors import InputError
from index.errors import UnknownCollectionError
from index.filters import parse_filter
from index.library.library import Library
from tests.index.libraries import SETTINGS, axis, file_version, make_library, put

PATHS = [f"/{folder}/{i}.mp4" for folder in ("a", "a/b", "c") for i in range(3)]
NAMES = ["walks", "Walks", "runs"]

paths = st.sampled_from(PATHS)
names = st.sampled_from(NAMES)
meant = st.sampled_from(["/a", "/a/b", "/c", "/a/*.mp4", "/*/1.mp4", "/**/2.mp4", "/"]) | paths
"""Paths, folders and patterns."""

filters = st.sampled_from(["name:1.mp4", "folder:b", "not folder:a", "has:collection"])


class ContentsAndTheirTwin(RuleBasedStateMachine):
    """A library with a reader that stays open, beside dictionaries of the same."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.library = make_library(self.folder)
        self.reader = Library.open(self.folder)
        self.videos: dict[str, str] = {}
        """Ids by path."""
        self.failed: dict[str, str] = {}
        self.collections: dict[str, set[str]] = {}
        """Ids of videos and failures by name, as it is written."""

    def teardown(self) -> None:
        self.reader.close()
        self.library.close()
        shutil.rmtree(self.folder)

    @rule(path=paths)
    def put(self, path: str) -> None:
        with self.library.writer() as writer:
            video_id = put(writer, path, [axis(len(path) % 4)])
        assert self.failed.pop(path, video_id) == video_id
        self.videos[path] = video_id

    @rule(path=paths)
    def fail(self, path: str) -> None:
        with self.library.writer() as writer:
            video_id = writer.put_failure(file_version(path), reason="no frames")
        assert self.videos.pop(path, video_id) == video_id
        self.failed[path] = video_id

    @precondition(lambda self: self.videos)
    @rule(choice=st.integers(0, 99), target_path=paths)
    def move(self, choice: int, target_path: str) -> None:
        path = sorted(self.videos)[choice % len(self.videos)]
        video_id = self.videos[path]
        with self.library.writer() as writer:
            writer.move_video(video_id, file_version(target_path))
        if target_path != path:
            self.forget({target_path})
            del self.videos[path]
            self.videos[target_path] = video_id

    @rule(what=meant, by_id=st.booleans(), dry_run=st.booleans())
    def remove(self, what: str, by_id: bool, dry_run: bool) -> None:
        gone = self.named(what)
        known = self.videos | self.failed
        if not gone:
            with pytest.raises(InputError, match="has nothing at"):
                self.library.remove(what)
            return
        asked = [known[path] for path in sorted(gone)] if by_id else what

        report = self.library.remove(asked, dry_run=dry_run)

        assert {(str(v.path), v.video_id) for v in report.removed} == {(p, known[p]) for p in gone}
        if not dry_run:
            self.forget(gone)

    @rule(where=filters)
    def remove_by_filter(self, where: str) -> None:
        gone = self.matching(where)

        report = self.library.remove(parse_filter(where))

        assert {str(video.path) for video in report.removed} == gone
        self.forget(gone)

    @rule(name=names)
    def create(self, name: str) -> None:
        if self.written(name):
            with pytest.raises(InputError, match="already"):
                self.library.collections.create(name)
        else:
            assert self.library.collections.create(name).videos == 0
            self.collections[name] = set()

    @rule(name=names)
    def drop(self, name: str) -> None:
        written = self.written(name)
        if not written:
            with pytest.raises(UnknownCollectionError):
                self.library.collections.drop(name)
        else:
            assert self.library.collections.drop(name).videos == len(self.collections.pop(written))

    @rule(name=names, new_name=names)
    def rename(self, name: str, new_name: str) -> None:
        written, other = self.written(name), self.written(new_name)
        if not written or (other and other != written):
            with pytest.raises(InputError):
                self.library.collections.rename(name, new_name)
        else:
            renamed = self.library.collections.rename(name, new_name)
            assert renamed == self.library.collections.get(new_name)
            self.collections[new_name] = self.collections.pop(written)

    @rule(name=names, what=meant, where=filters | st.none(), into=st.booleans())
    def collect(self, name: str, what: str, where: str | None, into: bool) -> None:
        written = self.written(name)
        chosen = self.named(what) if where is None else self.matching(where)
        if not written or (where is None and not chosen):
            with pytest.raises(InputError):
                self.library.collections.add(name, what if where is None else parse_filter(where))
            return
        change = self.library.collections.add if into else self.library.collections.remove
        ids = {(self.videos if into else self.videos | self.failed).get(path) for path in chosen}
        held = self.collections[written]

        changed = change(name, what if where is None else parse_filter(where))

        ids.discard(None)
        assert changed == len(ids - held if into else ids & held)
        held ^= (ids - held) if into else (ids & held)

    @invariant()
    def all_is_as_in_the_twin(self) -> None:
        rows = self.reader.videos(limit=99)
        assert {str(row.path): row.video_id for row in rows} == self.videos
        failures = self.reader.failures()
        assert {str(row.path): row.video_id for row in failures} == self.failed
        listed = {row.name: row.videos for row in self.reader.collections.list()}
        indexed = set(self.videos.values())
        assert listed == {name: len(ids & indexed) for name, ids in self.collections.items()}
        for name, ids in self.collections.items():
            held = self.reader.videos(limit=99, where=parse_filter(f"collection:{name}"))
            assert {row.video_id for row in held} == ids & indexed

    @invariant()
    def a_search_finds_what_is_there(self) -> None:
        hits = self.reader.search(axis(0), fingerprint=SETTINGS.fingerprint, limit=99)
        assert {str(hit.path) for hit in hits} == set(self.videos)

    @rule()
    def publish_and_verify(self) -> None:
        with self.library.writer() as writer:
            writer.publish()
        assert self.library.verify() == []

    def forget(self, gone: set[str]) -> None:
        for path in gone:
            video_id = self.videos.pop(path, None) or self.failed.pop(path, None)
            for ids in self.collections.values():
                ids.discard(str(video_id))

    def written(self, name: str) -> str | None:
        """How the collection that a name means is written."""
        return next((each for each in self.collections if each.lower() == name.lower()), None)

    def named(self, what: str) -> set[str]:
        known = {*self.videos, *self.failed}
        if "*" not in what:
            return {
                path for path in known if path == what or path.startswith(f"{what.rstrip('/')}/")
            }
        if "**" in what:
            return {path for path in known if path.endswith("/2.mp4")}
        depth = what.count("/")
        return {p for p in known if p.count("/") == depth and fnmatch.fnmatchcase(p, what)}

    def matching(self, where: str) -> set[str]:
        collected = set().union(*self.collections.values())
        return {
            "name:1.mp4": {path for path in self.videos if path.endswith("1.mp4")},
            "folder:b": {path for path in self.videos if "/b/" in path},
            "not folder:a": {path for path in self.videos if "/a/" not in path},
            "has:collection": {path for path, of in self.videos.items() if of in collected},
        }[where]


TestContentsAndTheirTwin = ContentsAndTheirTwin.TestCase
TestContentsAndTheirTwin.settings = settings(max_examples=8, stateful_step_count=25, deadline=None)
