"""Files that changed names among themselves keep their ids, whatever the order they are read in."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.library.library import Library
from tests.index.fake_decoder import FakeDecoder
from tests.index.library.adding import add, counts, ids, make_color_library

NAMES = [f"{letter}.mp4" for letter in "abcdefgh"]
DURATIONS = dict.fromkeys(NAMES, 6.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """a.mp4 b.mp4 c.mp4, of one size."""
    folder = tmp_path / "videos"
    folder.mkdir()
    fill(folder, {name: f"content {i}" for i, name in enumerate(NAMES[:3])})
    return folder


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with make_color_library(tmp_path / "library") as library:
        yield library


def fill(folder: Path, contents: dict[str, str]) -> None:
    """Let the folder hold these files and no others; each is written anew."""
    for file in folder.iterdir():
        file.unlink()
    for name, content in contents.items():
        (folder / name).write_text(content)


def rename(folder: Path, names: dict[str, str]) -> None:
    """All at once: from the old name to the new one."""
    for old in names:
        (folder / old).rename(folder / f"{old}.moving")
    for old, new in names.items():
        (folder / f"{old}.moving").rename(folder / new)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "names",
    [
        {"a.mp4": "b.mp4", "b.mp4": "c.mp4", "c.mp4": "d.mp4"},
        {"c.mp4": "d.mp4", "b.mp4": "c.mp4"},
        {"a.mp4": "b.mp4", "b.mp4": "a.mp4"},
        {"a.mp4": "b.mp4", "b.mp4": "c.mp4", "c.mp4": "a.mp4"},
    ],
    ids=["chain", "half a chain", "swap", "ring"],
)
def test_files_that_change_names_in_a_row_keep_their_ids(
    library: Library, folder: Path, names: dict[str, str], seed: int
) -> None:
    add(library, folder)
    before = ids(library)
    rename(folder, names)
    read: list[Path] = []

    report = add(
        library,
        folder,
        decoder=FakeDecoder(DURATIONS, seed=seed, on_read=lambda path, count: read.append(path)),
    )

    assert ids(library) == {names.get(name, name): video for name, video in before.items()}
    assert counts(report) == (0, len(names), 3 - len(names), 0, 0)
    assert read == []
    assert library.verify() == []


@pytest.mark.parametrize("content", ["content X", "longer content"])
def test_an_id_follows_the_content_whose_old_name_was_given_to_another(
    library: Library, folder: Path, content: str
) -> None:
    add(library, folder)
    before = ids(library)
    rename(folder, {"b.mp4": "d.mp4"})
    (folder / "b.mp4").write_text(content)

    report = add(library, folder, decoder=FakeDecoder(DURATIONS))

    after = ids(library)
    assert counts(report) == (1, 1, 2, 0, 0)
    assert after["d.mp4"] == before["b.mp4"]
    assert after.pop("b.mp4") not in before.values()
    assert after == {"a.mp4": before["a.mp4"], "c.mp4": before["c.mp4"], "d.mp4": before["b.mp4"]}


def test_an_id_follows_a_content_whose_old_name_cannot_be_read(
    library: Library, folder: Path
) -> None:
    """Its size tells that the file there is another one."""
    add(library, folder)
    before = ids(library)
    rename(folder, {"b.mp4": "d.mp4"})
    (folder / "b.mp4").write_text("another content, damaged")

    report = add(library, folder, decoder=FakeDecoder(DURATIONS, bad_reads={"b.mp4": 0}))

    assert counts(report) == (0, 1, 2, 1, 0)
    assert ids(library)["d.mp4"] == before["b.mp4"]
    assert [failure.path.name for failure in library.failures()] == ["b.mp4"]
    assert library.stale_videos() == []


def test_folders_of_equal_files_that_move_keep_the_ids_of_their_names(
    library: Library, tmp_path: Path
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    fill(old, dict.fromkeys(NAMES[:4], "one content for all"))
    add(library, old, decoder=FakeDecoder(DURATIONS))
    before = ids(library)
    old.rename(new)

    report = add(library, new, decoder=FakeDecoder(DURATIONS))

    assert counts(report) == (0, 4, 0, 0, 0)
    assert ids(library) == before


@st.composite
def shuffles(draw: st.DrawFn) -> tuple[dict[str, str], dict[str, str]]:
    """Files by name as they are, and as they are later: renamed, replaced, copied, new, gone."""
    contents = [f"content {'x' * (i % 2)}{i}" for i in range(8)]
    num_before = draw(st.integers(1, 5))
    before = dict(zip(draw(st.permutations(NAMES))[:num_before], contents, strict=False))
    later = draw(st.lists(st.sampled_from(contents), min_size=1, max_size=len(NAMES)))
    return before, dict(zip(draw(st.permutations(NAMES)), later, strict=False))


@settings(max_examples=8, deadline=None)
@given(shuffled=shuffles(), seed=st.integers(0, 99))
def test_ids_follow_contents_through_any_shuffle(
    shuffled: tuple[dict[str, str], dict[str, str]], seed: int
) -> None:
    before, later = shuffled
    root = Path(tempfile.mkdtemp())
    folder = root / "videos"
    folder.mkdir()
    read: list[str] = []
    with make_color_library(root / "library") as library:
        fill(folder, before)
        add(library, folder, decoder=FakeDecoder(DURATIONS))
        old = {before[name]: video for name, video in ids(library).items()}
        fill(folder, later)

        watching = FakeDecoder(
            DURATIONS, seed=seed, on_read=lambda path, count: read.append(later[path.name])
        )
        report = add(library, folder, decoder=watching)

        new = {name: ids(library)[name] for name in later}
        for content, video in old.items():
            if content in later.values():
                assert video in {new[name] for name in later if later[name] == content}
        assert set(read).isdisjoint(old)
        assert len(set(new.values())) == len(later)
        assert report.failed == 0
        assert add(library, folder).unchanged == len(later)
        assert library.verify() == []
    shutil.rmtree(root)
