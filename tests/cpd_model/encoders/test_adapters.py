"""Ready-made dual encoders answer as transformers does, one row per item, whatever the batch."""

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from transformers import AutoModel, AutoTokenizer

from cpd_model.encoder import Encoder, FrameEncoder, Frames
from cpd_model.encoders.adapters import open_adapter
from tests.cpd_model.encoders.dual_encoders import (
    FRAME_MODEL_TYPES,
    MAX_TOKENS,
    MODEL_TYPES,
    TEXTS,
    open_here,
    random_clips,
    unit,
)

NUM_FRAMES = {"clip": 8, "siglip": 8, "siglip2": 8, "xclip": 4}
IMAGE_PROCESSORS = {
    "clip": "clip.image_processing_pil_clip.CLIPImageProcessorPil",
    "siglip": "siglip.image_processing_pil_siglip.SiglipImageProcessorPil",
    "siglip2": "siglip2.image_processing_pil_siglip2.Siglip2ImageProcessorPil",
    "xclip": "videomae.image_processing_pil_videomae.VideoMAEImageProcessorPil",
}


def processed(model_type: str, folder: Path, frames_NHWC: Frames) -> dict[str, torch.Tensor]:
    """What the image processor of transformers makes of frames that have their size already."""
    module, _, name = IMAGE_PROCESSORS[model_type].rpartition(".")
    processor = getattr(
        __import__(f"transformers.models.{module}", fromlist=[name]), name
    ).from_pretrained(folder)
    batch = processor(
        list(frames_NHWC),
        do_resize=False,
        do_center_crop=False,
        return_tensors="pt",
        input_data_format="channels_last",
    )
    return dict(batch)


@pytest.mark.parametrize("model_type", FRAME_MODEL_TYPES, indirect=True)
def test_a_frame_is_what_transformers_makes_of_it(folder: Path, model_type: str) -> None:
    encoder = open_here(folder)
    assert isinstance(encoder, FrameEncoder)
    frames_NHWC = random_clips(encoder, batch=1)[0]
    inputs = processed(model_type, folder, frames_NHWC)
    reference = AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        expected_ND = unit(reference.get_image_features(**inputs).pooler_output)

    features_NF = encoder.encode_frames(frames_NHWC)

    # float32 kernels of different processors part by some 2e-5 after this many layers
    np.testing.assert_allclose(features_NF, expected_ND, atol=5e-5)


@pytest.mark.parametrize("model_type", ["xclip"], indirect=True)
def test_a_clip_is_what_transformers_makes_of_it(folder: Path, model_type: str) -> None:
    encoder = open_here(folder)
    clips_BTHWC = random_clips(encoder, batch=2)
    pixels = processed(model_type, folder, clips_BTHWC.reshape(-1, 32, 32, 3))["pixel_values"]
    reference = AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        output = reference.get_video_features(pixels.reshape(2, 4, 3, 32, 32))

    embeddings_BD = encoder.encode_video(clips_BTHWC)

    np.testing.assert_allclose(embeddings_BD, unit(output.pooler_output), atol=2e-5)


def test_a_text_is_what_transformers_makes_of_it(folder: Path, model_type: str) -> None:
    encoder = open_here(folder)
    reference = AutoModel.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="right")
    limits = {"max_length": MAX_TOKENS, "truncation": True, "return_tensors": "pt"}
    if model_type.startswith("siglip"):  # trained on texts padded to the limit, without a mask
        inputs = {"input_ids": tokenizer(TEXTS, padding="max_length", **limits)["input_ids"]}
    else:
        inputs = dict(tokenizer(TEXTS, padding=True, return_token_type_ids=False, **limits))
    with torch.no_grad():
        expected_BD = unit(reference.get_text_features(**inputs).pooler_output)

    np.testing.assert_allclose(encoder.encode_text(TEXTS), expected_BD, atol=2e-5)


@pytest.mark.parametrize("model_type", FRAME_MODEL_TYPES, indirect=True)
def test_a_clip_is_the_mean_of_its_frames(folder: Path, model_type: str) -> None:
    encoder = open_here(folder)
    assert isinstance(encoder, FrameEncoder)
    clips_BTHWC = random_clips(encoder, batch=2)
    features_BTF = np.stack([encoder.encode_frames(clip) for clip in clips_BTHWC])
    mean_BD = features_BTF.mean(axis=1)
    expected_BD = mean_BD / np.linalg.norm(mean_BD, axis=1, keepdims=True)

    np.testing.assert_allclose(encoder.encode_video(clips_BTHWC), expected_BD, atol=1e-6)
    np.testing.assert_allclose(encoder.pool_frames(features_BTF), expected_BD, atol=1e-6)


@pytest.mark.parametrize("model_type", ["xclip"], indirect=True)
def test_a_model_that_mixes_frames_offers_no_frames(folder: Path) -> None:
    encoder = open_here(folder)

    assert isinstance(encoder, Encoder)
    assert not isinstance(encoder, FrameEncoder)


def test_a_batch_of_clips_equals_its_items_alone(folder: Path) -> None:
    encoder = open_here(folder)
    clips_BTHWC = random_clips(encoder, batch=10)  # more than one pass of either kind of tower

    together_BD = encoder.encode_video(clips_BTHWC)

    alone_BD = np.concatenate([encoder.encode_video(clip[None]) for clip in clips_BTHWC])
    np.testing.assert_allclose(together_BD, alone_BD, atol=1e-5)


def test_a_batch_of_texts_equals_its_items_alone(folder: Path) -> None:
    encoder = open_here(folder)
    texts = TEXTS * 90  # more than one pass of the tower

    together_BD = encoder.encode_text(texts)

    alone_BD = np.concatenate([encoder.encode_text([text]) for text in TEXTS])
    np.testing.assert_allclose(together_BD, np.tile(alone_BD, (90, 1)), atol=1e-5)


def test_clips_may_be_views_that_nobody_may_write(folder: Path) -> None:
    encoder = open_here(folder)
    clips_BTHWC = random_clips(encoder, batch=4)[::2, :, ::-1]
    clips_BTHWC.flags.writeable = False

    embeddings_BD = encoder.encode_video(clips_BTHWC)

    np.testing.assert_array_equal(embeddings_BD, encoder.encode_video(clips_BTHWC.copy()))


def test_no_clips_have_no_embeddings(folder: Path) -> None:
    encoder = open_here(folder)

    assert encoder.encode_video(random_clips(encoder, batch=0)).shape == (0, encoder.embed_dim)


@pytest.mark.parametrize("batch", [1, 3])
def test_embeddings_are_unit_vectors(folder: Path, batch: int) -> None:
    encoder = open_here(folder)

    for_video = encoder.encode_video(random_clips(encoder, batch=batch))
    for_text = encoder.encode_text(TEXTS[:batch])

    for rows in (for_video, for_text):
        assert rows.dtype == np.float32
        assert rows.shape == (batch, encoder.embed_dim)
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-5)


def test_other_clips_and_texts_have_other_embeddings(folder: Path) -> None:
    encoder = open_here(folder)
    dark_and_light = np.stack(
        [np.zeros_like(random_clips(encoder, batch=1)[0]), random_clips(encoder, batch=1)[0]]
    )

    video_BD = encoder.encode_video(dark_and_light)
    text_BD = encoder.encode_text(TEXTS)

    assert np.abs(video_BD[0] - video_BD[1]).max() > 1e-3
    assert np.abs(text_BD[0] - text_BD[1]).max() > 1e-3


def test_a_text_is_cut_at_the_limit_of_the_tower(folder: Path) -> None:
    encoder = open_here(folder)
    beginning = "dog " * MAX_TOKENS
    rows_BD = encoder.encode_text([beginning, beginning + "zebra cat " * 50, "zebra cat"])

    np.testing.assert_allclose(rows_BD[1], rows_BD[0], atol=1e-6)
    assert np.abs(rows_BD[2] - rows_BD[0]).max() > 1e-3


@pytest.mark.parametrize("texts", [[], [""], ["dog", "  "]])
def test_a_text_that_says_nothing_is_a_mistake(folder: Path, texts: list[str]) -> None:
    with pytest.raises(ValueError, match="non-empty"):
        open_here(folder).encode_text(texts)


@pytest.mark.parametrize(
    "clips",
    [
        np.zeros((1, 3, 32, 32, 3), np.uint8),
        np.zeros((1, 8, 32, 36, 3), np.uint8),
        np.zeros((8, 32, 32, 3), np.uint8),
        np.zeros((1, 8, 32, 32, 3), np.float32),
    ],
    ids=["frames", "size", "axes", "dtype"],
)
def test_clips_of_another_shape_or_type_are_a_mistake(folder: Path, clips: Any) -> None:
    with pytest.raises(ValueError, match="clips must be uint8"):
        open_here(folder).encode_video(clips)


def test_the_clip_specification_is_that_of_the_folder(folder: Path, model_type: str) -> None:
    spec = open_here(folder).clip_spec

    assert spec.num_frames == NUM_FRAMES[model_type]
    assert spec.frame_size == 32
    assert spec.resize == ("squash" if model_type.startswith("siglip") else "crop")
    assert spec.short_side == (36 if model_type == "clip" else 32)


def test_the_temperature_is_that_of_the_training(folder: Path) -> None:
    reference = AutoModel.from_pretrained(folder)

    temperature = open_here(folder).temperature

    assert temperature == pytest.approx(1 / math.exp(reference.logit_scale.item()))


@pytest.mark.parametrize("model_type", ["clip"], indirect=True)
def test_an_encoder_may_be_used_from_several_threads(folder: Path) -> None:
    encoder = open_here(folder)
    lengths = [" ".join(["dog"] * count) for count in range(1, 9)] * 8
    expected_BD = np.concatenate([encoder.encode_text([text]) for text in lengths])

    with ThreadPoolExecutor(4) as threads:
        rows = list(threads.map(lambda text: encoder.encode_text([text]), lengths))

    np.testing.assert_allclose(np.concatenate(rows), expected_BD, atol=1e-6)


@pytest.mark.gpu
def test_a_gpu_gives_nearly_the_embeddings_of_a_cpu(folder: Path) -> None:
    here = open_here(folder)
    there = open_adapter(folder, name="tiny", device="cuda:0")
    clips_BTHWC = random_clips(here, batch=3)

    cosines_of_clips = (here.encode_video(clips_BTHWC) * there.encode_video(clips_BTHWC)).sum(1)
    cosines_of_texts = (here.encode_text(TEXTS) * there.encode_text(TEXTS)).sum(1)

    assert there.device == "cuda:0"
    assert cosines_of_clips.min() > 0.99
    assert cosines_of_texts.min() > 0.99


def test_the_families_are_classes_of_transformers() -> None:
    from cpd_model.encoders.transformers_folder import FAMILIES

    assert sorted(FAMILIES) == sorted(MODEL_TYPES)
    assert all(hasattr(transformers, family.model_class) for family in FAMILIES.values())
