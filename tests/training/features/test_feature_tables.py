"""Tables of features: a row for each distinct picture, made in equal chunks."""

import shutil

import numpy as np
import pytest
import torch

from cpd_model.errors import InputError, ModelError
from tests.training.features.feature_streams import HALF, data, load, stream
from tests.training.media import write_image
from training.config import RunConfig
from training.data.media_tasks import Content, look_at
from training.data.pair import Pair
from training.features import frame_table as frame_table_module
from training.features.frame_features import distinct_frames, encode_in_full_chunks, frame_table
from training.features.frozen_towers import FrozenTowers
from training.features.pooled_texts import pooled_texts


@pytest.mark.parametrize(
    ("kind", "num_files", "num_frames", "rows"),
    [
        ("image", 1, 4, [0, 0, 0, 0]),
        ("frames", 1, 3, [0, 0, 0]),
        ("frames", 3, 4, [0, 1, 1, 2]),
        ("frames", 4, 4, [0, 1, 2, 3]),
        ("frames", 9, 3, [0, 1, 2]),
        ("video", 1, 3, [0, 1, 2]),
    ],
)
def test_a_picture_that_is_seen_twice_is_one_row(kind, num_files, num_frames, rows):
    frames = distinct_frames(Content("", kind, num_files), num_frames)

    assert frames.row_T.tolist() == rows
    assert len(frames.fractions_R) == len(set(rows))
    pictures = (frames.fractions_R * num_files).astype(int)
    if kind == "frames" and num_files == 9:
        assert pictures.tolist() == [1, 4, 7]


def test_a_copy_elsewhere_is_the_same_content_and_another_kind_is_not(tmp_path):
    path = write_image(tmp_path, 1)
    (tmp_path / "folder").mkdir()
    copies = [tmp_path / "copy.png", tmp_path / "folder" / "0.png"]
    for copy in copies:
        shutil.copy(path, copy)

    image, copied, folder = (
        look_at(Pair(id="", path=place, captions=("",)))
        for place in (path, copies[0], tmp_path / "folder")
    )

    assert image == copied
    assert folder.content_hash != image.content_hash


@pytest.mark.parametrize("sizes", [[], [1], [4], [5, 1, 9], [8, 8], [1, 1, 1, 1, 1]])
def test_frames_are_encoded_in_chunks_of_one_size(sizes):
    seen = []

    def encode(frames):
        seen.append(len(frames))
        return frames[:, 0, 0, :1].astype(np.float16)

    parts = [(size, np.full((size, 2, 2, 3), n + 1, np.uint8)) for n, size in enumerate(sizes)]
    rows = list(encode_in_full_chunks(iter(parts), encode, chunk_size=4))

    assert [owner for owner, _ in rows] == sizes
    for number, (size, of_part) in enumerate(rows):
        assert of_part.tolist() == [[number + 1]] * size
    assert all(count % 4 == 0 for count in seen)


def test_equal_captions_are_pooled_once(bundle, tmp_path):
    towers = FrozenTowers(*load(bundle), cache_root=tmp_path)

    texts = pooled_texts([("red", "a blue dog"), ("red",)], towers)

    assert texts.rows_UE.shape == (2, 16)
    first = texts.pooled_of(np.array([0, 1]), np.array([0, 0]))
    np.testing.assert_array_equal(first[0], first[1])
    second = texts.pooled_of(np.array([0]), np.array([1]))
    np.testing.assert_allclose(second, towers.pool_texts(["a blue dog"]), **HALF)


def test_a_table_too_large_for_memory_is_the_same_in_a_file(
    pairs, bundle, cache_root, tmp_path, monkeypatch
):
    towers = FrozenTowers(*load(bundle), cache_root=cache_root)
    in_memory = frame_table(pairs, towers, data=data())
    monkeypatch.setattr(frame_table_module, "MEMORY_BYTES", 0)

    in_file = frame_table(pairs, towers, data=data())

    assert isinstance(in_file.rows_RF, np.memmap)
    np.testing.assert_array_equal(in_file.rows_RF, in_memory.rows_RF)
    assert in_memory.nbytes == in_memory.rows_RF.nbytes + 8 * 4 * 8


def test_features_that_half_precision_cannot_hold_are_refused(pairs, bundle, tmp_path):
    model, processor = load(bundle)
    with torch.no_grad():
        model.video_tower.backbone._conv_stem.weight.fill_(float("nan"))

    with pytest.raises(ModelError, match="no numbers that float16 can hold"):
        frame_table(pairs, FrozenTowers(model, processor, cache_root=tmp_path), data=data())


@pytest.mark.parametrize("views", [0, 3])
def test_only_the_centre_and_its_mirror_image_are_views(pairs, bundle, tmp_path, views):
    with pytest.raises(InputError, match=f"feature_views must be 1 or 2, got {views}"):
        stream(
            pairs,
            load(bundle),
            tmp_path,
            config=RunConfig(recipe="test", data=data(feature_views=views)),
        )
