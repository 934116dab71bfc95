"""The authors' checkpoint (MCG-NJU/CPD-Video, `save_<epoch>.pth`) as a model bundle.

    visual_encoder.*     video_tower.*             3D ResNet; depth and shortcut read off the names
    vis_emb.*            video_projection.*        Linear 2048 -> 256
    textual_encoder.*    text_tower.encoder.*      DistilBERT
    text_emb.*           text_tower.projection.*   Linear 768 -> 512, BatchNorm, ReLU, Linear -> 256
    vis_memory, text_memory, Z_v, Z_t              left out: they belong to the training pairs

The towers and heads compute what theirs do, padding included: the authors fill every text with
zeros up to 64 tokens and call DistilBERT without an attention mask, in stage II of training too, so
the bundle has `attends_padding`. What reaches the towers differs in two small ways: off a text
longer than 64 tokens the authors cut the closing [SEP], and of the 32 frames that a clip spans they
take eight from the first to the last, 31/7 apart, where ours are the middles of eight equal parts.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cpd_model.authors.tokenizer import authors_tokenizer
from cpd_model.bundles.bundle import save_bundle
from cpd_model.config import DISTILBERT, CPDConfig, ResNet3DOptions, Shortcut
from cpd_model.errors import ModelError
from cpd_model.model import CPDModel
from cpd_model.processor import CPDProcessor
from cpd_model.towers.checkpoint_file import read_tensors
from cpd_model.towers.resnet3d import LAYOUTS, Bottleneck

_PARTS = {
    "video_tower.": "visual_encoder.",
    "video_projection.": "vis_emb.",
    "text_tower.encoder.": "textual_encoder.",
    "text_tower.projection.": "text_emb.",
}
"""Beginnings of our names, and of the authors'."""

_LEFT_OUT = re.compile(
    r"vis_memory|text_memory|Z_v|Z_t|unigrams|multinomial\..*"
    # a buffer 0, 1, 2 ... that some versions of transformers save
    r"|textual_encoder\.embeddings\.position_ids"
    # the authors replace the classifier; a network saved before that has one
    r"|visual_encoder\.fc\..*"
)
_COUNTER = ".num_batches_tracked"
"""Of a batch norm; checkpoints from before PyTorch 0.4.1 lack it, and it changes no output."""

_WORDS = "textual_encoder.embeddings.word_embeddings.weight"
_POSITIONS = "textual_encoder.embeddings.position_embeddings.weight"
_HEAD_WIDTH = 64
"""Values of one attention head in every published DistilBERT; no weight's shape tells it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Conversion:
    """What was found in a checkpoint, and what was made of it."""

    folder: Path
    fingerprint: str
    depth: int
    shortcut: Shortcut
    embed_dim: int

    num_pairs: int | None
    """Pairs that it was trained on: rows of its memory banks; None where it has no bank."""

    tokenizer: str
    """Where the vocabulary is from."""


def convert_authors(
    checkpoint: Path,
    folder: Path,
    *,
    tokenizer: str | None = None,
    on_message: Callable[[str], None] | None = None,
) -> Conversion:
    """Write the bundle of a checkpoint that the authors' code saved in pre-training; seconds.

    Args:
        tokenizer: folder or hub name; None: distilbert-base-uncased from the hub's cache, or the
            same vocabulary from the pip package of `cpd-start`.
        on_message: told in one line when a tokenizer is fetched.

    Raises:
        ModelNotFoundError: there is no such checkpoint or tokenizer.
        ModelError: the checkpoint is not one of CPD, or the tokenizer is of another vocabulary.
        BundleError: the folder already holds something else.
    """
    tensors = read_tensors(checkpoint)
    try:
        weights = used_weights(tensors)
        config = config_of(weights)
        model = CPDModel(config)
        model.load_state_dict(fit_weights(weights, model))
    except ValueError as error:
        raise ModelError(f"cannot convert {checkpoint}: {error}") from error
    vocabulary = authors_tokenizer(tokenizer, num_words=len(weights[_WORDS]), on_message=on_message)
    fingerprint = save_bundle(model, CPDProcessor.for_config(config, vocabulary.tokenizer), folder)
    assert isinstance(config.video, ResNet3DOptions)
    return Conversion(
        folder=folder,
        fingerprint=fingerprint,
        depth=config.video.depth,
        shortcut=config.video.shortcut,
        embed_dim=config.embed_dim,
        num_pairs=len(tensors["vis_memory"]) if "vis_memory" in tensors else None,
        tokenizer=vocabulary.source,
    )


def used_weights(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of the network alone, by the authors' names and today's names of DistilBERT."""
    weights = {}
    for name, tensor in tensors.items():
        if not _LEFT_OUT.fullmatch(name):
            # as TensorFlow calls them; early versions of transformers kept that
            name = re.sub(r"\.gamma$", ".weight", re.sub(r"\.beta$", ".bias", name))
            weights[name] = tensor
    return weights


def config_of(weights: Mapping[str, Tensor]) -> CPDConfig:
    """The configuration that fits the shapes of `weights` (see `used_weights`).

    Raises:
        ValueError: a weight that tells a size is missing, or the sizes are none of CPD's.
    """
    positions = _shape(weights, _POSITIONS)[0]
    return CPDConfig(
        video_tower="resnet3d",
        video_options={
            "depth": _depth(weights),
            "shortcut": "B" if any(".downsample." in name for name in weights) else "A",
            "base_channels": _shape(weights, "visual_encoder.conv1.weight")[0],
        },
        text_options={
            "encoder": _distilbert(weights),
            "max_tokens": min(64, positions),
            "attends_padding": True,
            "hidden_dim": _shape(weights, "text_emb.0.weight")[0],
        },
        embed_dim=_shape(weights, "vis_emb.weight")[0],
    )


def fit_weights(weights: Mapping[str, Tensor], model: CPDModel) -> dict[str, Tensor]:
    """The state dict for `model`, out of `weights` by the authors' names.

    Raises:
        ValueError: a weight is missing, unknown or of another shape.
    """
    targets = {_authors_name(name): (name, target) for name, target in model.state_dict().items()}
    wrong = {
        "unknown": [name for name in weights if name not in targets],
        "missing": [
            name for name in targets if name not in weights and not name.endswith(_COUNTER)
        ],
        "of another shape": [
            name
            for name, (_, target) in targets.items()
            if name in weights and weights[name].shape != target.shape
        ],
    }
    for kind, names in wrong.items():
        if names:
            raise ValueError(f"{len(names)} of its weights are {kind}, the first is {names[0]}")
    return {
        name: weights.get(authors_name, torch.zeros_like(target))
        for authors_name, (name, target) in targets.items()
    }


def _authors_name(name: str) -> str:
    (ours,) = (part for part in _PARTS if name.startswith(part))
    return _PARTS[ours] + name.removeprefix(ours)


def _depth(weights: Mapping[str, Tensor]) -> int:
    num_blocks = tuple(_count(weights, rf"visual_encoder\.layer{i}\.(\d+)\.") for i in range(1, 5))
    bottleneck = "visual_encoder.layer1.0.conv3.weight" in weights
    for depth, layout in LAYOUTS.items():
        if layout.num_blocks == num_blocks and (layout.block is Bottleneck) == bottleneck:
            return depth
    raise ValueError(
        f"its video tower has {num_blocks} blocks, expected those of a ResNet of depth "
        f"{', '.join(map(str, LAYOUTS))}"
    )


def _distilbert(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    from transformers import DistilBertConfig

    num_words, width = _shape(weights, _WORDS)
    if width % _HEAD_WIDTH:
        raise ValueError(f"its DistilBERT is {width} wide, expected a multiple of {_HEAD_WIDTH}")
    sizes = {
        "vocab_size": num_words,
        "max_position_embeddings": _shape(weights, _POSITIONS)[0],
        "n_layers": _count(weights, r"textual_encoder\.transformer\.layer\.(\d+)\."),
        "n_heads": width // _HEAD_WIDTH,
        "dim": width,
        "hidden_dim": _shape(weights, "textual_encoder.transformer.layer.0.ffn.lin1.weight")[0],
    }
    published = DistilBertConfig()
    changed = {name: size for name, size in sizes.items() if size != getattr(published, name)}
    return {**DISTILBERT, **changed}


def _count(weights: Mapping[str, Tensor], pattern: str) -> int:
    """One more than the largest number that the pattern finds in a name."""
    matches = (re.match(pattern, name) for name in weights)
    return 1 + max((int(match[1]) for match in matches if match), default=-1)


def _shape(weights: Mapping[str, Tensor], name: str) -> tuple[int, ...]:
    if name not in weights:
        first = next(iter(weights), "nothing")
        raise ValueError(
            f"it has no {name} but {first}: expected what the authors' code saves in pre-training, "
            "both towers and their projections"
        )
    return tuple(weights[name].shape)
