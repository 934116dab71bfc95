"""BERT and DistilBERT as their bundles have them: settings, and names and shapes of the weights.

What `towers.numpy_text` goes by in place of transformers' own classes. A setting that is not named
here might change an embedding, so it is refused.

Source: transformers, models/bert and models/distilbert; a test compares names and defaults.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class EmbeddingNames(NamedTuple):
    """Prefixes of the weights that make vectors of token ids."""

    words: str
    positions: str
    types: str | None
    """BERT's sentence A or B; a text is all A. None: it has none."""
    norm: str


class LayerNames(NamedTuple):
    """Prefixes of the weights of one layer, below the layer's own."""

    query: str
    key: str
    value: str
    attended: str
    attended_norm: str
    inner: str
    outer: str
    norm: str


class Sizes(NamedTuple):
    """An encoder's numbers."""

    width: int
    layers: int
    heads: int
    inner: int
    positions: int
    words: int
    types: int
    norm_eps: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """What a model type of transformers calls its settings and weights."""

    settings: Mapping[str, str]
    """The field of `Sizes` that a setting gives."""

    defaults: Sizes
    """Where a setting is not stored, for only what differs from a default is."""

    required: Mapping[str, Any] = field(default_factory=dict)
    """Settings that must be so where they are stored."""

    without_effect: frozenset[str] = frozenset()
    """Settings that change no embedding of a trained encoder."""

    embeddings: EmbeddingNames
    layer: LayerNames
    layers: str
    """Prefix of all layers, before their number."""

    def layer_prefix(self, number: int) -> str:
        """Prefix of the weights of one layer."""
        return f"{self.layers}.{number}."

    def shapes(self, sizes: Sizes) -> dict[str, tuple[int, ...]]:
        """The shape of each weight of an encoder, by its name."""
        width, names = sizes.width, self.embeddings
        shapes: dict[str, tuple[int, ...]] = {
            f"{names.words}.weight": (sizes.words, width),
            f"{names.positions}.weight": (sizes.positions, width),
            **_vectors(names.norm, width),
        }
        if names.types:
            shapes[f"{names.types}.weight"] = (sizes.types, width)
        for prefix in map(self.layer_prefix, range(sizes.layers)):
            layer = self.layer
            for name in (layer.query, layer.key, layer.value, layer.attended):
                shapes |= linear_shapes(prefix + name, width, width)
            shapes |= linear_shapes(prefix + layer.inner, width, sizes.inner)
            shapes |= linear_shapes(prefix + layer.outer, sizes.inner, width)
            shapes |= _vectors(prefix + layer.attended_norm, width)
            shapes |= _vectors(prefix + layer.norm, width)
        return shapes


_ALWAYS_WITHOUT_EFFECT = frozenset(
    {
        *("_name_or_path", "chunk_size_feed_forward", "gradient_checkpointing", "id2label"),
        *("initializer_range", "label2id", "output_attentions", "output_hidden_states"),
        *("pad_token_id", "bos_token_id", "eos_token_id", "problem_type", "return_dict"),
        *("tie_word_embeddings", "use_cache"),
    }
)

FAMILIES = {
    "bert": Family(
        settings={
            "hidden_size": "width",
            "num_hidden_layers": "layers",
            "num_attention_heads": "heads",
            "intermediate_size": "inner",
            "max_position_embeddings": "positions",
            "vocab_size": "words",
            "type_vocab_size": "types",
            "layer_norm_eps": "norm_eps",
        },
        defaults=Sizes(768, 12, 12, 3072, 512, 30522, 2, 1e-12),
        required={
            "hidden_act": "gelu",
            "is_decoder": False,
            "add_cross_attention": False,
            "position_embedding_type": "absolute",
        },
        without_effect=frozenset(
            {"attention_probs_dropout_prob", "classifier_dropout", "hidden_dropout_prob"}
        ),
        embeddings=EmbeddingNames(
            "embeddings.word_embeddings",
            "embeddings.position_embeddings",
            "embeddings.token_type_embeddings",
            "embeddings.LayerNorm",
        ),
        layer=LayerNames(
            "attention.self.query",
            "attention.self.key",
            "attention.self.value",
            "attention.output.dense",
            "attention.output.LayerNorm",
            "intermediate.dense",
            "output.dense",
            "output.LayerNorm",
        ),
        layers="encoder.layer",
    ),
    "distilbert": Family(
        settings={
            "dim": "width",
            "n_layers": "layers",
            "n_heads": "heads",
            "hidden_dim": "inner",
            "max_position_embeddings": "positions",
            "vocab_size": "words",
        },
        defaults=Sizes(768, 6, 12, 3072, 512, 30522, 0, 1e-12),
        required={"activation": "gelu"},
        without_effect=frozenset(
            {
                *("attention_dropout", "dropout", "qa_dropout", "seq_classif_dropout"),
                "sinusoidal_pos_embds",  # the positions are weights of the bundle either way
            }
        ),
        embeddings=EmbeddingNames(
            "embeddings.word_embeddings",
            "embeddings.position_embeddings",
            None,
            "embeddings.LayerNorm",
        ),
        layer=LayerNames(
            "attention.q_lin",
            "attention.k_lin",
            "attention.v_lin",
            "attention.out_lin",
            "sa_layer_norm",
            "ffn.lin1",
            "ffn.lin2",
            "output_layer_norm",
        ),
        layers="transformer.layer",
    ),
}
"""By `model_type`."""


def sizes_of(family: Family, settings: Mapping[str, Any]) -> Sizes:
    """The numbers of an encoder, from its settings without `model_type`.

    Raises:
        ValueError: a setting is unknown, or asks for what is not computed here.
    """
    found: dict[str, Any] = {}
    for name, value in settings.items():
        if name in family.settings:
            found[family.settings[name]] = value
        elif name in family.required:
            if value != family.required[name]:
                raise ValueError(f"a text encoder with {name} = {value} is not known here")
        elif name not in family.without_effect | _ALWAYS_WITHOUT_EFFECT:
            raise ValueError(f"the setting {name} of a text encoder is not known here")
    sizes = family.defaults._replace(**found)
    if sizes.width % sizes.heads:
        raise ValueError(f"{sizes.heads} heads do not divide a width of {sizes.width}")
    return sizes


def linear_shapes(name: str, width_in: int, width_out: int) -> dict[str, tuple[int, ...]]:
    """The shapes of a linear map's weights, by their names."""
    return {f"{name}.weight": (width_out, width_in), f"{name}.bias": (width_out,)}


def _vectors(name: str, width: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}
