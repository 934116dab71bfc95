"""CPDEncoder: batches equal their items, chunks equal the whole, memory that runs out."""

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from cpd_model.bundles.bundle import open_bundle
from cpd_model.encoder import Frames
from cpd_model.encoders.cpd_encoder import CHUNK_FRAMES, CPDEncoder, CPDFrameEncoder, run_in_chunks
from cpd_model.model import CPDModel
from cpd_model.processor import CPDProcessor
from cpd_model.testing import tiny_bundle

TOWERS = ["frames", "resnet3d"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("encoders")
    return {
        "frames": tiny_bundle(root / "frames", video_tower="frames"),
        "resnet3d": tiny_bundle(root / "resnet3d", video_tower="resnet3d"),
    }


@pytest.fixture(scope="module")
def encoders(folders: dict[str, Path]) -> dict[str, CPDEncoder]:
    return {tower: open_bundle(folder) for tower, folder in folders.items()}


def random_clips(batch: int) -> Frames:
    return np.random.default_rng(7).integers(0, 256, (batch, 4, 32, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize("tower", TOWERS)
@pytest.mark.parametrize("batch", [1, 2, CHUNK_FRAMES["cpu"] // 4 + 1])
def test_clips_become_unit_float32_rows_and_a_batch_equals_its_items(
    tower: str, batch: int, encoders: dict[str, CPDEncoder]
) -> None:
    clips_BTHWC = random_clips(batch)

    rows_BD = encoders[tower].encode_video(clips_BTHWC)
    alone_BD = np.concatenate([encoders[tower].encode_video(clip[None]) for clip in clips_BTHWC])

    assert rows_BD.shape == (batch, 8)
    assert rows_BD.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows_BD, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(rows_BD, alone_BD, atol=1e-5)


@pytest.mark.parametrize("tower", TOWERS)
def test_the_encoder_gives_what_the_model_gives(
    tower: str, encoders: dict[str, CPDEncoder], folders: dict[str, Path]
) -> None:
    # the encoder folds batch norms and reorders memory; the model is as it was trained
    model = CPDModel.from_pretrained(folders[tower])
    model.train(False)
    processor = CPDProcessor.from_pretrained(folders[tower])
    clips_BTHWC = random_clips(3)

    with torch.inference_mode():
        expected_BD = model.encode_video(processor.clips(torch.from_numpy(clips_BTHWC))).numpy()

    np.testing.assert_allclose(encoders[tower].encode_video(clips_BTHWC), expected_BD, atol=1e-5)


def test_pooled_frames_equal_whole_clips_and_overlapping_clips_share_frames(
    encoders: dict[str, CPDEncoder],
) -> None:
    encoder = encoders["frames"]
    assert isinstance(encoder, CPDFrameEncoder)
    frames_NHWC = random_clips(2).reshape(8, 32, 32, 3)
    index_BT = np.array([[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 6, 7]])

    features_NF = encoder.encode_frames(frames_NHWC)
    pooled_BD = encoder.pool_frames(features_NF[index_BT])

    assert features_NF.shape == (8, 32)
    np.testing.assert_allclose(pooled_BD, encoder.encode_video(frames_NHWC[index_BT]), atol=1e-5)


@pytest.mark.parametrize("tower", TOWERS)
def test_texts_of_any_length_keep_their_rows(tower: str, encoders: dict[str, CPDEncoder]) -> None:
    texts = ["a very long text about green and blue things " * 3, "red", "blue 7", "red"]

    rows_BD = encoders[tower].encode_text(texts)
    alone_BD = np.concatenate([encoders[tower].encode_text([text]) for text in texts])

    assert rows_BD.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows_BD, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(rows_BD, alone_BD, atol=1e-5)
    np.testing.assert_allclose(rows_BD[1], rows_BD[3], atol=1e-6)


def test_more_texts_than_a_chunk_keep_their_order(encoders: dict[str, CPDEncoder]) -> None:
    texts = [f"{index} " * (index % 9 + 1) for index in range(150)]

    rows_BD = encoders["frames"].encode_text(texts)

    for index in (0, 63, 64, 100, 149):
        row_1D = encoders["frames"].encode_text([texts[index]])
        np.testing.assert_allclose(rows_BD[[index]], row_1D, atol=1e-5)


@pytest.mark.parametrize("texts", [[], [""], ["red", "  "]])
def test_an_empty_text_is_refused(texts: list[str], encoders: dict[str, CPDEncoder]) -> None:
    with pytest.raises(ValueError, match="non-empty"):
        encoders["frames"].encode_text(texts)


@pytest.mark.parametrize(
    "clips",
    [np.zeros((1, 4, 32, 32, 3)), np.zeros((1, 4, 3, 32, 32), np.uint8), np.zeros(3, np.uint8)],
)
def test_clips_of_another_shape_or_dtype_are_refused(
    clips: Frames, encoders: dict[str, CPDEncoder]
) -> None:
    with pytest.raises(ValueError, match="clips must be uint8 of shape"):
        encoders["frames"].encode_video(clips)


def test_features_of_another_width_are_refused(encoders: dict[str, CPDEncoder]) -> None:
    encoder = encoders["frames"]
    assert isinstance(encoder, CPDFrameEncoder)

    with pytest.raises(ValueError, match=r"features must be \(B, T, 32\)"):
        encoder.pool_frames(np.zeros((2, 4, 31), dtype=np.float32))


@pytest.mark.parametrize("what", ["encode_video", "encode_frames", "pool_frames"])
def test_nothing_in_gives_nothing_out(
    what: Literal["encode_video", "encode_frames", "pool_frames"],
    encoders: dict[str, CPDEncoder],
) -> None:
    empty = {
        "encode_video": np.zeros((0, 4, 32, 32, 3), np.uint8),
        "encode_frames": np.zeros((0, 32, 32, 3), np.uint8),
        "pool_frames": np.zeros((0, 4, 32), np.float32),
    }

    rows = getattr(encoders["frames"], what)(empty[what])

    assert rows.shape == (0, 32 if what == "encode_frames" else 8)
    assert rows.dtype == np.float32


def test_a_chunk_that_does_not_fit_is_halved_until_it_does() -> None:
    sizes = []

    def run(start: int, stop: int) -> torch.Tensor:
        sizes.append(stop - start)
        if stop - start > 3:
            raise torch.OutOfMemoryError
        return torch.arange(start, stop)

    rows = run_in_chunks(run, 10, chunk_size=8)

    assert rows.tolist() == list(range(10))
    assert sizes == [8, 4, 2, 2, 2, 2, 2]


def test_an_item_that_does_not_fit_alone_is_an_error() -> None:
    def run(start: int, stop: int) -> torch.Tensor:
        raise torch.OutOfMemoryError

    with pytest.raises(torch.OutOfMemoryError):
        run_in_chunks(run, 4, chunk_size=4)


@pytest.mark.gpu
@pytest.mark.parametrize("tower", TOWERS)
def test_a_gpu_answers_like_the_cpu(
    tower: str, encoders: dict[str, CPDEncoder], folders: dict[str, Path]
) -> None:
    on_gpu = open_bundle(folders[tower], device="cuda:0")
    clips_BTHWC = random_clips(5)

    video_B = (on_gpu.encode_video(clips_BTHWC) * encoders[tower].encode_video(clips_BTHWC)).sum(1)
    texts = ["red", "a longer text of green"]
    text_B = (on_gpu.encode_text(texts) * encoders[tower].encode_text(texts)).sum(1)

    assert min(video_B.min(), text_B.min()) > 0.995


@pytest.mark.parametrize("tower", TOWERS)
def test_the_projection_of_a_clips_features_is_its_embedding(
    tower: str, folders: dict[str, Path]
) -> None:
    model = CPDModel.from_pretrained(folders[tower])
    model.train(False)
    clips_BCTHW = CPDProcessor.from_pretrained(folders[tower]).clips(
        torch.from_numpy(random_clips(3))
    )
    video_tower = model.video_tower
    projection = model.video_projection if tower == "resnet3d" else video_tower.projection
    if tower == "frames":
        video_tower.prior = None  # the features are what the projection sees, not the prior

    with torch.inference_mode():
        projected_BD = projection(model.video_features(clips_BCTHW))
        expected_BD = model.encode_video(clips_BCTHW)

    np.testing.assert_allclose(
        torch.nn.functional.normalize(projected_BD, dim=-1), expected_BD, atol=1e-6
    )


@pytest.mark.parametrize("tower", TOWERS)
def test_an_encoders_features_are_the_models_and_may_come_from_larger_and_longer_clips(
    tower: str, encoders: dict[str, CPDEncoder], folders: dict[str, Path]
) -> None:
    model = CPDModel.from_pretrained(folders[tower])
    model.train(False)
    clips_BTHWC = np.random.default_rng(3).integers(0, 256, (2, 6, 40, 40, 3), dtype=np.uint8)
    clips_BCTHW = encoders[tower].processor.clips(torch.from_numpy(clips_BTHWC))

    features_BF = encoders[tower].video_features(clips_BTHWC)

    assert features_BF.shape == (2, encoders[tower].num_features)
    with torch.inference_mode():
        np.testing.assert_allclose(features_BF, model.video_features(clips_BCTHW), atol=1e-5)
    with pytest.raises(ValueError, match="uint8"):
        encoders[tower].video_features(clips_BTHWC.astype(np.float32))
