"""Pairs in tar archives: packed, read in any order, and what is said when one is no good."""

import io
import json
import os
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cpd_model.encoder import ClipSpec
from cpd_model.errors import InputError
from index.decoding.pool import DecodePool
from index.errors import VideoError
from index.video.media import read_media_frames
from tests.index.colored_videos import Scene, write_video
from training.data.packing import pack_pairs
from training.data.pairs import Pair, read_pairs
from training.data.webdataset import open_media

SPEC = ClipSpec(num_frames=2, frame_size=16, resize="crop", short_side=16)


def write_tar(path: Path, members: dict[str, str | bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            body = content if isinstance(content, bytes) else content.encode()
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return path


def contents_of(pair: Pair) -> list[bytes]:
    with open_media(pair) as path:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        return [file.read_bytes() for file in files]


def read_pair_frames(pair: Pair) -> np.ndarray:
    with open_media(pair) as path:
        return read_media_frames(path, [0.2, 0.8], SPEC)


@pytest.fixture
def pairs(tmp_path) -> list[Pair]:
    """A video, a picture and a folder of frames."""
    folder = tmp_path / "media"
    (folder / "walk").mkdir(parents=True)
    write_video(folder / "a.mp4", Scene("red", 1), Scene("blue", 1))
    for number, grey in enumerate([40, 80, 120]):
        Image.new("RGB", (20, 16), (grey,) * 3).save(folder / "walk" / f"f{number * 5}.png")
    Image.new("RGB", (20, 16), (9, 8, 7)).save(folder / "c.PNG")
    return [
        Pair(id="a", path=folder / "a.mp4", captions=("a \u00e9", "b"), split="train"),
        Pair(id="x/c.y", path=folder / "c.PNG", captions=("c",), split="val"),
        Pair(id="w", path=folder / "walk", captions=("d",)),
    ]


def test_packed_pairs_come_back_as_they_were(tmp_path, pairs):
    (shard,) = pack_pairs(pairs, tmp_path / "out")

    back = read_pairs(tmp_path / "out")

    assert [replace(pair, path=Path(), members=()) for pair in back] == [
        replace(pair, path=Path()) for pair in pairs
    ]
    assert {pair.path for pair in back} == {shard}
    for before, after in zip(pairs, back, strict=True):
        assert np.array_equal(read_pair_frames(after), read_pair_frames(before))
    assert sorted(os.listdir(tmp_path / "out")) == ["shard-000000.tar"]


def test_packing_what_is_packed_gives_the_same_bytes(tmp_path, pairs):
    (first,) = pack_pairs(pairs, tmp_path / "one")
    (second,) = pack_pairs(read_pairs(first), tmp_path / "two")

    assert first.read_bytes() == second.read_bytes()


@given(
    sizes=st.lists(st.integers(0, 3000), min_size=2, max_size=8), limit=st.integers(6000, 30_000)
)
def test_shards_hold_all_pairs_in_order_and_keep_to_their_size(tmp_path_factory, sizes, limit):
    folder = tmp_path_factory.mktemp("pack")
    pairs = []
    for number, size in enumerate(sizes):
        (folder / f"{number}.mp4").write_bytes(bytes([number]) * size)
        path = folder / f"{number}.mp4"
        pairs.append(Pair(id=str(number), path=path, captions=("x",)))
    told: list[int] = []

    shards = pack_pairs(pairs, folder / "out", max_shard_bytes=limit, on_pair=told.append)

    back = read_pairs(folder / "out")
    assert [pair.id for pair in back] == [pair.id for pair in pairs]
    assert [contents_of(pair) for pair in back] == [contents_of(pair) for pair in pairs]
    assert told == list(range(1, len(pairs) + 1))
    # tarfile fills an archive up to a multiple of its record.
    assert all(shard.stat().st_size < limit + tarfile.RECORDSIZE for shard in shards)
    assert [shard.name for shard in shards] == [f"shard-{n:06d}.tar" for n in range(len(shards))]


def test_members_are_read_in_any_order_and_copies_go_away(tmp_path, pairs):
    pack_pairs(pairs, tmp_path / "out")
    for pair in reversed(read_pairs(tmp_path / "out")):
        with open_media(pair, folder=tmp_path) as path:
            assert path.exists()
            assert tmp_path in path.parents
        assert not path.exists()
    assert [name for name in os.listdir(tmp_path) if name.startswith("cpd-")] == []


def test_members_are_read_in_decoder_processes(tmp_path, pairs):
    pack_pairs(pairs, tmp_path / "out")

    with DecodePool(num_workers=1) as pool:
        packed = [pool.submit(read_pair_frames, p.path, p) for p in read_pairs(tmp_path / "out")]

        for before, future in zip(pairs, packed, strict=True):
            assert np.array_equal(future.result(), read_pair_frames(before))


def test_shards_of_others_are_read(tmp_path):
    """As video2dataset, img2dataset and yt-dlp name things; a thumbnail is no frame."""
    write_tar(
        tmp_path / "b.tar",
        {
            "./in/0.JPG": "pic", "./in/0.txt": "one\ntwo", "./in/0.json": '{"caption": "three"}',
            "1.mp4": "vid", "1.jpg": "thumb", "1.info.json": '{"title": "four"}',
            "2.mp4": "no text", "3.txt": "no medium", "readme": "x", "__meta__/x": "y",
        },
    )  # fmt: skip
    write_tar(tmp_path / "a.tar", {"0.webm": "w", "0.json": '{"id": "z", "captions": ["five"]}'})

    pairs = read_pairs(tmp_path)

    assert [(pair.id, pair.captions) for pair in pairs] == [
        ("z", ("five",)),
        ("b.tar/in/0", ("three",)),
        ("b.tar/1", ("four",)),
    ]
    assert [contents_of(pair) for pair in pairs] == [[b"w"], [b"pic"], [b"vid"]]


def test_frames_of_a_packed_folder_keep_their_order(tmp_path):
    frames = {f"0.{number:06d}.jpg": f"{number}" for number in (2, 0, 10, 1)}
    tar = write_tar(tmp_path / "a.tar", {**frames, "0.txt": "x", "1.jpg": "y", "1.txt": "y"})

    first, _ = read_pairs(tar)

    assert contents_of(first) == [b"0", b"1", b"2", b"10"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(b"no tar", "is no whole, uncompressed tar archive", id="text"),
        pytest.param(b"", "is no whole, uncompressed tar archive", id="empty"),
        pytest.param(b"\x1f\x8b\x08\x00" + b"\x00" * 600, "uncompressed", id="gzip"),
    ],
)
def test_an_unusable_archive_is_one_sentence(tmp_path, content, sentence):
    (tmp_path / "a.tar").write_bytes(content)

    with pytest.raises(InputError, match=sentence):
        read_pairs(tmp_path / "a.tar")


def test_an_archive_that_was_cut_off_is_refused(tmp_path):
    tar = write_tar(tmp_path / "a.tar", {"0.mp4": "x" * 3000, "0.txt": "x", "1.mp4": "y" * 9000})
    tar.write_bytes(tar.read_bytes()[:8000])

    with pytest.raises(InputError, match=r"a\.tar is no whole"):
        read_pairs(tar)


@pytest.mark.parametrize(
    ("text", "sentence"), [("{", r"a\.tar/0\.json is no JSON"), (b"\xff", r"0\.json is not UTF-8")]
)
def test_a_broken_text_in_an_archive_names_itself(tmp_path, text, sentence):
    tar = write_tar(tmp_path / "a.tar", {"0.mp4": "x", "0.json": text})

    with pytest.raises(InputError, match=sentence):
        read_pairs(tar)


def test_a_broken_member_names_itself_and_not_its_copy(tmp_path):
    members = {"0.mp4": "no video", "0.txt": "x", "1.mp4": "y", "1.txt": "y"}
    first, _ = read_pairs(write_tar(tmp_path / "a.tar", members))

    with pytest.raises(VideoError, match=r"cannot read 0\.mp4: ") as caught:
        read_pair_frames(first)
    assert caught.value.path == tmp_path / "a.tar" / "0.mp4"

    (tmp_path / "a.tar").write_bytes(b"cut off")
    with pytest.raises(VideoError, match="shorter than when it was listed"):
        read_pair_frames(first)
    (tmp_path / "a.tar").unlink()
    with pytest.raises(VideoError, match=r"cannot read 0\.mp4: No such file"):
        read_pair_frames(first)


def test_nothing_is_packed_where_shards_lie_or_files_are_missing(tmp_path, pairs):
    write_tar(tmp_path / "full" / "old.tar", {})
    gone = Pair(id="gone", path=tmp_path / "gone.mp4", captions=("x",))

    with pytest.raises(InputError, match=r"holds \.tar files already"):
        pack_pairs(pairs, tmp_path / "full")
    with pytest.raises(InputError, match=r"1 of the files to pack are missing, such as .*gone"):
        pack_pairs([*pairs, gone], tmp_path / "out")
    with pytest.raises(InputError, match="no pair to pack"):
        pack_pairs([], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_full_disk_leaves_whole_shards_and_nothing_half_written(tmp_path, pairs, monkeypatch):
    add = tarfile.TarFile.addfile

    def fill_up(self, info, fileobj=None):
        if info.name.startswith("00000002"):
            raise OSError(28, "No space left on device")
        add(self, info, fileobj)

    monkeypatch.setattr(tarfile.TarFile, "addfile", fill_up)

    with pytest.raises(InputError, match="No space left on device; 2 shards are whole"):
        pack_pairs(pairs, tmp_path / "out", max_shard_bytes=1)

    assert sorted(os.listdir(tmp_path / "out")) == ["shard-000000.tar", "shard-000001.tar"]
    assert [pair.id for pair in read_pairs(tmp_path / "out")] == ["a", "x/c.y"]


def test_what_is_packed_has_the_usual_form(tmp_path, pairs):
    (shard,) = pack_pairs(pairs[:1], tmp_path / "out")

    with tarfile.open(shard) as archive:
        assert archive.getnames() == ["00000000.mp4", "00000000.json", "00000000.txt"]
        text = archive.extractfile("00000000.json")
        assert text is not None
        assert json.load(text) == {"id": "a", "captions": ["a \u00e9", "b"], "split": "train"}
