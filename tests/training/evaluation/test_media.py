"""Evaluating what training learns from: several captions, pictures, folders of frames, shards."""

import json
import tarfile

import numpy as np
import pytest
from PIL import Image

from cpd_model.testing import COLORS, ColorEncoder
from tests.training.colored_clips import write_video
from training.data.manifest import read_manifest, videos_of
from training.evaluation.media import embed_media
from training.evaluation.retrieval import evaluate_retrieval
from training.evaluation.zero_shot import evaluate_zero_shot


class ClipEncoder:
    """A ColorEncoder that only takes whole clips, and counts them."""

    def __init__(self):
        self._inner = ColorEncoder()
        self.num_clips = 0
        for name in ("name", "fingerprint", "embed_dim", "clip_spec", "temperature", "device"):
            setattr(self, name, getattr(self._inner, name))

    def encode_video(self, clips_BTHWC):
        self.num_clips += len(clips_BTHWC)
        return self._inner.encode_video(clips_BTHWC)

    def encode_text(self, texts):
        return self._inner.encode_text(texts)


def write_picture(path, *names):
    """A picture of equal stripes."""
    path.parent.mkdir(exist_ok=True)
    stripes = [np.full((16, 8, 3), COLORS[name], dtype=np.uint8) for name in names]
    Image.fromarray(np.concatenate(stripes, axis=1)).save(path)


@pytest.fixture
def media(tmp_path):
    """A video, a picture and a folder of two frames, a JSONL list of them, and a class list."""
    write_video(tmp_path / "red.mkv", COLORS["red"])
    write_picture(tmp_path / "blue.png", "blue", "blue")
    write_picture(tmp_path / "walk" / "f1.png", "green", "green")
    write_picture(tmp_path / "walk" / "f2.png", "green", "green")
    rows = [
        {"path": "red.mkv", "captions": ["red", "white"], "label": "red", "split": "val"},
        {"path": "blue.png", "captions": ["blue"], "label": "blue", "split": "val"},
        {"path": "walk", "captions": ["green", "a green walk"], "label": "green", "split": "val"},
        {"path": "gone.jpg", "captions": ["white"], "label": "red", "split": "train"},
    ]
    (tmp_path / "val.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "classes.txt").write_text("red\nblue\ngreen\n")
    return tmp_path


@pytest.mark.parametrize("make_encoder", [ColorEncoder, ClipEncoder], ids=["by frame", "by clip"])
def test_pictures_and_folders_are_found_by_each_of_their_captions(media, make_encoder):
    encoder = make_encoder()
    options = {"split": "val", "cache_root": media / "cache"}

    result = evaluate_retrieval(media / "val.jsonl", encoder, **options)

    # white is as far from all three: last place as a query, and no harm to its video
    assert result.ranks_Q.tolist() == [1, 3, 1, 1, 1]
    assert result.video_ranks_V.tolist() == [1, 1, 1]
    assert (result.num_videos, result.failures) == (3, [])
    assert "a picture or a folder of frames whole" in result.protocol
    again = evaluate_retrieval(
        media / "val.jsonl", encoder, embed_files=None, **options
    )  # all of it cached
    assert again.ranks_Q.tolist() == result.ranks_Q.tolist()


def test_pictures_and_folders_have_labels_too(media):
    result = evaluate_zero_shot(
        media / "val.jsonl",
        media / "classes.txt",
        ColorEncoder(),
        split="val",
        cache_root=media / "cache",
    )

    assert result.ranks_V.tolist() == [1, 1, 1]


def test_without_a_split_all_rows_count_and_what_is_missing_fails_as_the_list_writes_it(media):
    result = evaluate_retrieval(media / "val.jsonl", ColorEncoder(), cache_root=media / "cache")

    assert result.num_videos == 4
    assert [(failure.path, failure.written_path) for failure in result.failures] == [
        (media / "gone.jpg", "gone.jpg")
    ]


def test_a_folder_counts_each_of_its_parts_alike(tmp_path):
    for number, color in enumerate(["red", "red", "blue", "blue"]):
        write_picture(tmp_path / "walk" / f"{number}.png", color, color)
    (tmp_path / "walk.txt").write_text("red then blue")
    videos = videos_of(read_manifest(tmp_path))
    encoder = ColorEncoder()

    (found,) = embed_media(videos, encoder, windows=(4.0, 2.0))

    want_D = (encoder.encode_text(["red"]) + encoder.encode_text(["blue"]))[0]
    np.testing.assert_allclose(
        found.embeddings_SD, want_D[None] / np.linalg.norm(want_D), atol=0.02
    )


def test_shards_are_measured_as_what_was_packed_into_them(media):
    with tarfile.open(media / "shard.tar", "w") as archive:
        for name in ("red.mkv", "blue.png"):
            archive.add(media / name, name)
            (media / "text").write_text(name.partition(".")[0])
            archive.add(media / "text", f"{name.partition('.')[0]}.txt")
        for number in (1, 2):
            archive.add(media / "walk" / f"f{number}.png", f"walk.{number}.png")
        (media / "text").write_text("green")
        archive.add(media / "text", "walk.txt")
    whole = evaluate_retrieval(
        media / "val.jsonl", ColorEncoder(), split="val", cache_root=media / "one"
    )

    packed = evaluate_retrieval(media / "shard.tar", ColorEncoder(), cache_root=media / "two")

    assert packed.ranks_Q.tolist() == [1, 1, 1]
    assert packed.num_segments == whole.num_segments
    stored = [{path.name for path in (media / name).rglob("*") if path.is_file()}
              for name in ("one", "two")]  # fmt: skip
    assert stored[0] == stored[1]


def test_what_cannot_be_read_says_why(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    (tmp_path / "p.csv").write_text("path,caption\nempty,red\nbad.jpg,blue\n")

    result = evaluate_retrieval(tmp_path / "p.csv", ColorEncoder(), cache_root=tmp_path / "cache")

    reasons = {failure.path.name: failure.reason for failure in result.failures}
    assert "holds no picture" in reasons["empty"]
    assert "not a picture" in reasons["bad.jpg"]
