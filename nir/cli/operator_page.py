"""The operator page: what each operator class says about itself, as Markdown. No operator is described here."""

from __future__ import annotations

import enum
import inspect
import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from nir.ir.fields import AttributeField, OperandField, ResultField
from nir.ir.operation import Operation
from nir.ir.types import ANY, ElementType
from nir.nnapi.case_counts import case_count
from nir.nnapi.levels import neuron_version, operator_level
from nir.nnapi.mapping import NAMES
from nir.ops import FAMILIES, OPERATORS
from nir.text import format_text

HEADER = """# Operators

Generated from the operator classes by `nir ops --markdown`; `make docs` rewrites it. How the notation reads is told in
[language.md](language.md). "Any" element type means any of those that NIR has. Every example is a complete function
that the tests check and run. Conformance cases are recorded NNAPI cases in which the operator occurs; `nir conformance`
runs them. What the Neuron API has is what MediaTek's public header says; a chip may have less.
"""


def page() -> str:
    """The whole page: a table of contents by family, then one section per operator."""
    lines = [HEADER]
    for title, module in FAMILIES.items():
        links = ", ".join(f"[{operator.name}](#{operator.name})" for operator in module.OPERATORS)
        lines.append(f"- {title}: {links}")
    for operator in OPERATORS:
        lines += ["", *section(operator)]
    return "\n".join(lines) + "\n"


def section(operator: type[Operation]) -> Iterator[str]:
    """The lines of one operator's section."""
    yield f"## {operator.name}"
    yield ""
    yield _prose(operator)
    if operator.operand_fields:
        rows = [(_name(f), elements(f.elements), _rank(f), f.doc) for f in operator.operand_fields]
        yield from _table(("operand", "element type", "rank", "what"), rows)
    if operator.attribute_fields:
        rows = [(f.name, f.kind.describe(), default(f), f.doc) for f in operator.attribute_fields.values()]
        yield from _table(("attribute", "value", "default", "what"), rows)
    rows = [(_name(f), _result_element(f), f.quantisation.value, f.doc) for f in operator.result_fields]
    yield from _table(("result", "element type", "quantisation", "what"), rows)
    if operator.constraints:
        yield ""
        yield from (f"- {constraint.label}: {constraint.sentence}" for constraint in operator.constraints)
    facts = sorted(trait.value for trait in operator.traits)
    if facts:
        yield ""
        yield "Traits: " + "; ".join(facts) + "."
    if operator.name in NAMES:
        yield ""
        yield _nnapi(operator)
    yield ""
    yield f"```nir\n{_example(operator)}\n```"


def _nnapi(operator: type[Operation]) -> str:
    """What NNAPI and the Neuron API say of an operator, and how many recorded cases it is held to."""
    name = NAMES[operator.name]
    version = neuron_version(name)
    neuron = "not available" if version is None else f"since version {version}"
    return (
        f"NNAPI: {name}, operation code {operator.nnapi_code}, since feature level {operator_level(name)}. "
        f"MediaTek's Neuron API: {neuron}. Conformance cases: {case_count(operator.name)}."
    )


def elements(allowed: frozenset[ElementType]) -> str:
    """Element types as a person lists them."""
    return "any" if allowed == ANY else ", ".join(e.value for e in ElementType if e in allowed)


def default(field: AttributeField) -> str:
    """An attribute's default as it would be written, or the word `required`."""
    return "required" if field.required else _written(field.default)


def _written(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, enum.Enum):
        return str(value.value)
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(map(_written, value)) + "]"
    return str(value)


def _name(field: OperandField | ResultField) -> str:
    optional = isinstance(field, OperandField) and field.optional
    return field.name + ("..." if field.variadic else "") + (" (optional)" if optional else "")


def _rank(field: OperandField) -> str:
    return "any" if field.ranks is None else " or ".join(map(str, field.ranks))


def _result_element(field: ResultField) -> str:
    if field.elements is not None:
        return elements(field.elements)
    return f"that of {field.like}" if field.like else "that of the first operand"


def _prose(operator: type[Operation]) -> str:
    """The operator's documentation up to its example."""
    lines = inspect.cleandoc(operator.__doc__ or "").split("\n")
    return "\n".join(itertools.takewhile(lambda line: not line.lstrip().startswith("func @"), lines)).strip()


def _example(operator: type[Operation]) -> str:
    """The operator's example in the canonical format, without the line that states the language's version."""
    return format_text(operator.example()).partition("\n")[2].strip()


def _table(titles: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield ""
    yield "| " + " | ".join(titles) + " |"
    yield "|" + "---|" * len(titles)
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
