"""`--set key=value` on a frozen configuration: dotted names, values of the fields' own types."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from difflib import get_close_matches
from typing import Any, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError

from cpd_model.errors import InputError

Config = TypeVar("Config")


def apply_settings(config: Config, settings: Sequence[str]) -> Config:
    """The same configuration with some values replaced.

    Args:
        settings: such as `loss.num_negatives=4096`, later ones win. Values are JSON or bare words;
            a field that holds an object takes a longer name: `model.changes.embed_dim=64`.

    Raises:
        InputError: no such key, or a value that its field does not take.
    """
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise InputError(f"--set {setting} has no value: write it as key=value")
        config = _replaced(config, key.strip(), path=key.strip().split("."), written=value.strip())
    return config


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
        else _checked(key, written, get_type_hints(type(config))[name])
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
            reasons.append(str(error.errors()[0]["msg"]))
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
