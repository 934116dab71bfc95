"""Any order of all that can happen to a library leaves it equal to a plain dictionary.

The dictionary says of each path which content stands there, what was said of the video, and which
models have its vectors; a search of it scores every window.
"""

import copy
import shutil
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cpd_model.encoder import Vectors
from index.catalog.reads import to_unit
from index.exchange.merging import merge_libraries
from index.filters.filter import parse_filter
from index.library.library import Library
from index.library.model_building import begin_building, finish_building, videos_lacking
from index.library.pruning import prune_videos
from index.library.removal import plan_removal
from tests.index.libraries import SETTINGS, file_version, put, unit_rows, windows

OTHER = replace(SETTINGS, model="other", fingerprint="d1" * 32, embed_dim=6)
MODELS = {each.fingerprint: each for each in (SETTINGS, OTHER)}
NAMES = [f"{i}.mp4" for i in range(5)]
COLLECTIONS = ["old", "new"]
FILTERS = {
    None: lambda video: True,
    "collection:old": lambda video: "old" in video.collections,
    "not collection:new": lambda video: "new" not in video.collections,
    "meta.rating>=2": lambda video: video.rating is not None and video.rating >= 2,
    "not meta.rating=1 and collection:new": lambda video: (
        video.rating != 1 and "new" in video.collections
    ),
}

names = st.sampled_from(NAMES)
contents = st.integers(0, 7)
"""Few, so that videos often share content."""


def hash_of(content: int) -> str:
    return f"{content:064x}"


def vectors_of(content: int, model: str) -> Vectors:
    """What a model says of a content; its number of windows is the content's."""
    dim = MODELS[model].embed_dim
    seed = 2 * content + (model == OTHER.fingerprint)
    return unit_rows(1 + 5 * content, seed=seed, embed_dim=dim)


@dataclass
class Video:
    """What the dictionary knows at a path."""

    video_id: str
    content: int
    models: set[str]
    collections: set[str] = field(default_factory=set)
    rating: int | None = None


@dataclass
class Twin:
    """A library as a dictionary."""

    videos: dict[str, Video] = field(default_factory=dict)
    models: list[str] = field(default_factory=lambda: [SETTINGS.fingerprint])
    live: str = SETTINGS.fingerprint
    before: str | None = None


class LibraryAndItsDictionary(RuleBasedStateMachine):
    """A library with a reader that stays open, beside a dictionary of the same videos."""

    def __init__(self) -> None:
        super().__init__()
        self.base = Path(tempfile.mkdtemp())
        self.files = self.base / "videos"
        self.files.mkdir()
        self.folder = self.base / "library"
        self.library = Library.create(self.folder, SETTINGS)
        for name in COLLECTIONS:
            self.library.collections.create(name)
        self.reader = Library.open(self.folder)
        self.twin = Twin()
        self.kept: Twin | None = None
        self.meaning: dict[int, tuple[str, int, float]] = {}
        """Of each segment id that was ever seen: its video, content and start."""
        self.num_merged = 0

    def teardown(self) -> None:
        self.reader.close()
        self.library.close()
        shutil.rmtree(self.base)

    def path(self, name: str) -> Path:
        return self.files / name

    def open_again(self) -> None:
        self.library.close()
        self.library = Library.open(self.folder)

    @initialize()
    def search_while_empty(self) -> None:
        self.reader.prepare()

    @rule(name=names, content=contents)
    def add(self, name: str, content: int) -> None:
        self.path(name).touch()
        with self.library.writer() as writer:
            rows_SD = vectors_of(content, self.twin.live)
            video_id = put(writer, self.path(name), rows_SD, content_hash=hash_of(content))
        video = self.twin.videos.setdefault(name, Video(video_id, content, set()))
        assert video.video_id == video_id
        video.content, video.models = content, {self.twin.live}

    @precondition(lambda self: self.twin.videos)
    @rule(choice=st.integers(0, 99), collection=st.sampled_from(COLLECTIONS), put_in=st.booleans())
    def tag(self, choice: int, collection: str, put_in: bool) -> None:
        name = self.chosen(choice)
        video = self.twin.videos[name]
        if put_in:
            self.library.collections.add(collection, self.path(name))
            video.collections.add(collection)
        else:
            self.library.collections.remove(collection, self.path(name))
            video.collections.discard(collection)

    @precondition(lambda self: self.twin.videos)
    @rule(choice=st.integers(0, 99), rating=st.integers(0, 3))
    def rate(self, choice: int, rating: int) -> None:
        name = self.chosen(choice)
        self.library.metadata.set(self.path(name), {"rating": rating})
        self.twin.videos[name].rating = rating

    @precondition(lambda self: self.twin.videos)
    @rule(choice=st.integers(0, 99), to=names)
    def move(self, choice: int, to: str) -> None:
        name = self.chosen(choice)
        video = self.twin.videos.pop(name)
        if self.path(name).exists():
            self.path(name).rename(self.path(to))
        with self.library.writer() as writer:
            writer.move_video(video.video_id, file_version(self.path(to)))
        self.twin.videos[to] = video

    @precondition(lambda self: self.twin.videos)
    @rule(choice=st.integers(0, 99))
    def remove(self, choice: int) -> None:
        name = self.chosen(choice)
        plan_removal(self.library.catalog, self.path(name)).carry_out()
        del self.twin.videos[name]

    @precondition(lambda self: any(v.rating == 2 for v in self.twin.videos.values()))
    @rule()
    def remove_by_filter(self) -> None:
        plan_removal(self.library.catalog, parse_filter("meta.rating=2")).carry_out()
        self.twin.videos = {n: v for n, v in self.twin.videos.items() if v.rating != 2}

    @precondition(lambda self: self.twin.videos)
    @rule(choice=st.integers(0, 99))
    def lose_a_file_and_prune(self, choice: int) -> None:
        self.path(self.chosen(choice)).unlink(missing_ok=True)
        prune_videos(self.library.catalog, even_if_gone=True)
        self.twin.videos = {n: v for n, v in self.twin.videos.items() if self.path(n).exists()}

    @rule(model=st.sampled_from(list(MODELS)))
    def reembed(self, model: str) -> None:
        with self.library.lease() as writer:
            begun = begin_building(self.library.catalog, MODELS[model])
            for lacking in videos_lacking(self.library.catalog, begun):
                content = int(lacking.content_hash, 16)
                rows_SD = rows_of(content, model)
                writer.put_vectors(
                    lacking.content_hash,
                    segments=windows(len(rows_SD)),
                    embeddings_SD=rows_SD,
                    model=begun,
                )
            finish_building(self.library.catalog, begun)
        if model not in self.twin.models:
            self.twin.models.append(model)
        for video in self.twin.videos.values():
            video.models.add(model)

    @precondition(lambda self: len(self.twin.models) > 1)
    @rule(choice=st.integers(0, 99))
    def switch(self, choice: int) -> None:
        model = self.twin.models[choice % len(self.twin.models)]
        self.library.models.switch(MODELS[model].model, anyway=True)
        if model != self.twin.live:
            self.twin.before, self.twin.live = self.twin.live, model
        self.open_again()

    @precondition(lambda self: self.twin.before is not None)
    @rule()
    def switch_back(self) -> None:
        self.library.models.switch(anyway=True)
        self.twin.live, self.twin.before = self.twin.before or "", self.twin.live
        self.open_again()

    @rule()
    def take_a_snapshot(self) -> None:
        if self.kept is not None:
            self.library.snapshots.drop("kept")
        self.library.snapshots.create("kept")
        self.kept = copy.deepcopy(self.twin)

    @precondition(lambda self: self.kept is not None)
    @rule()
    def restore(self) -> None:
        self.library.snapshots.restore("kept", backup=False)
        self.twin = copy.deepcopy(self.kept) or Twin()
        self.open_again()
        if self.reader.settings.fingerprint not in self.twin.models:
            self.open_the_reader_again()

    @rule(content=contents)
    def merge(self, content: int) -> None:
        self.num_merged += 1
        name = f"merged-{self.num_merged}.mp4"
        self.path(name).touch()
        other = self.base / f"other-{self.num_merged}"
        content += 100 * self.num_merged  # bytes that no video has, so that it is no copy
        rows_SD = vectors_of(content % 7, self.twin.live)
        with Library.create(other, replace(MODELS[self.twin.live], model_number=1)) as library:
            with library.writer() as writer:
                video_id = put(writer, self.path(name), rows_SD, content_hash=hash_of(content))
            library.collections.create("old")
            library.collections.add("old", self.path(name))
        merge_libraries(self.folder, [other])
        self.twin.videos[name] = Video(video_id, content, {self.twin.live}, {"old"})

    @rule(whole=st.booleans())
    def publish_and_compact(self, whole: bool) -> None:
        with self.library.writer() as writer:
            writer.publish()
            writer.compact(whole=whole)

    @rule()
    def open_the_reader_again(self) -> None:
        self.reader.close()
        self.reader = Library.open(self.folder)

    @rule(seed=st.integers(0, 20), limit=st.integers(1, 60), where=st.sampled_from(list(FILTERS)))
    def search(self, seed: int, limit: int, where: str | None) -> None:
        model = self.reader.settings
        query_D = unit_rows(1, seed=100 + seed, embed_dim=model.embed_dim)[0]
        found = {
            name: to_unit(rows_of(video.content, model.fingerprint).astype(np.float16)) @ query_D
            for name, video in self.twin.videos.items()
            if model.fingerprint in video.models and FILTERS[where](video)
        }
        best = sorted((s for scores in found.values() for s in scores), reverse=True)[:limit]

        hits = self.reader.search(
            query_D,
            fingerprint=model.fingerprint,
            limit=limit,
            merge=False,
            where=None if where is None else parse_filter(where),
        )

        assert [hit.score for hit in hits] == pytest.approx([float(s) for s in best], abs=1e-5)
        assert len({hit.segment_id for hit in hits}) == len(hits)
        for hit in hits:
            video = self.twin.videos[hit.path.name]
            assert hit.video_id == video.video_id
            assert hit.score == pytest.approx(
                float(found[hit.path.name][round(hit.start_seconds / 2)]), abs=1e-5
            )
            means = (hit.video_id, video.content, hit.start_seconds)
            assert self.meaning.setdefault(hit.segment_id, means) == means

    @invariant()
    def lists_what_the_dictionary_holds(self) -> None:
        for where, fits in FILTERS.items():
            asked = None if where is None else parse_filter(where)
            listed = self.reader.videos(limit=100, where=asked)
            expected = {n: v.video_id for n, v in self.twin.videos.items() if fits(v)}
            assert {video.path.name: video.video_id for video in listed} == expected

    def chosen(self, choice: int) -> str:
        return sorted(self.twin.videos)[choice % len(self.twin.videos)]


def rows_of(content: int, model: str) -> Vectors:
    """The vectors of a content; one that came by a merge has those of a smaller number."""
    return vectors_of(content % 7 if content >= 100 else content, model)


TestLibraryAndItsDictionary = LibraryAndItsDictionary.TestCase
TestLibraryAndItsDictionary.settings = settings(
    max_examples=3, stateful_step_count=30, deadline=None
)


@pytest.mark.long_faults
class TestLibraryAndItsDictionaryForLong(TestLibraryAndItsDictionary):
    settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
