# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of named tuples and dataclasses, to JSON and back without loss, read strictly."""

from __future__ import annotations

import dataclasses
import types
import typing
from enum import StrEnum
from functools import cache

from .errors import InputError

__all__ = ("from_json", "to_json")

T = typing.TypeVar("T")

_REQUIRED = object()


@cache
def _defaults(kind: type) -> dict[str, object] | None:
    """The fields of a named tuple or dataclass with their defaults, or _REQUIRED; None for any other type."""
    if dataclasses.is_dataclass(kind):          # those of the job file
        return {f.name: _REQUIRED if f.default is dataclasses.MISSING else f.default for f in dataclasses.fields(kind)}
    if issubclass(kind, tuple) and hasattr(kind, "_field_defaults"):
        return {name: kind._field_defaults.get(name, _REQUIRED) for name in kind._fields}
    return None


def to_json(value: object) -> typing.Any:
    """`value` (a dataclass, a named tuple, or a tuple of them) as JSON values. Fields at their default are left out."""
    if isinstance(value, StrEnum):
        return str(value)
    defaults = _defaults(type(value))
    if defaults is not None:
        facts = {}
        for name, default in defaults.items():
            item = getattr(value, name)
            if default is _REQUIRED or item != default:
                facts[name] = to_json(item)
        return facts
    if isinstance(value, tuple | list):
        return [to_json(item) for item in value]
    return value


def from_json(kind: type[T], facts: object, where: str = "") -> T:
    """The value of type `kind` that `to_json` wrote. Raises InputError naming the field that does not fit."""
    return typing.cast("T", _read(kind, facts, where))


@cache
def _hints(kind: type) -> dict[str, typing.Any]:
    return typing.get_type_hints(kind)


_WANTED = {str: "text", int: "a whole number", float: "a number", bool: "true or false", dict: "an object"}


def _read(kind: typing.Any, facts: typing.Any, where: str) -> object:
    if isinstance(kind, types.UnionType):
        members = typing.get_args(kind)
        if facts is None and types.NoneType in members:
            return None
        (member,) = (m for m in members if m is not types.NoneType)
        return _read(member, facts, where)
    if typing.get_origin(kind) is tuple:
        if not isinstance(facts, list | tuple):
            raise _misfit(where, facts, "a list")
        return tuple(_read(typing.get_args(kind)[0], item, f"{where}[{i}]") for i, item in enumerate(facts))
    defaults = _defaults(kind)
    if defaults is not None:
        if not isinstance(facts, dict):
            raise _misfit(where, facts, "an object")
        hints = _hints(kind)
        for name in facts:
            if name not in hints:
                raise InputError(f"There is no field {name!r}", field=f"{where}.{name}".lstrip("."),
                                 hint=f"Known are: {', '.join(hints)}")
        for name, default in defaults.items():
            if default is _REQUIRED and name not in facts:
                raise InputError(f"{name!r} is missing", field=f"{where}.{name}".lstrip("."))
        return kind(**{name: _read(hints[name], item, f"{where}.{name}".lstrip(".")) for name, item in facts.items()})
    if issubclass(kind, StrEnum):
        try:
            return kind(facts)
        except ValueError:
            raise _misfit(where, facts, " or ".join(kind)) from None
    if kind is float and isinstance(facts, int) and not isinstance(facts, bool):
        return float(facts)
    if not isinstance(facts, kind) or (kind is int and isinstance(facts, bool)):
        raise _misfit(where, facts, _WANTED[kind])
    return facts


def _misfit(where: str, facts: object, wanted: str) -> InputError:
    return InputError(f"{facts!r} does not fit", field=where, hint=f"It must be {wanted}")
