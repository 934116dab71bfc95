"""What a CPD model is: both towers, the clips and texts that it takes, and named presets.

One value holds everything that must match the weights. It is stored as `config.json` beside them.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self, TypeAlias, get_args

from transformers import PretrainedConfig

from cpd_model.encoder import ClipSpec

Shortcut: TypeAlias = Literal["A", "B"]
Temporal: TypeAlias = Literal["mean", "residual"]
TextProjection: TypeAlias = Literal["none", "linear", "mlp"]

RESNET_DEPTHS = (10, 18, 34, 50, 101)


@dataclass(frozen=True, kw_only=True, slots=True)
class ResNet3DOptions:
    """The paper's video tower; see cpd_model.towers.resnet3d."""

    depth: int = 50
    """Layers: 10, 18, 34, 50 or 101."""

    shortcut: Shortcut = "A"
    """Where the shape changes: `A` subsamples and pads with zeros, `B` is a 1x1x1 convolution."""

    base_channels: int = 64
    """Channels after the first convolution; 64 in the authors' code, fewer in tests."""

    def __post_init__(self) -> None:
        _check_choice("depth", self.depth, RESNET_DEPTHS)
        _check_choice("shortcut", self.shortcut, get_args(Shortcut))
        _check_positive("base_channels", self.base_channels)


@dataclass(frozen=True, kw_only=True, slots=True)
class FramesOptions:
    """A 2D backbone sees each frame alone, then a temporal head; see cpd_model.towers.frames."""

    backbone: str = "efficientnet-lite2"
    """A name of cpd_model.towers.efficientnet_lite.VARIANTS."""

    num_classes: int = 1000
    """Classes of the backbone's own classifier; rows of the label prior."""

    feature_blocks: list[int] = field(default_factory=list)
    """Blocks of the backbone, by number, whose mean outputs are features too."""

    standardized: bool = False
    """Bring each feature to mean 0 and deviation 1 before the learned head; training measures both
    before its first step."""

    label_prior: bool = False
    """Embed a clip as the mixture of its likely classes' text embeddings (ConSE)."""

    kept_classes: int = 20
    """Most likely classes that enter the mixture; the others count as zero."""

    class_temperature: float = 1.0
    """Divides the classifier's logits; above 1 the less likely classes weigh more."""

    projection: bool = True
    """Embed a clip by a learned head; with `label_prior` it is added to the mixture."""

    hidden_dim: int = 0
    """Width of the learned head's hidden layer; 0: the head is one linear map."""

    input_dropout: float = 0.0
    """Share of a clip's features that training leaves out before the learned head."""

    hidden_dropout: float = 0.0
    """Share of the hidden layer that training leaves out."""

    temporal: Temporal = "mean"
    """How frames are joined: the head sees their mean; `residual` has beside the head a small
    transformer over them whose output, at first 0, joins the embedding."""

    num_layers: int = 2
    """Layers of the temporal transformer; unused by `mean`."""

    num_heads: int = 4
    """Attention heads of the temporal transformer; unused by `mean`."""

    def __post_init__(self) -> None:
        for name in (
            *("num_classes", "kept_classes", "class_temperature"),
            *("num_layers", "num_heads"),
        ):
            _check_positive(name, getattr(self, name))
        _check_choice("temporal", self.temporal, get_args(Temporal))
        for name in ("input_dropout", "hidden_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be in [0, 1), got {getattr(self, name)}")
        if self.hidden_dim < 0:
            raise ValueError(f"hidden_dim must be 0 or positive, got {self.hidden_dim}")
        if self.kept_classes > self.num_classes:
            raise ValueError(
                f"kept_classes must be at most num_classes, "
                f"got {self.kept_classes} of {self.num_classes}"
            )
        if not (self.label_prior or self.projection):
            raise ValueError("a frames tower needs a label_prior, a projection, or both")


@dataclass(frozen=True, kw_only=True, slots=True)
class TextOptions:
    """Any Hugging Face encoder, masked mean pooling, and optionally a projection MLP."""

    encoder: dict[str, Any]
    """The encoder's own configuration; `model_type` chooses its class."""

    max_tokens: int
    """Longer texts are cut here; special tokens count."""

    projection: TextProjection = "mlp"
    """`mlp`: Linear, BatchNorm, ReLU, Linear, as the authors have it; `linear`: one linear map, at
    first the identity where the widths agree; `none`: the mean token itself."""

    attends_padding: bool = False
    """Pad every text to `max_tokens` and let the encoder attend to the padding, as the authors'
    code does; the mean is over the text's own tokens either way."""

    hidden_dim: int = 512
    """Width of the MLP's hidden layer; unused by the others."""

    def __post_init__(self) -> None:
        _check_choice("projection", self.projection, get_args(TextProjection))
        _check_positive("max_tokens", self.max_tokens)
        _check_positive("hidden_dim", self.hidden_dim)
        if "model_type" not in self.encoder:
            raise ValueError(
                "the text encoder's configuration must name its model_type, such as 'distilbert'"
            )


VideoOptions: TypeAlias = ResNet3DOptions | FramesOptions
TOWERS: dict[str, type[VideoOptions]] = {"resnet3d": ResNet3DOptions, "frames": FramesOptions}
"""Video towers by name, with the class of their options."""

DISTILBERT = {"model_type": "distilbert"}
"""The paper's text encoder: `distilbert-base-uncased` is this class with its default sizes."""


class CPDConfig(PretrainedConfig):
    """Configuration of a CPDModel; the defaults are the authors'.

    Raises:
        ValueError: a value is out of its range, or two values contradict each other.
    """

    model_type = "cpd"

    def __init__(
        self,
        *,
        video_tower: str = "resnet3d",
        video_options: dict[str, Any] | None = None,
        text_options: dict[str, Any] | None = None,
        embed_dim: int = 256,
        similarity_temperature: float = 0.07,
        num_frames: int = 8,
        frame_size: int = 224,
        resize: Literal["crop", "squash"] = "crop",
        short_side: int = 256,
        span_seconds: float | None = 32 / 30,
        image_mean: tuple[float, float, float] | list[float] = (0.45, 0.45, 0.45),
        image_std: tuple[float, float, float] | list[float] = (0.225, 0.225, 0.225),
        **kwargs: Any,
    ) -> None:
        """See `clip_spec` for the frames, `video` and `text` for the towers.

        Args:
            similarity_temperature: divides cosine similarities, in training and before a softmax
                over labels. (Hugging Face keeps the name `temperature` for generation.)
            image_mean: subtracted from RGB values in [0, 1].
            image_std: divides what is left.
        """
        self.video_tower = video_tower
        self.video_options = dict(video_options or {})
        self.text_options = dict(text_options or {"encoder": DISTILBERT, "max_tokens": 64})
        self.embed_dim = embed_dim
        self.similarity_temperature = similarity_temperature
        self.num_frames = num_frames
        self.frame_size = frame_size
        self.resize = resize
        self.short_side = short_side
        self.span_seconds = span_seconds
        self.image_mean = list(image_mean)
        self.image_std = list(image_std)
        self._check()
        super().__init__(**kwargs)

    @classmethod
    def preset(cls, name: str, **changes: Any) -> Self:
        """The configuration of that name, with top-level values changed by keyword.

        Raises:
            ValueError: there is no preset of that name.
        """
        _check_choice("preset", name, tuple(PRESETS))
        return cls(**{**PRESETS[name], **changes})

    @property
    def video(self) -> VideoOptions:
        """The video tower's options, checked."""
        return TOWERS[self.video_tower](**self.video_options)

    @property
    def text(self) -> TextOptions:
        """The text tower's options, checked."""
        return TextOptions(**self.text_options)

    @property
    def clip_spec(self) -> ClipSpec:
        """The clips that the video tower takes."""
        return ClipSpec(
            num_frames=self.num_frames,
            frame_size=self.frame_size,
            resize=self.resize,
            short_side=self.short_side,
            span_seconds=self.span_seconds,
        )

    def _check(self) -> None:
        _check_choice("video_tower", self.video_tower, tuple(TOWERS))
        _check_choice("resize", self.resize, ("crop", "squash"))
        _check_positive("embed_dim", self.embed_dim)
        _check_positive("similarity_temperature", self.similarity_temperature)
        for name in ("image_mean", "image_std"):
            if len(getattr(self, name)) != 3:
                raise ValueError(
                    f"{name} must be three numbers, one a channel, got {getattr(self, name)}"
                )
        if min(self.image_std) <= 0:
            raise ValueError(f"image_std must be positive, got {self.image_std}")
        # the typed views check themselves when built; an unknown option is a TypeError there
        try:
            self.video_options = asdict(self.video)
            self.text_options = asdict(self.text)
        except TypeError as error:
            raise ValueError(f"unknown or missing option of a tower: {error}") from error
        _ = self.clip_spec


def _check_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    if value not in choices:
        listed = ", ".join(str(choice) for choice in choices)
        raise ValueError(f"{name} must be one of {listed}, got {value!r}")


def _check_positive(name: str, value: float) -> None:
    if not value > 0:
        raise ValueError(f"{name} must be positive, got {value}")


_TINY_TEXT = {
    "encoder": {
        "model_type": "bert",
        "vocab_size": 64,
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 32,
    },
    "max_tokens": 16,
    "hidden_dim": 16,
}
_WORDS_TEXT = {
    "encoder": {
        "model_type": "bert",
        "vocab_size": 18,
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 128,
        "max_position_embeddings": 16,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    },
    "max_tokens": 8,
    "hidden_dim": 64,
}
_TINY_CLIP = {"embed_dim": 8, "num_frames": 4, "frame_size": 32, "short_side": 32}

PRESETS: dict[str, dict[str, Any]] = {
    "cpd-r50": {},
    "tiny-resnet3d": {
        "video_tower": "resnet3d",
        "video_options": {"depth": 10, "base_channels": 4},
        "text_options": _TINY_TEXT,
        **_TINY_CLIP,
    },
    "tiny-frames": {
        "video_tower": "frames",
        "video_options": {
            "backbone": "efficientnet-lite-tiny",
            "num_classes": 12,
            "kept_classes": 3,
            "label_prior": True,
        },
        "text_options": _TINY_TEXT,
        "span_seconds": None,
        **_TINY_CLIP,
    },
    "synthetic": {
        "video_tower": "resnet3d",
        "video_options": {"depth": 10, "base_channels": 16, "shortcut": "B"},
        "text_options": _WORDS_TEXT,
        "embed_dim": 64,
        "num_frames": 6,
        "frame_size": 48,
        "short_side": 48,
        "span_seconds": None,
    },
}
"""`cpd-r50` is the authors' configuration; the tiny ones run inside a unit test on a CPU;
`synthetic` is for small generated clips whose captions have 14 words in all, a token each."""
