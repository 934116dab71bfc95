"""`--set key=value` on a frozen configuration: dotted names, values of the fields' own types."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from difflib import get_close_matches
from typing import Any, NamedTuple, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError

from cpd_model.errors import InputError
from training.config import RunConfig

Config = TypeVar("Config")


def apply_settings(config: Config, settings: Sequence[str]) -> Config:
    """The same configuration with some values replaced.

    Args:
        settings: such as `loss.num_negatives=4096`, later ones win. Values are JSON or bare words;
            a field that holds an object takes a longer name: `model.changes.embed_dim=64`.

    Raises:
        InputError: no such key, or a value that its field does not take: of another type, out of
            its range, no number.
    """
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise InputError(f"--set {setting} has no value: write it as key=value")
        config = _replaced(config, key.strip(), path=key.strip().split("."), written=value.strip())
    return config


class _Unused(NamedTuple):
    """Settings that do nothing under a condition."""

    keys: tuple[str, ...]
    where: str
    """Names the condition, for a person."""

    holds: Callable[[RunConfig], bool]


_UNUSED = (
    _Unused(
        ("model.preset", "model.text_start", "model.video_start"),
        "a model is the start (--model, model.start)",
        lambda config: bool(config.model.start),
    ),
    _Unused(
        ("model.changes.similarity_temperature",),
        "a loss decides it: set loss.temperature",
        lambda config: True,
    ),
    _Unused(
        (
            *("loss.num_negatives", "loss.shared_negatives"),
            *("loss.bank_momentum", "loss.bank_dtype", "loss.bank_on_disk"),
        ),
        "loss.kind is not nce, which alone has memory banks",
        lambda config: config.loss.kind != "nce",
    ),
    _Unused(
        ("optimizer.milestones", "optimizer.decay"),
        "optimizer.schedule is not milestones",
        lambda config: config.optimizer.schedule != "milestones",
    ),
    _Unused(
        ("curriculum.text_learning_rate", "curriculum.text_layers"),
        "curriculum.unfreeze_epoch is null and the text encoder stays frozen",
        lambda config: config.curriculum.unfreeze_epoch is None,
    ),
    _Unused(
        ("data.feature_views",),
        "model.features is false",
        lambda config: not config.model.features,
    ),
    _Unused(
        ("data.short_side_pixels", "data.middle_seconds"),
        "model.features is true: features are of the centre of frames from all of a video",
        lambda config: config.model.features,
    ),
)


def refuse_unused(config: RunConfig, *, recipe: RunConfig) -> None:
    """Refuse a setting that a person changed and that would do nothing.

    Args:
        recipe: the configuration before they changed it.

    Raises:
        InputError: there is one.
    """
    before = dict(_leaves(recipe))
    changed = {key for key, value in _leaves(config) if value != before[key]}
    changed |= {f"model.changes.{key}" for key in config.model.changes}
    for unused in _UNUSED:
        useless = [key for key in unused.keys if key in changed]
        if useless and unused.holds(config):
            raise InputError(f"{useless[0]} does nothing where {unused.where}; leave it out")


def setting_lines(config: Any) -> list[str]:
    """Every value as a line that `--set` takes (quoted where a shell wants it, by the reader)."""
    return [f"{key} = {json.dumps(value)}" for key, value in _leaves(config)]


def _replaced(config: Any, key: str, *, path: list[str], written: str) -> Any:
    name, rest = path[0], path[1:]
    known = {field.name for field in fields(config)}
    if name not in known:
        raise InputError(_unknown(key, config, at=key.split(".")[: -len(path)]))
    value = getattr(config, name)
    if is_dataclass(value):
        if not rest:
            raise InputError(
                f"{key} is a group of settings; set one of them, such as "
                f"{key}.{fields(value)[0].name}"
            )
        return replace(config, **{name: _replaced(value, key, path=rest, written=written)})
    if rest and not isinstance(value, dict):
        raise InputError(f"{key} goes too deep: {name} is one value")
    new = (
        _merged(value, rest, _parsed(written))
        if rest
        else _checked(key, written, get_type_hints(type(config), include_extras=True)[name])
    )
    return replace(config, **{name: new})


def _checked(key: str, written: str, kind: Any) -> Any:
    """The value of a field's type: the text itself where it takes one, else what JSON says."""
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    parsed = _parsed(written)
    reasons = []
    for candidate in (parsed, written):
        try:
            return adapter.validate_python(candidate)
        except ValidationError as error:
            reasons.append(str(error.errors()[0]["msg"]).removeprefix("Value error, "))
    raise InputError(f"{key} cannot be {written!r}: {reasons[0][:1].lower()}{reasons[0][1:]}")


def _parsed(written: str) -> Any:
    plain = {"none": None, "true": True, "false": False}
    if written.lower() in plain:
        return plain[written.lower()]
    try:
        return json.loads(written)
    except ValueError:
        return written


def _merged(value: dict[str, Any], path: list[str], new: Any) -> dict[str, Any]:
    if len(path) == 1:
        return {**value, path[0]: new}
    inner = value.get(path[0], {})
    return {**value, path[0]: _merged(inner if isinstance(inner, dict) else {}, path[1:], new)}


def _unknown(key: str, config: Any, *, at: list[str]) -> str:
    names = [".".join([*at, field.name]) for field in fields(config)]
    near = get_close_matches(key, names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(names)}"
    return f"no setting {key}; {hint}"


def _leaves(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for field in fields(value):
        inner = getattr(value, field.name)
        key = f"{prefix}{field.name}"
        if is_dataclass(inner):
            yield from _leaves(inner, f"{key}.")
        else:
            yield key, inner
