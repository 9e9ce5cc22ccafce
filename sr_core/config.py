"""Conversion between configurations (frozen dataclasses) and plain dicts, with type checks."""

from __future__ import annotations

import dataclasses
import json
import types
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, Union, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Config = TypeVar("Config", bound="DataclassInstance")


def to_dict(config: Any) -> dict[str, Any]:
    """A configuration as nested dicts and lists, which JSON can represent."""
    return {field.name: _plain(getattr(config, field.name)) for field in dataclasses.fields(config)}


def from_dict(cls: type[Config], data: Mapping[str, Any], base: Config | None = None) -> Config:
    """The inverse of `to_dict`; missing fields, nested ones too, have the values of `base`.

    Without `base` they have their defaults. Raises ValueError, with the field's name, for an
    unknown field or a value of another type.
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
    """The configuration with assignments `a.b=value`; a value is JSON, or else a string.

    Raises ValueError for an unknown name or a value of another type.
    """
    data = to_dict(config)
    for assignment in assignments:
        name, found, text = assignment.partition("=")
        *path, last = name.split(".")
        node: Any = data
        for key in path:
            node = node.get(key) if isinstance(node, dict) else None
        if not found or not isinstance(node, dict) or last not in node:
            raise ValueError(f"got {assignment!r}; expected NAME=VALUE with a name of --dry-run")
        try:
            node[last] = json.loads(text)
        except json.JSONDecodeError:
            node[last] = text
    return from_dict(type(config), data)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return to_dict(value)
    return [_plain(item) for item in value] if isinstance(value, (tuple, list)) else value


def _typed(expected: Any, value: Any, where: str, base: Any = None) -> Any:
    if (
        isinstance(expected, type)
        and dataclasses.is_dataclass(expected)
        and isinstance(value, Mapping)
    ):
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
    raise ValueError(f"{where} has none of its possible types: {'; or: '.join(problems)}")
