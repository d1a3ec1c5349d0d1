"""Which operators Relay has, which attributes each takes, and what an attribute is when it is not written.

The table is `schema_0_15.json`. It was drawn from the operator registrations and attribute declarations in the C++
sources of TVM 0.15, with what only other versions from 0.7 to 0.19 have added: operators that were removed, and under
"other_versions" attributes that 0.15 does not know. `ops` maps an operator to its attribute type and its number of
arguments (null: not stated); `attributes` lists fields as [name, kind] or [name, kind, default].

`schema_versions.json` has in the same form what TVM 0.6 to 0.10 had otherwise; from 0.11 on the table of 0.15 holds.

A kind says how JSON holds the value: "int", "bool", "float", "str" and "dtype" are written out; "Integer", "Bool",
"FloatImm", "String", "Object", arrays "[...]" and optional "?..." are references to other nodes of the graph.
"""

from __future__ import annotations

import functools
import importlib.resources
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from nir.errors import ParseError, suggestion
from nir.relay.expr import Attributes
from nir.source import Span

_SCHEMA_FILE = "schema_0_15.json"
_VERSIONS_FILE = "schema_versions.json"

Place: TypeAlias = Callable[[str | None], Span | None]
"""Where an attribute stands, by its name; for None, where the operator stands."""

LITERAL_KINDS = frozenset({"int", "bool", "float", "str", "dtype"})
"""The kinds whose values stand in the JSON themselves."""


@dataclass(frozen=True)
class AttributesSchema:
    """The fields of one attribute type: their kinds, defaults, and which have no default."""

    name: str
    kinds: dict[str, str]
    defaults: dict[str, Any]
    required: tuple[str, ...]
    other_versions: dict[str, str] = field(default_factory=dict)

    def kind(self, attribute: str) -> str | None:
        """The kind of `attribute` in this or another version of TVM, or None when no version has it."""
        return self.kinds.get(attribute) or self.other_versions.get(attribute)


@dataclass(frozen=True)
class OperatorSchema:
    """One operator: its number of arguments (None when not stated) and its attributes."""

    name: str
    argument_count: int | None
    attributes: AttributesSchema


_NO_ATTRIBUTES = AttributesSchema("", {}, {}, ())


def _frozen(value: Any) -> Any:
    """`value` with lists as tuples, so that many calls may share one default."""
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


_Tables: TypeAlias = "tuple[dict[str, OperatorSchema], dict[str, AttributesSchema]]"


@functools.cache
def _content(file: str) -> Any:
    return json.loads(importlib.resources.files(__package__).joinpath(file).read_text(encoding="utf-8"))


@functools.cache
def _tables(version: str | None) -> _Tables:
    """The operators and attribute types of `version`, which is a key of the versions file, or None for 0.15."""
    base = _content(_SCHEMA_FILE)
    other = _content(_VERSIONS_FILE)[version] if version is not None else {"ops": {}, "attributes": {}}
    attributes = {}
    for name, fields in {**base["attributes"], **other["attributes"]}.items():
        attributes[name] = AttributesSchema(
            name,
            {row[0]: row[1] for row in fields},
            {row[0]: _frozen(row[2]) for row in fields if len(row) > 2},
            tuple(row[0] for row in fields if len(row) == 2),
            base["other_versions"].get(name, {}),
        )
    operators = {
        name: OperatorSchema(name, count, attributes[attributes_name] if attributes_name else _NO_ATTRIBUTES)
        for name, (attributes_name, count) in {**base["ops"], **other["ops"]}.items()
        if attributes_name is None or attributes_name in attributes
    }
    return operators, attributes


@functools.cache
def described_versions() -> tuple[str, ...]:
    """The versions that differ from 0.15 so much that they have a table of their own, oldest first."""
    return tuple(_content(_VERSIONS_FILE))


def operators(version: str | None = None) -> dict[str, OperatorSchema]:
    """All operators by name; of TVM 0.15, or of one of `described_versions`."""
    return _tables(version)[0]


def attributes_schema(name: str, version: str | None = None) -> AttributesSchema | None:
    """The attribute type `name` ("Conv2DAttrs", with or without "relay.attrs." before it), or None."""
    return _tables(version)[1].get(name.removeprefix("relay.attrs."))


def complete(schema: OperatorSchema, written: Attributes, place: Place, strict: bool = True) -> Attributes:
    """`written` with the defaults of all attributes that are not written, and numbers of the kind declared.

    Raises ParseError for one of the wrong kind, one that is missing and has no default, and, if `strict`, one that
    no version of TVM has.
    """
    fields = schema.attributes
    completed = {**fields.defaults, **written}
    for name in fields.required:
        if name not in completed:
            raise ParseError(
                f"'{schema.name}' needs the attribute '{name}'",
                place(None),
                expected=f"{name}=...",
                found="no such attribute",
            )
    for name, value in written.items():
        kind = fields.kinds.get(name)
        if kind is not None:
            completed[name] = _checked(schema.name, name, kind, value, place)
        elif strict:
            _check_known(schema, name, place)
    return completed


def _check_known(schema: OperatorSchema, name: str, place: Place) -> None:
    fields = schema.attributes
    if name in fields.other_versions:
        return
    if not fields.kinds:
        raise ParseError(f"'{schema.name}' has no attributes", place(name), found=f"attribute '{name}'")
    raise ParseError(
        f"'{schema.name}' has no attribute '{name}'",
        place(name),
        expected="one of " + ", ".join(fields.kinds),
        hint=suggestion(name, fields.kinds),
    )


_EXPECTED = {
    "int": "an integer",
    "Integer": "an integer",
    "bool": "True or False",
    "Bool": "True or False",
    "float": "a number",
    "FloatImm": "a number",
    "str": "a string",
    "String": "a string",
    "dtype": "a string",
}


def _checked(operator: str, name: str, kind: str, value: Any, place: Place) -> Any:
    """`value` as `kind` wants it. Raises ParseError when it is something else."""
    try:
        return _converted(kind, value)
    except TypeError:
        inner = kind.strip("?[]")
        expected = _EXPECTED.get(inner, "a value")
        for _ in range(kind.count("[")):
            expected = f"a list, each item {expected}"
        raise ParseError(
            f"attribute '{name}' of '{operator}' has the wrong kind of value",
            place(name),
            expected=expected,
            found=_shown(value),
        ) from None


def _converted(kind: str, value: Any) -> Any:
    """`value` as `kind`; integers stand for floats, 0 and 1 for booleans. Raises TypeError for anything else."""
    kind = kind.removeprefix("?")
    if kind == "Object":
        return value
    if value is None and kind == "dtype":
        return ""
    if value is None and kind not in LITERAL_KINDS:
        return None
    if kind.startswith("["):
        if not isinstance(value, tuple):
            raise TypeError
        return tuple(_converted(kind[1:-1], item) for item in value)
    if kind in ("float", "FloatImm") and type(value) in (int, float):
        return float(value)
    if kind == "int" and type(value) in (int, bool):
        return int(value)
    if kind == "Integer" and type(value) in (int, float, bool):
        return value  # some shapes and scales of vision operators are declared as integers and hold floats
    if kind in ("bool", "Bool") and (type(value) is bool or (type(value) is int and value in (0, 1))):
        return bool(value)
    if kind in ("str", "String", "dtype") and isinstance(value, str):
        return value
    raise TypeError


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
