"""What the layers find, before it is known where that stands, and how types and values read in messages.

A `Finding` belongs to an operator's signature, not to one operation: equal operations share it. report.py turns it
into a diagnostic that points somewhere.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from nir.ir import ConstantData, ElementType, Keyword, Operation, Quantisation, Symbol, TensorType, Value, float32_text
from nir.text.lexical import brief, quote, write_name

Part = str | tuple[str, int | str] | tuple[str, int, str]
"""Which part of an operation or function a finding points at.

Of an operation: `"name"`, `"subject"`, `("operand", i)`, `("result", i)`, `("attribute", name)`,
`("attribute_value", name)`, `("type", i)`, or of a type `("type", i, detail)` with the detail `"shape"`, `"scale"`,
`"zero_point"`, `"axis"`, `"scales"` or `"zero_points"`. Of a function: `"name"`, `("parameter", i)`,
`("parameter", i, detail)`, `("result", i)`, `("result", i, detail)`, where `"type"` is a detail too, and
`"return"`, `("return", i)`. What the text does not have is shown by the next larger part that it has.
"""

_LONGEST_LIST = 8
"""Entries of a list of scales or attribute values that a message shows at most."""

_LONGEST_VALUE = 100
"""Characters of an attribute's value that a message shows at most."""


@dataclass(frozen=True)
class Finding:
    """One broken rule; the fields are those of `nir.errors.Diagnostic`, `at` instead of the span."""

    message: str
    at: Part = "name"
    expected: str | None = None
    found: str | None = None
    hint: str | None = None
    rule: str | None = None


def type_text(type: object) -> str:
    """A type as messages show it: as in `.nir` text, long lists of scales cut short; anything else as Python does."""
    if not isinstance(type, TensorType):
        return repr(type)
    inside = "x".join([*_dimensions(type.shape), type.element.value])
    if type.quantisation is not None:
        inside += f", {quantisation_text(type.quantisation)}"
    return f"tensor<{inside}>"


def quantisation_text(quantisation: Quantisation | None) -> str:
    """Quantisation parameters as they stand inside `tensor<...>`, long lists cut short."""
    if quantisation is None:
        return "no quantisation"
    axis, name = quantisation.axis, quantisation.scales_name
    if axis is None and len(quantisation.scales) == len(quantisation.zero_points) == 1:
        return str(quantisation)
    scales = write_name("@", name) if name is not None else list_text(float32_text(s) for s in quantisation.scales)
    text = f"scales={scales}" if axis is None else f"axis={axis}, scales={scales}"
    if any(quantisation.zero_points):
        text += f", zero_points={list_text(map(str, quantisation.zero_points))}"
    return text


def shape_text(shape: Iterable[int | None]) -> str:
    """A shape as it stands inside `tensor<...>`: `1x8x?x3`, or `scalar`."""
    return "x".join(_dimensions(shape)) or "scalar"


def _dimensions(shape: Iterable[int | None]) -> list[str]:
    shown = ["?" if d is None else str(d) for d in shape]
    return shown if len(shown) <= 2 * _LONGEST_LIST else [*shown[:_LONGEST_LIST], "...", *shown[-2:]]


def list_text(entries: Iterable[str]) -> str:
    """`[a, b, c]`, cut after some entries with the number of those left out."""
    shown = list(entries)
    left_out = len(shown) - _LONGEST_LIST
    if left_out > 0:
        shown = [*shown[:_LONGEST_LIST], f"... {left_out} more"]
    return f"[{', '.join(shown)}]"


def value_text(value: Any) -> str:
    """An attribute's value as `.nir` text would have it; anything that has no such form as Python shows it."""
    if isinstance(value, enum.Enum):
        text = str(value.value)
    elif isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, Symbol):
        text = write_name("@", value)
    elif isinstance(value, Keyword):
        text = str(value)
    elif isinstance(value, str):
        text = quote(value)
    elif isinstance(value, float):
        text = float32_text(value)
    elif isinstance(value, tuple):
        text = list_text(value_text(item) for item in value)
    elif isinstance(value, ConstantData):
        text = write_name("@", value.name) if value.name is not None else constant_text(value)
    else:
        text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 3] + "..."


def constant_text(value: ConstantData) -> str:
    """What a constant is, without its elements."""
    shape = "x".join([*map(str, value.array.shape), ""])
    try:
        element = ElementType.from_numpy(value.array.dtype).value
    except (KeyError, TypeError):
        element = str(value.array.dtype)
    return f"a constant of {shape}{element}"


def elements_text(elements: Iterable[ElementType]) -> str:
    """Element types in the order of their definition: `f32, f16 or i8`."""
    allowed = set(elements)
    return alternatives([element.value for element in ElementType if element in allowed])


def alternatives(names: list[str]) -> str:
    """`a, b or c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def count(number: int, noun: str) -> str:
    """`1 operand`, `2 operands`, `no operands`."""
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def value_name(value: Value) -> str:
    """How messages call a value."""
    return brief(write_name("%", value.name)) if value.name is not None else "a value without a name"


def function_name(name: str) -> str:
    """How messages call a function."""
    return brief(write_name("@", name))


def part_of_field(op: Operation, name: str | None) -> Part:
    """The part of an operation's text that the field `name` of its class is written in."""
    for operand_field in op.operand_fields:
        if operand_field.name == name:
            given = operand_field.index < len(op.operands)
            return ("operand", operand_field.index) if given else "name"
    for result_field in op.result_fields:
        if result_field.name == name:
            return ("type", result_field.index)
    if name in op.attributes:
        return "subject" if is_subject(op, name) else ("attribute_value", name)
    return "name"


def is_subject(op: Operation, name: str | None) -> bool:
    """True for the attribute that is written right behind the operator's name."""
    subject = type(op).subject
    return subject is not None and subject.name == name


def operand_name(op: Operation, index: int) -> str:
    """How messages call an operand: by its field, numbered where the field is variadic."""
    operand_field = op.operand_fields[min(index, len(op.operand_fields) - 1)]
    return f"{operand_field.name}[{index - operand_field.index}]" if operand_field.variadic else operand_field.name


def result_name(op: Operation, index: int) -> str:
    """How messages call a result: by its field, numbered where the field is variadic."""
    result_field = op.result_fields[min(index, len(op.result_fields) - 1)]
    return f"{result_field.name}[{index - result_field.index}]" if result_field.variadic else result_field.name
