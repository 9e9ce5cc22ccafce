"""Configurations: frozen dataclasses <-> plain dicts, strictly."""

from __future__ import annotations

import dataclasses
import json
import types
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

Config = TypeVar("Config")


def to_dict(config: Any) -> dict[str, Any]:
    """A configuration as nested dicts and lists, ready for JSON."""
    return {field.name: _plain(getattr(config, field.name)) for field in dataclasses.fields(config)}


def from_dict(cls: type[Config], data: Mapping[str, Any], base: Config | None = None) -> Config:
    """The configuration that `to_dict` wrote; fields that are not given are those of `base`.

    Without one they keep their defaults, also those that a field has for what is in it.
    Raises ValueError for an unknown field or a value of another type, by name.
    """
    types_of = get_type_hints(cls)
    names = [field.name for field in dataclasses.fields(cls)]
    unknown = sorted(set(data) - set(names))
    if unknown:
        raise ValueError(
            f"got unknown field {', '.join(unknown)} in {cls.__name__}; "
            f"expected only {', '.join(names)}; a newer version may have written it: update"
        )
    base = cls() if base is None else base
    given = {
        name: _typed(types_of[name], data[name], f"{cls.__name__}.{name}", getattr(base, name))
        for name in data
    }
    return dataclasses.replace(base, **given)


def changed(config: Config, assignments: Sequence[str]) -> Config:
    """The configuration with `a.b=value` applied; values are JSON, or else taken as text.

    Raises ValueError for a name that is not there, or a value of another type.
    """
    data = to_dict(config)
    for assignment in assignments:
        name, found, text = assignment.partition("=")
        *path, last = name.split(".")
        place = data
        for step in path:
            place = place.get(step) if isinstance(place, dict) else None
        if not found or not isinstance(place, dict) or last not in place:
            raise ValueError(f"got {assignment!r}; expected NAME=VALUE with a name of --dry-run")
        try:
            place[last] = json.loads(text)
        except json.JSONDecodeError:
            place[last] = text
    return from_dict(type(config), data)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return to_dict(value)
    return [_plain(item) for item in value] if isinstance(value, (tuple, list)) else value


def _typed(expected: Any, value: Any, where: str, base: Any = None) -> Any:
    if dataclasses.is_dataclass(expected) and isinstance(value, Mapping):
        return from_dict(expected, value, base)
    if get_origin(expected) is tuple and isinstance(value, (list, tuple)):
        return tuple(_typed(get_args(expected)[0], item, where) for item in value)
    if get_origin(expected) in (Union, types.UnionType):
        return _one_of(get_args(expected), value, where)
    if expected is float and type(value) is int:
        return float(value)
    if type(value) is expected:
        return value
    name = getattr(expected, "__name__", expected)
    raise ValueError(f"got {value!r} for {where}; expected {name}")


def _one_of(options: tuple[Any, ...], value: Any, where: str) -> Any:
    problems = []
    for option in options:
        try:
            return _typed(option, value, where)
        except ValueError as error:
            problems.append(str(error))
    raise ValueError(f"{where} is of no kind that it can be: {'; or: '.join(problems)}")
