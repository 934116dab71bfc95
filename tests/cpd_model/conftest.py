"""Tiny dual encoders of transformers, with random weights, as `save_pretrained` writes them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

WORDS = ("a", "and", "cat", "dog", "is", "of", "person", "plays", "runs", "the", "video", "zebra")
MAX_TOKENS = 10
FRAME_SIZE = 32
SHORT_SIDE = 36
PATCH_SIZE = 8
CLIP_FRAMES = 4
PAD, UNKNOWN, START, END = 0, 1, 2, 3

DualEncoderFolder = Callable[[str], Path]


@pytest.fixture(scope="session")
def dual_encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> DualEncoderFolder:
    """A function from a model type of transformers to the folder of a tiny model of it."""
    made: dict[str, Path] = {}

    def folder_of(model_type: str) -> Path:
        if model_type not in made:
            folder = tmp_path_factory.mktemp(f"tiny-{model_type}")
            _save_dual_encoder(folder, model_type)
            made[model_type] = folder
        return made[model_type]

    return folder_of


def _save_dual_encoder(folder: Path, model_type: str) -> None:
    import torch
    import transformers

    model_class, make_config, make_image_processor = {
        "clip": (transformers.CLIPModel, _clip_config, _clip_image_processor),
        "siglip": (transformers.SiglipModel, _siglip_config, _siglip_image_processor),
        "siglip2": (transformers.Siglip2Model, _siglip2_config, _siglip2_image_processor),
        "xclip": (transformers.XCLIPModel, _xclip_config, _videomae_image_processor),
    }[model_type]
    torch.manual_seed(3)
    model = model_class(make_config())
    with torch.no_grad():
        for weights in model.parameters():
            if weights.ndim > 1:  # as if trained: far enough from 0 that inputs make a difference
                weights.mul_(5)
    model.save_pretrained(folder)
    tokenizer = _letter_tokenizer() if model_type == "siglip2" else _word_tokenizer()
    tokenizer.save_pretrained(folder)
    make_image_processor().save_pretrained(folder)


def _letter_tokenizer() -> Any:
    """Of the class that transformers takes for every SigLIP 2 of any shape."""
    from transformers import Siglip2Tokenizer

    special = {"<pad>": PAD, "<unk>": UNKNOWN, "<bos>": START, "<eos>": END}
    letters = "\u2581abcdefghijk"
    vocabulary = special | {letter: number for number, letter in enumerate(letters, start=4)}
    return Siglip2Tokenizer(vocab=vocabulary, merges=[])


def _word_tokenizer() -> Any:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = {"<pad>": PAD, "<unk>": UNKNOWN, "<s>": START, "</s>": END}
    vocabulary = special | {word: number for number, word in enumerate(WORDS, start=4)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", START), ("</s>", END)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
    )


def _text_config() -> dict[str, Any]:
    return {
        "vocab_size": 4 + len(WORDS),
        "max_position_embeddings": MAX_TOKENS,
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "pad_token_id": PAD,
        "bos_token_id": START,
        "eos_token_id": END,
    }


def _vision_config() -> dict[str, Any]:
    return {
        "image_size": FRAME_SIZE,
        "patch_size": PATCH_SIZE,
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }


def _clip_config() -> Any:
    from transformers import CLIPConfig

    return CLIPConfig(text_config=_text_config(), vision_config=_vision_config(), projection_dim=8)


def _siglip_config() -> Any:
    from transformers import SiglipConfig

    return SiglipConfig(text_config=_text_config(), vision_config=_vision_config())


def _siglip2_config() -> Any:
    from transformers import Siglip2Config

    vision_config = _vision_config() | {"num_patches": (FRAME_SIZE // PATCH_SIZE) ** 2}
    return Siglip2Config(text_config=_text_config(), vision_config=vision_config)


def _xclip_config() -> Any:
    from transformers import XCLIPConfig

    mixing = {
        "num_frames": CLIP_FRAMES,
        "mit_hidden_size": 8,
        "mit_intermediate_size": 16,
        "mit_num_hidden_layers": 1,
        "mit_num_attention_heads": 2,
    }
    return XCLIPConfig(
        text_config=_text_config(),
        vision_config=_vision_config() | mixing,
        projection_dim=8,
        prompt_num_attention_heads=2,
    )


def _clip_image_processor() -> Any:
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    return CLIPImageProcessorPil(
        size={"shortest_edge": SHORT_SIDE}, crop_size={"height": FRAME_SIZE, "width": FRAME_SIZE}
    )


def _siglip_image_processor() -> Any:
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    return SiglipImageProcessorPil(size={"height": FRAME_SIZE, "width": FRAME_SIZE})


def _siglip2_image_processor() -> Any:
    from transformers.models.siglip2.image_processing_pil_siglip2 import Siglip2ImageProcessorPil

    return Siglip2ImageProcessorPil(
        patch_size=PATCH_SIZE, max_num_patches=(FRAME_SIZE // PATCH_SIZE) ** 2
    )


def _videomae_image_processor() -> Any:
    from transformers.models.videomae.image_processing_pil_videomae import (
        VideoMAEImageProcessorPil,
    )

    return VideoMAEImageProcessorPil(
        size={"shortest_edge": FRAME_SIZE}, crop_size={"height": FRAME_SIZE, "width": FRAME_SIZE}
    )
