"""A training run as one frozen value: everything that decides what comes out, and nothing else.

A recipe (training.recipes) is a function that returns a RunConfig; `--set loss.num_negatives=4096`
replaces one value of it. The value is written whole to run.json and printed whole by `--show`.
The ranges in the types are those that `--set` holds to.
"""

from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Field, FiniteFloat

LossKind: TypeAlias = Literal["nce", "infonce", "sigmoid"]
BankDtype: TypeAlias = Literal["float32", "float16"]
OptimizerKind: TypeAlias = Literal["sgd", "adamw"]
Schedule: TypeAlias = Literal["constant", "milestones", "cosine"]
Precision: TypeAlias = Literal["float32", "bfloat16"]

Count: TypeAlias = Annotated[int, Field(ge=1)]
Positive: TypeAlias = Annotated[FiniteFloat, Field(gt=0)]
NotNegative: TypeAlias = Annotated[FiniteFloat, Field(ge=0)]
Share: TypeAlias = Annotated[FiniteFloat, Field(ge=0, le=1)]
Momentum: TypeAlias = Annotated[FiniteFloat, Field(ge=0, lt=1)]
Seed: TypeAlias = Annotated[int, Field(ge=0, lt=2**32)]


def _rising(pixels: tuple[int, int]) -> tuple[int, int]:
    if pixels[0] > pixels[1]:
        raise ValueError("the first must be at most the second")
    return pixels


PixelRange: TypeAlias = Annotated[tuple[Count, Count], AfterValidator(_rising)]


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelChoice:
    """Which model is trained, and which of its parts learn."""

    start: str = ""
    """A model's name or folder whose weights are the start; empty: random weights of `preset`."""

    preset: str = "cpd-r50"
    """A name of cpd_model.config.PRESETS; unused where there is a `start`."""

    changes: dict[str, Any] = field(default_factory=dict)
    """Values of the CPDConfig that differ from the start's or preset's; the towers' options merge.
    Weights that the start lacks are drawn new."""

    text_start: str = ""
    """Folder or hub name whose weights start the text encoder, such as distilbert-base-uncased."""

    video_start: str = ""
    """A 2D ResNet checkpoint whose weights, inflated, start a resnet3d tower; empty: none."""

    train_backbone: bool = True
    """Whether the video backbone learns. A frozen `frames` backbone runs once, see `features`."""

    features: bool = False
    """Train on features of the frozen backbone, computed once and kept in the cache folder."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DataChoice:
    """How pairs become batches."""

    batch_size: Annotated[int, Field(ge=2)] = 256
    """Pairs of a step, of all processes together; one alone has nothing to be told apart from."""

    short_side_pixels: PixelRange = (256, 340)
    """A clip's short side is drawn from this range before a random square is cut out."""

    flip: bool = True
    """Mirror half of the clips, but none whose captions say left or right."""

    middle_seconds: Positive | None = None
    """Clips come from the middle so many seconds of a video; None: from all of it."""

    feature_views: Annotated[int, Field(ge=1, le=2)] = 1
    """Views of each pair whose features are kept: 1 the centre, 2 the centre mirrored too."""

    max_bad_fraction: Share = 0.05
    """The run stops when more of the pairs than this cannot be read."""

    num_workers: Count | None = None
    """Decoder processes; None: one for each core."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LossChoice:
    """The objective; see training.method.loss and training.method.memory."""

    kind: LossKind = "nce"

    temperature: Positive = 0.07
    """Divides cosines. `sigmoid` learns its own and starts from this one."""

    num_negatives: Count = 16_392
    """K, drawn from each memory bank for each pair; unused without banks."""

    shared_negatives: bool = False
    """One draw of K a step for the whole batch, not one for each pair as the authors do: a single
    product, several times faster, and the same in the mean; but a lucky or unlucky draw is then
    that of all pairs of a step."""

    bank_momentum: Momentum = 0.5
    """Share of a row's old vector in its new one."""

    bank_dtype: BankDtype = "float32"

    bank_on_disk: bool = False
    """Keep the banks in memory-mapped files in the run's folder."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OptimizerChoice:
    """How weights follow gradients."""

    kind: OptimizerKind = "sgd"

    learning_rate: NotNegative = 0.1

    momentum: Momentum = 0.9
    """Of SGD; for AdamW its first beta."""

    weight_decay: NotNegative = 1e-4
    """Not of biases, norms and one-dimensional weights with AdamW."""

    clip_norm: Positive | None = 20.0
    """Longest gradient over all weights; None: any."""

    schedule: Schedule = "milestones"

    warmup_epochs: NotNegative = 0.0
    """The rate rises linearly from 0 to full over so many epochs."""

    milestones: tuple[NotNegative, ...] = (100.0, 201.0, 250.0)
    """Epochs at which the rate is multiplied by `decay`."""

    decay: Share = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Curriculum:
    """Stage I keeps the text encoder frozen, stage II lets it follow slowly.

    Source: `ft_bert_ep` in opts.py and main.py of the authors' code (MCG-NJU/CPD-Video).
    """

    unfreeze_epoch: NotNegative | None = 150.0
    """Where stage II begins; None: never, 0: at once."""

    text_learning_rate: NotNegative = 3e-5
    """Of the text encoder in stage II, in place of `learning_rate`; same schedule after that."""

    text_layers: Annotated[int, Field(ge=0)] | None = None
    """How many of the encoder's last layers stage II unfreezes; None: the whole encoder."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunConfig:
    """One training run."""

    recipe: str
    seed: Seed = 0
    epochs: Positive = 300.0
    model: ModelChoice = ModelChoice()
    data: DataChoice = DataChoice()
    loss: LossChoice = LossChoice()
    optimizer: OptimizerChoice = OptimizerChoice()
    curriculum: Curriculum = Curriculum()
    precision: Precision = "float32"
    """What the towers compute with on a GPU; a CPU computes in float32."""

    accumulate: Count = 1
    """Parts that a step's batch is cut into, to need less memory; the result is the same."""

    activation_checkpointing: bool = False
    """Keep no activations inside the towers' blocks, and compute them again: memory for time."""

    round_weights: bool = False
    """Round what was trained to half precision at the end, to ship in half the bytes."""

    checkpoint_steps: Count = 1000
    """Steps from one checkpoint to the next."""

    keep_checkpoints: Count = 2
    """The newest so many stay; the best by `--val` stays as well."""

    evaluate_epochs: Positive = 1.0
    """Epochs from one look at `--val` to the next."""

    def as_json(self) -> dict[str, Any]:
        """The same as JSON takes it."""
        return asdict(self)
