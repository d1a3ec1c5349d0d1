"""From a module to text in canonical form. docs/language.md states the rules of layout."""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nir.errors import NirError
from nir.ir import (
    AttributeField,
    Comments,
    ConstantData,
    Function,
    Keyword,
    Module,
    Operation,
    Quantisation,
    Symbol,
    TensorType,
    Value,
    float32_text,
)
from nir.text.elements import write_elements
from nir.text.lexical import is_word, quote, write_name
from nir.text.types import write_type

LINE_WIDTH = 120
"""Columns of a line, beyond which types go on a line of their own."""

_NOT_KEYWORDS = frozenset({"true", "false", "inf", "nan"})
"""Words that are read as something else."""

_INDENT, _CONTINUATION = "  ", "      "


class WeightNames:
    """Under which names a text refers to weights: here those that constants and scales carry themselves."""

    def of_constant(self, data: ConstantData) -> str | None:
        """The name of a constant that a weights file holds, or None for one written inline."""
        return data.name

    def of_scales(self, quantisation: Quantisation) -> str | None:
        """The name of scales that a weights file holds, or None for those written inline."""
        return quantisation.scales_name


def print_module(module: Module) -> str:
    """The module as text in canonical form, ending in a line end. Weights are referred to by their names."""
    return write_module(module, module.weights_file, WeightNames())


def print_function(function: Function) -> str:
    """One function as text, ending in a line end."""
    return "\n".join(_FunctionPrinter(function, WeightNames(), {}).lines()) + "\n"


def print_operation(op: Operation) -> str:
    """One operation as text, on its own: values without a name become %0, %1, ..."""
    shell = Function("shell", [value for value in dict.fromkeys(op.operands) if value is not None], [op])
    return "\n".join(_FunctionPrinter(shell, WeightNames(), {}).operation_lines(op)).strip()


def write_module(module: Module, weights_file: str | None, names: WeightNames) -> str:
    """The module as text that refers to `weights_file`, and to the weights in it by `names`."""
    lines: list[str] = []
    _add_lines(lines, module.comments, "nir {}.{}".format(*module.version), "")
    if weights_file is not None:
        lines.append(f"weights {quote(weights_file)}")
    types: dict[int, str] = {}
    for function in module:
        lines.append("")
        lines += _FunctionPrinter(function, names, types).lines()
    if module.closing_comments is not None:
        lines += ["", *_comment_lines(module.closing_comments.leading, "")]
    lines.append("")
    return "\n".join(lines)


class _FunctionPrinter:
    """Prints one function; `types` remembers the text of each type object while the whole module is printed."""

    def __init__(self, function: Function, names: WeightNames, types: dict[int, str]) -> None:
        self.function = function
        self.weight_names = names
        self.types = types
        self.attributes: dict[tuple[type[Operation], str, Any], str] = {}
        self.names = _value_names(function)

    def lines(self) -> list[str]:
        """All lines of the function."""
        function = self.function
        lines: list[str] = []
        if function.comments is not None:
            lines += _comment_lines(function.comments.leading, "")
        *before, opening = self._signature()
        lines += [*before, opening + _behind(function.comments)]
        for op in function.operations:
            if op.comments is None:
                lines += self.operation_lines(op)
            else:
                lines += _comment_lines(op.comments.leading, _INDENT)
                lines += self.operation_lines(op)
                lines[-1] += _behind(op.comments)
        values = ", ".join([self._name(value) for value in function.results])
        _add_lines(lines, function.return_comments, f"return {values}" if values else "return", _INDENT)
        if function.closing_comments is not None:
            lines += _comment_lines(function.closing_comments.leading, _INDENT)
        lines.append("}" + _behind(function.closing_comments))
        return lines

    def operation_lines(self, op: Operation) -> list[str]:
        """The one or two lines of an operation, indented."""
        names = self.names
        results = op.results
        try:
            operands = ", ".join([names[v] if v is not None else "none" for v in op.operands])
        except KeyError:
            operands = ", ".join([self._name(v) for v in op.operands])
        if len(results) == 1:
            head = f"{_INDENT}{names[results[0]]} = {op.name}"
            types = self._type(results[0].type)
        else:
            head = _INDENT + ", ".join([names[value] for value in results]) + (" = " if results else "") + op.name
            types = self._types([value.type for value in results])
        subject = type(op).subject  # from the class: on the operation it is the attribute's value
        if subject is not None and subject.name in op.attributes:
            head += " " + self._value(op.attributes[subject.name], subject)
        if op.operand_fields or operands:
            head += f"({operands})"
        if op.attributes:
            head += self._attributes(op)
        if len(head) + len(types) + 3 <= LINE_WIDTH:
            return [f"{head} : {types}"]
        return [head, f"{_CONTINUATION}: {types}"]

    def _attributes(self, op: Operation) -> str:
        """` {name = value, ...}` in the order of the operator's fields; others follow. Nothing where there is none."""
        given, fields = op.attributes, op.attribute_fields
        texts = []
        for name, attribute_field in fields.items():
            if name in given and not attribute_field.subject:
                texts.append(f"{name} = {self._value(given[name], attribute_field)}")
        if op.open_attributes:
            texts += [f"{_key(name)} = {self._value(value)}" for name, value in given.items() if name not in fields]
        return f" {{{', '.join(texts)}}}" if texts else ""

    def _signature(self) -> list[str]:
        function = self.function
        parameters = [f"{self.names[value]}: {self._type(value.type)}" for value in function.parameters]
        head = f"func {write_name('@', function.name)}("
        types = function.result_types
        results = self._type(types[0]) if len(types) == 1 else self._types(types)
        tail = f"-> {results} {{"
        if function.attributes:
            texts = [f"{_key(name)} = {self._value(value)}" for name, value in function.attributes.items()]
            tail = f"-> {results} attributes {{{', '.join(texts)}}} {{"
        first = f"{head}{', '.join(parameters)})"
        if len(first) + 1 + len(tail) <= LINE_WIDTH:
            return [f"{first} {tail}"]
        if len(first) <= LINE_WIDTH:
            return [first, f"    {tail}"]
        return [head, *[f"    {text}," for text in parameters[:-1]], f"    {parameters[-1]}", f") {tail}"]

    def _name(self, value: Value | None) -> str:
        """A value's name; one that this function does not define keeps its own name."""
        if value is None:
            return "none"
        return self.names.get(value) or write_name("%", value.name if value.name is not None else "?")

    def _type(self, type: TensorType) -> str:
        text = self.types.get(id(type))
        if text is None:
            text = self.types[id(type)] = write_type(type, self.weight_names.of_scales)
        return text

    def _types(self, types: Sequence[TensorType]) -> str:
        return f"({', '.join([self._type(type) for type in types])})"

    def _value(self, value: Any, attribute_field: AttributeField | None = None) -> str:
        """An attribute's value; floats are float32 where the operator declares the attribute, else float64."""
        if isinstance(value, ConstantData):
            name = self.weight_names.of_constant(value)
            return f"dense<{write_elements(value.array)}>" if name is None else write_name("@", name)
        return write_value(value, single=attribute_field is not None)


def write_value(value: Any, *, single: bool) -> str:
    """An attribute's value as text. Raises `NirError` for one that the language cannot write."""
    if isinstance(value, enum.Enum):
        return str(value.value)
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        return float32_text(float(value)) if single or not math.isfinite(value) else repr(float(value))
    if isinstance(value, Symbol):
        return write_name("@", value)
    if isinstance(value, Keyword):
        if not is_word(value) or value in _NOT_KEYWORDS:
            raise NirError(f"{str(value)!r} is no bare word", expected="letters, digits, '_' and '.'")
        return str(value)
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, (tuple, list)):
        return f"[{', '.join([write_value(item, single=single) for item in value])}]"
    raise NirError(
        f"an attribute of type {type(value).__name__} cannot be written",
        expected="numbers, booleans, strings, keywords, symbols, enums, or tuples of them",
    )


def _key(name: str) -> str:
    return name if is_word(name) else quote(name)


def _value_names(function: Function) -> dict[Value, str]:
    """Each value's name as text: its own; the next free number where it has none, a suffix where it is taken."""
    names: dict[Value, str] = {}
    taken: set[str] = set()
    later: list[Value] = []
    for value in function.values():
        if value.name is None or value.name in taken:
            later.append(value)
        else:
            taken.add(value.name)
            names[value] = write_name("%", value.name)
    number = 0
    suffixes: dict[str, int] = {}
    for value in later:
        if value.name is None:
            while str(number) in taken:
                number += 1
            name = str(number)
        else:
            name = value.name
            while name in taken:
                suffixes[value.name] = suffixes.get(value.name, 0) + 1
                name = f"{value.name}_{suffixes[value.name]}"
        taken.add(name)
        names[value] = write_name("%", name)
    return names


def _add_lines(lines: list[str], comments: Comments | None, text: str, indent: str) -> None:
    if comments is not None:
        lines += _comment_lines(comments.leading, indent)
    lines.append(indent + text + _behind(comments))


def _comment_lines(leading: Sequence[str], indent: str) -> list[str]:
    return [f"{indent}{_comment(line)}" if line else "" for text in leading for line in text.split("\n")]


def _behind(comments: Comments | None) -> str:
    """The comment at the end of a line, with a space before it."""
    return f" {_comment(comments.trailing)}" if comments is not None and comments.trailing else ""


def _comment(text: str) -> str:
    """A comment line as text; slashes are added to one that was made without."""
    text = " ".join(text.split("\n")).strip()
    return text if text.startswith("//") else f"// {text}"
