"""What a person wants to know about a model before leaning on it; `cpd model show` prints it."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cpd_model.built_in.models import built_in_of
from cpd_model.bundles.bundle import BundleFacts, describe_bundle
from cpd_model.bundles.hub import is_hub_name
from cpd_model.bundles.record import is_bundle
from cpd_model.encoder import ClipSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelDescription:
    """A model's facts, in the order in which they are shown."""

    name: str
    """What it was asked for by."""

    kind: str
    """`bundle of cpd`, or the family of transformers."""

    folder: Path
    fingerprint: str
    video_tower: str
    text_tower: str
    embed_dim: int
    temperature: float
    clip_spec: ClipSpec
    num_parameters: int
    size_bytes: int
    terms: tuple[str, ...] = field(default=())
    """Whose the weights are, and under which licence."""

    notes: tuple[str, ...] = field(default=())
    """What to expect of it."""

    def as_json(self) -> dict[str, Any]:
        """The same as JSON takes it."""
        return asdict(self) | {"folder": str(self.folder)}


def describe_model(folder: Path, *, name: str) -> ModelDescription:
    """The facts of the model in `folder`; one of transformers is opened for it (seconds).

    Raises:
        BundleError: the model is damaged, incomplete or of a kind that is not supported.
    """
    if is_bundle(folder):
        return _describe_bundle(describe_bundle(folder), name=name)
    from cpd_model.encoders.adapters import ClipDualEncoder, open_adapter

    encoder = open_adapter(folder, name=name, device="cpu")
    mixes = isinstance(encoder, ClipDualEncoder)
    return ModelDescription(
        name=name,
        kind=f"{encoder.family.title} of transformers",
        folder=folder,
        fingerprint=encoder.fingerprint,
        video_tower="the whole clip" if mixes else "frame by frame, mean over the frames",
        text_tower=f"up to {encoder.max_tokens} tokens",
        embed_dim=encoder.embed_dim,
        temperature=encoder.temperature,
        clip_spec=encoder.clip_spec,
        num_parameters=encoder.num_parameters,
        size_bytes=_size_of(folder),
        terms=_foreign_terms(name),
    )


def _describe_bundle(facts: BundleFacts, *, name: str) -> ModelDescription:
    built_in = built_in_of(name, facts.folder)
    options = ", ".join(f"{key} {value}" for key, value in facts.video_options.items())
    return ModelDescription(
        name=name,
        kind="bundle of cpd",
        folder=facts.folder,
        fingerprint=facts.fingerprint,
        video_tower=f"{facts.video_tower} ({options})" if options else facts.video_tower,
        text_tower=f"{facts.text_encoder}, up to {facts.max_tokens} tokens",
        embed_dim=facts.embed_dim,
        temperature=facts.temperature,
        clip_spec=facts.clip_spec,
        num_parameters=facts.num_parameters,
        size_bytes=facts.size_bytes,
        terms=built_in.terms if built_in else _foreign_terms(name),
        notes=built_in.notes if built_in else (),
    )


def _foreign_terms(name: str) -> tuple[str, ...]:
    if is_hub_name(name) and not Path(name).is_dir():
        return (f"those of its authors: see https://huggingface.co/{name}",)
    return ("those of whoever made the folder: nothing in it says which",)


def _size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
