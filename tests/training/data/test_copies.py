"""Videos that stand twice: by their path, by their id, or by what is in their files."""

import tarfile
from pathlib import Path

import pytest

from cpd_model.errors import InputError
from cpd_model.testing import ColorEncoder
from tests.training.fakes import TextDecoder
from training.adapt.pairs import groups_of, read_adapt_pairs
from training.data import content
from training.data.copies import copies_named, repeated_videos, shared_videos
from training.data.manifest import read_manifest
from training.data.pair import Pair, TarMember
from training.evaluation.retrieval import evaluate_retrieval
from training.evaluation.splits import read_split
from training.evaluation.zero_shot import evaluate_zero_shot
from training.run.pairs import read_run_pairs


@pytest.fixture
def write(tmp_path):
    """A pair of a file, or of a folder of pictures, with the given bytes."""

    def write(name, *contents, **more):
        path = tmp_path / name
        if len(contents) == 1:
            path.write_bytes(contents[0])
        else:
            path.mkdir()
            for number, each in enumerate(contents):
                (path / f"{number}.png").write_bytes(each)
        return Pair(**{"id": name, "path": path, "captions": ("x",), **more})

    return write


def pair(name: str, *, path: str = "", members: tuple[TarMember, ...] = ()) -> Pair:
    return Pair(id=name, path=Path("/", path or name), captions=("x",), members=members)


def test_the_same_video_is_found_by_id_and_by_path_in_an_archive_too():
    member, other = TarMember("0.mp4", 512, 9), TarMember("1.mp4", 1536, 9)
    train = [pair("a"), pair("b"), pair("c", path="s.tar", members=(member,))]
    val = [
        pair("a", path="elsewhere"),
        pair("e", path="b"),
        pair("f", path="s.tar", members=(member,)),
        pair("g", path="s.tar", members=(other,)),
        pair("h"),
    ]

    assert [both.video.id for both in shared_videos(train, val)] == ["a", "e", "f"]
    assert [both.video.id for both in shared_videos(train, val, one_list=False)] == ["e", "f"]
    assert shared_videos([], val) == shared_videos(train, []) == []


def test_copies_under_other_names_are_found_by_what_is_in_them(write):
    train = [write("a.mp4", b"one"), write("b.mp4", b"two"), write("walk", b"1", b"2")]
    val = [
        write("copy of b.mp4", b"two"),
        write("c.mp4", b"six"),
        write("walk 2", b"1", b"2"),
        write("back", b"2", b"1"),
    ]

    found = shared_videos(train, val)

    assert [(each.video.id, each.original.id) for each in found] == [
        ("copy of b.mp4", "b.mp4"),
        ("walk 2", "walk"),
    ]
    assert copies_named(found) == "copy of b.mp4 is a copy of b.mp4, walk 2 is a copy of walk"


def test_a_packed_video_is_the_video(write, tmp_path):
    video = write("a.mp4", b"one")
    with tarfile.open(tmp_path / "s.tar", "w") as archive:
        archive.add(video.path, "x.mp4")
        archive.add(write("x.txt", b"words").path, "x.txt")
    (packed,) = read_manifest(tmp_path / "s.tar")

    assert [each.original.id for each in shared_videos([packed], [video])] == ["s.tar/x"]


def test_a_list_that_repeats_a_content_is_told_once_for_each_copy(write):
    videos = [write(f"{number}.mp4", text) for number, text in enumerate([b"a", b"b", b"a", b"a"])]
    again = Pair(id="again", path=videos[0].path, captions=("y",))

    found = repeated_videos([*videos, again])

    assert [(each.video.id, each.original.id) for each in found] == [
        ("2.mp4", "0.mp4"),
        ("3.mp4", "0.mp4"),
    ]


def test_only_files_of_equal_sizes_are_read(write, monkeypatch):
    hashed = []

    def note(path):
        hashed.append(path.name)
        return b"32 bytes"

    monkeypatch.setattr(content, "file_digest", note)
    train = [write("a", b"1"), write("b", b"22"), write("c", b"333"), write("same size", b"1")]

    shared_videos(train, [write("d", b"55"), write("e", b"4444")])

    assert sorted(hashed) == ["b", "d"]


def test_what_cannot_be_read_equals_nothing(write, tmp_path):
    gone = [pair("gone"), pair("gone too"), write("empty folder 1"), write("empty folder 2")]

    assert repeated_videos(gone) == []


def clips(write, **rows):
    """A CSV of captioned clips: contents by name, and of each its split."""
    lines = []
    for name, (text, split) in rows.items():
        path = write(f"{name}.mp4", text).path
        lines.append(f"{path.name},{name},{split},{name}")
    source = path.parent / f"{next(iter(rows))}.csv"
    source.write_text("path,caption,split,label\n" + "\n".join(lines) + "\n")
    return source


FOUR = {"a": (b"1", "train"), "b": (b"2", "train"), "c": (b"3", ""), "d": (b"4", "train")}


def test_a_run_is_told_of_copies_among_those_that_judge_it(write):
    told = []
    source = clips(write, **FOUR, e=(b"3", "val"), f=(b"5", "val"))

    read_run_pairs(source, None, on_message=told.append)
    read_run_pairs(source, clips(write, g=(b"4", ""), h=(b"9", "")), on_message=told.append)

    assert told == [
        "warning: 1 of 2 videos of the split val are learned from too, so its figures will be too "
        "good: e.mp4 is a copy of c.mp4; take them out of one of the two",
        "warning: 1 of 2 videos of --val are learned from too, so its figures will be too "
        "good: g.mp4 is a copy of d.mp4; take them out of one of the two",
    ]


def test_an_adaptation_refuses_judges_that_are_learned_from(write):
    source = clips(write, **FOUR)
    copies = clips(write, g=(b"4", ""), h=(b"9", ""))

    with pytest.raises(InputError, match=r"4 of 4 pairs that judge \(those of --val\) are learn"):
        read_adapt_pairs(source, source, seed=0)
    with pytest.raises(InputError, match=r"1 of 2 .*: g\.mp4 is a copy of d\.mp4; .*take them out"):
        read_adapt_pairs(source, copies, seed=0)
    with pytest.raises(InputError, match=r"1 of 1 pairs that judge \(the rows of the split val\)"):
        read_adapt_pairs(clips(write, **FOUR, e=(b"3", "val")), None, seed=0)


def test_two_lists_may_use_one_id_for_different_videos(write, tmp_path):
    (tmp_path / "other").mkdir()
    source = clips(write, **FOUR)
    (tmp_path / "other" / "a.mp4").write_bytes(b"77")
    (tmp_path / "other" / "e.mp4").write_bytes(b"88")
    val = tmp_path / "other" / "val.csv"
    val.write_text("path,caption\na.mp4,x\ne.mp4,y\n")

    assert len(read_adapt_pairs(source, val, seed=0).val) == 2


def test_copies_are_never_torn_between_learning_and_judging(write):
    pairs = [
        write("a", b"1", group="g"),
        write("b", b"1"),
        write("c", b"2", group="h"),
        write("d", b"2", group="g"),
        write("e", b"3"),
    ]

    a, b, c, d, e = groups_of(pairs)

    assert a == b == c == d != e


def test_test_videos_that_were_trained_on_under_another_name_are_told(write):
    source = clips(write, a=(b"1", "train"), b=(b"2", "train"), c=(b"2", "test"), d=(b"5", "test"))

    (first, *_) = read_split(source, number=1).warnings

    assert first.startswith(
        "1 of 2 test videos of split 1 are trained on under another name (c.mp4"
    )


def test_an_evaluation_says_which_of_its_videos_are_copies(write):
    encoder = ColorEncoder()
    source = clips(write, red=(b"red", ""), blue=(b"blue", ""), white=(b"red", ""))
    options = {"cache_root": source.parent / "cache", "embed_files": TextDecoder(encoder)}
    (source.parent / "classes.txt").write_text("red\nblue\nwhite\n")

    found = evaluate_retrieval(source, encoder, **options)
    named = evaluate_zero_shot(source, source.parent / "classes.txt", encoder, **options)

    for result in (found, named):
        assert result.protocol.endswith(
            "; 1 of 3 videos repeat another's content (white.mp4 is a copy of red.mp4) and count "
            "as videos of their own: list each content once."
        )


def test_a_long_row_of_copies_is_counted(write):
    videos = [write(str(number), b"x") for number in range(8)]

    assert copies_named(repeated_videos(videos)).endswith("5 is a copy of 0 and 2 more")
