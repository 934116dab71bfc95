"""CPDProcessor: pixels by hand, texts cut and padded, the round trip through a folder."""

from pathlib import Path

import pytest
import torch

from cpd_model.bundles.bundle import open_bundle
from cpd_model.encoder import ClipSpec
from cpd_model.processor import CPDProcessor
from cpd_model.testing import tiny_bundle


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("processor") / "tiny")


@pytest.fixture
def processor(folder: Path) -> CPDProcessor:
    return CPDProcessor.from_pretrained(folder)


def test_pixels_are_scaled_to_one_then_shifted_and_divided_by_channel(
    processor: CPDProcessor,
) -> None:
    processor.image_mean, processor.image_std = (0.0, 0.2, 1.0), (1.0, 0.5, 0.25)
    clips_BTHWC = torch.tensor([0, 51, 255], dtype=torch.uint8).expand(1, 2, 4, 5, 3)

    clips_BCTHW = processor.clips(clips_BTHWC)

    assert clips_BCTHW.shape == (1, 3, 2, 4, 5)
    assert clips_BCTHW.dtype == torch.float32
    torch.testing.assert_close(clips_BCTHW[0, :, 0, 0, 0], torch.zeros(3))
    white = processor.frames(torch.full((1, 1, 1, 3), 255, dtype=torch.uint8))
    torch.testing.assert_close(white[0, :, 0, 0], torch.tensor([1.0, 1.6, 0.0]))


def test_every_pixel_keeps_its_place(processor: CPDProcessor) -> None:
    torch.manual_seed(0)
    clips_BTHWC = torch.randint(0, 256, (2, 3, 4, 5, 3), dtype=torch.uint8)

    clips_BCTHW = processor.clips(clips_BTHWC)

    expected = (clips_BTHWC.double() / 255 - 0.45) / 0.225
    torch.testing.assert_close(
        clips_BCTHW.double(), expected.permute(0, 4, 1, 2, 3), atol=1e-6, rtol=0
    )


def test_texts_are_padded_to_the_longest_and_masked(processor: CPDProcessor) -> None:
    ids_BL, mask_BL = processor.texts(["red", "red green blue"])

    # [CLS] red [SEP] [PAD] [PAD] and [CLS] red green blue [SEP]
    assert ids_BL.tolist() == [[2, 5, 3, 0, 0], [2, 5, 6, 7, 3]]
    assert mask_BL.tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]


def test_a_long_text_is_cut_with_its_end_mark_kept(processor: CPDProcessor) -> None:
    ids_BL, _ = processor.texts(["red " * 40])

    assert ids_BL.shape == (1, processor.max_tokens)
    assert ids_BL[0, -1] == 3


def test_a_saved_processor_comes_back_the_same(processor: CPDProcessor, tmp_path: Path) -> None:
    processor.save_pretrained(tmp_path)

    loaded = CPDProcessor.from_pretrained(tmp_path)

    assert loaded.settings() == processor.settings()
    assert loaded.clip_spec == ClipSpec(num_frames=4, frame_size=32, resize="crop", short_side=32)
    texts = ["Red, GREEN!", "h3llo w\u00f6rld \u4e2d"]
    assert torch.equal(loaded.texts(texts).input_ids_BL, processor.texts(texts).input_ids_BL)


def test_a_folder_without_a_processor_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"processor_config\.json"):
        CPDProcessor.from_pretrained(tmp_path)


def test_the_encoder_takes_the_processors_clips(folder: Path, processor: CPDProcessor) -> None:
    encoder = open_bundle(folder)

    assert encoder.clip_spec == processor.clip_spec
