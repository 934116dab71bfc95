"""The text tower in NumPy: what towers.text computes of BERT and DistilBERT, without PyTorch.

A query is a dozen tokens. Its vector takes milliseconds, while importing PyTorch and transformers
takes seconds, for which a person at a shell would wait before every answer. What is not known to
the last setting is refused, so that a tower is computed rightly or not at all.

Texts are computed one by one, and so need neither padding nor a mask.

Axes: L tokens of a text, E encoder width, H heads, F width of a head, I inner width of a layer,
D dimensions of the shared space.

Source: transformers, models/bert/modeling_bert.py and models/distilbert/modeling_distilbert.py.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cpd_model.towers.text_families import FAMILIES, Sizes, linear_shapes, sizes_of

Floats: TypeAlias = NDArray[np.float32]
Shapes: TypeAlias = dict[str, tuple[int, ...]]

_BATCH_NORM_EPS = 1e-5
"""torch.nn.BatchNorm1d's default, which projection_mlp keeps."""

_ERF_NUMERATOR = (
    *(-2.72614225801306e-10, 2.77068142495902e-08, -2.10102402082508e-06),
    *(-5.69250639462346e-05, -7.34990630326855e-04, -2.95459980854025e-03),
    -1.60960333262415e-02,
)
_ERF_DENOMINATOR = (
    *(-1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03),
    *(-7.37332916720468e-03, -1.42647390514189e-02),
)
"""Coefficients by falling powers of the square."""


class NumpyTextTower:
    """Token ids of one text -> its embedding (D,), not yet normalised; any threads may call it."""

    def __init__(
        self, options: Mapping[str, Any], weights: Mapping[str, Floats], *, embed_dim: int
    ) -> None:
        """Take a tower as a bundle holds it.

        Args:
            options: `text_options` of its config.json.
            weights: by the names that they have in towers.text.TextTower, counters left out.

        Raises:
            ValueError: it is no tower that is computed here, or the weights do not fit it.
            KeyError: an option is missing.
        """
        settings = dict(options["encoder"])
        model_type = settings.pop("model_type")
        if model_type not in FAMILIES:
            raise ValueError(f"a text encoder of type {model_type} is not known here")
        self._family = FAMILIES[model_type]
        self._sizes = sizes_of(self._family, settings)
        if options["max_tokens"] > self._sizes.positions:
            raise ValueError("texts may be longer than the encoder has positions for")
        self._pad_to: int = options["max_tokens"] if options["attends_padding"] else 0
        self._projection: str = options["projection"]
        encoder_shapes = self._family.shapes(self._sizes)
        expected = {
            **{f"encoder.{name}": shape for name, shape in encoder_shapes.items()},
            **_projection_shapes(options, self._sizes, embed_dim),
        }
        if {name: array.shape for name, array in weights.items()} != expected:
            raise ValueError("the weights do not fit the text tower's configuration")
        self._weights = weights

    @property
    def num_words(self) -> int:
        """Token ids are below it."""
        return self._sizes.words

    def embed(self, ids: Sequence[int]) -> Floats:
        """The embedding (D,), float32, of one text's token ids, one or more of them."""
        pooled_E = self._pool(ids)
        if self._projection == "none":
            return pooled_E
        if self._projection == "linear":
            return self._linear(pooled_E, "projection")
        hidden = self._linear(pooled_E, "projection.0")
        mean, variance, scale, shift = (
            self._weights[f"projection.1.{name}"]
            for name in ("running_mean", "running_var", "weight", "bias")
        )
        hidden = (hidden - mean) / np.sqrt(variance + _BATCH_NORM_EPS) * scale + shift
        return self._linear(np.maximum(hidden, 0), "projection.3")

    def _pool(self, ids: Sequence[int]) -> Floats:
        """The encoder's mean token (E,)."""
        # padding, where there is any, is 0, attended to, and not in the mean: see towers.text
        ids_L = np.zeros(max(len(ids), self._pad_to), dtype=np.int64)
        ids_L[: len(ids)] = ids
        names = self._family.embeddings
        tokens_LE = self._weights[f"encoder.{names.words}.weight"][ids_L]
        if names.types:
            tokens_LE = tokens_LE + self._weights[f"encoder.{names.types}.weight"][0]
        tokens_LE = tokens_LE + self._weights[f"encoder.{names.positions}.weight"][: len(ids_L)]
        tokens_LE = self._normalize(tokens_LE, f"encoder.{names.norm}")
        for number in range(self._sizes.layers):
            tokens_LE = self._layer(tokens_LE, f"encoder.{self._family.layer_prefix(number)}")
        pooled_E: Floats = tokens_LE[: len(ids)].mean(axis=0)
        return pooled_E

    def _layer(self, tokens_LE: Floats, prefix: str) -> Floats:
        names = self._family.layer
        query_LHF, key_LHF, value_LHF = (
            self._linear(tokens_LE, prefix + name).reshape(len(tokens_LE), self._sizes.heads, -1)
            for name in (names.query, names.key, names.value)
        )
        mixed_LE = self._linear(_attend(query_LHF, key_LHF, value_LHF), prefix + names.attended)
        tokens_LE = self._normalize(mixed_LE + tokens_LE, prefix + names.attended_norm)
        inner_LI = _gelu(self._linear(tokens_LE, prefix + names.inner))
        outer_LE = self._linear(inner_LI, prefix + names.outer)
        return self._normalize(outer_LE + tokens_LE, prefix + names.norm)

    def _linear(self, rows: Floats, name: str) -> Floats:
        mapped: Floats = rows @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]
        return mapped

    def _normalize(self, rows_LE: Floats, name: str) -> Floats:
        centred_LE = rows_LE - rows_LE.mean(axis=1, keepdims=True)
        variance_L1 = np.square(centred_LE).mean(axis=1, keepdims=True)
        scaled_LE = centred_LE / np.sqrt(variance_L1 + self._sizes.norm_eps)
        rows: Floats = scaled_LE * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
        return rows


def erf(values: Floats) -> Floats:
    """The error function in float32, to 5e-7; SciPy has it, but takes long to import.

    Source: Eigen, generic_fast_erf_float: a ratio of polynomials within [-4, 4].
    """
    inside = np.clip(values, -4, 4)
    squares = np.square(inside)
    ratio: Floats = (
        inside * _polynomial(squares, _ERF_NUMERATOR) / _polynomial(squares, _ERF_DENOMINATOR)
    )
    return ratio


def _polynomial(values: Floats, coefficients: Sequence[float]) -> Floats:
    total = np.full_like(values, coefficients[0])
    for coefficient in coefficients[1:]:
        total *= values
        total += coefficient
    return total


def _gelu(values: Floats) -> Floats:
    return 0.5 * values * (1 + erf(values * 0.5**0.5))


def _attend(query_LHF: Floats, key_LHF: Floats, value_LHF: Floats) -> Floats:
    """What each token takes from all of them, (L, E), heads side by side."""
    scores_HLL = query_LHF.transpose(1, 0, 2) @ key_LHF.transpose(1, 2, 0)
    scores_HLL *= query_LHF.shape[2] ** -0.5
    weights_HLL = np.exp(scores_HLL - scores_HLL.max(axis=2, keepdims=True))
    weights_HLL /= weights_HLL.sum(axis=2, keepdims=True)
    mixed_HLF = weights_HLL @ value_LHF.transpose(1, 0, 2)
    rows_LE: Floats = mixed_HLF.transpose(1, 0, 2).reshape(len(query_LHF), -1)
    return rows_LE


def _projection_shapes(options: Mapping[str, Any], sizes: Sizes, embed_dim: int) -> Shapes:
    if options["projection"] == "none" and sizes.width == embed_dim:
        return {}
    if options["projection"] == "linear":
        return linear_shapes("projection", sizes.width, embed_dim)
    if options["projection"] == "mlp":
        hidden = options["hidden_dim"]
        norm = ("running_mean", "running_var", "weight", "bias")
        return {
            **linear_shapes("projection.0", sizes.width, hidden),
            **{f"projection.1.{name}": (hidden,) for name in norm},
            **linear_shapes("projection.3", hidden, embed_dim),
        }
    raise ValueError("the text tower's projection is not known here, or of another width")
