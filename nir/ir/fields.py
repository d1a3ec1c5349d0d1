"""The parts of an operator class: operands, attributes, results, constraints.

They are descriptors: `op.data` is the operand's value, `op.strides` the attribute or its default, `op.output`
the result's value. The operator base class (operation.py) collects them.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, NamedTuple

from nir.ir.kinds import Kind
from nir.ir.types import ANY, ElementType


class _Required:
    def __repr__(self) -> str:
        return "required"


REQUIRED: Any = _Required()
"""Default of an attribute that must be given."""


class QuantisationRule(enum.Enum):
    """How a result's quantisation follows from the operator. The value is the sentence in the documentation."""

    SAME = "equal to that of the first operand"
    FREE = "any"
    NONE = "none"
    ONE = "scale 1, zero point 0"
    UNIT_256 = "scale 1/256, zero point the smallest storable value"
    UNIT_128 = "scale 1/128, zero point the middle of the storage range"
    SAME_BY_DEFAULT = "any; equal to that of the first operand unless given"
    UNIT_256_BY_DEFAULT = "any; scale 1/256, zero point the smallest storable value unless given"
    UNIT_128_BY_DEFAULT = "any; scale 1/128, zero point the middle of the storage range unless given"


class OperandField:
    """An operand of an operator: its place, documentation, allowed element types and rank."""

    def __init__(
        self,
        doc: str,
        elements: frozenset[ElementType],
        rank: int | tuple[int, ...] | None,
        optional: bool,
        variadic: bool,
    ) -> None:
        self.doc = doc
        self.elements = elements
        self.ranks = (rank,) if isinstance(rank, int) else rank
        self.optional = optional
        self.variadic = variadic
        self.name = ""
        self.index = 0

    def __get__(self, op: Any, owner: type) -> Any:
        if op is None:
            return self
        if self.variadic:
            return op.operands[self.index :]
        return op.operands[self.index] if self.index < len(op.operands) else None


class AttributeField:
    """An attribute of an operator: documentation, kind of value, default.

    The `subject` attribute is written right after the operator's name: `call @f(...)`, `const @w`.
    """

    def __init__(self, doc: str, default: Any, minimum: int | None, subject: bool) -> None:
        self.doc = doc
        self.default = default
        self.minimum = minimum
        self.subject = subject
        self.name = ""
        self.kind: Kind = Kind()

    @property
    def required(self) -> bool:
        return self.default is REQUIRED

    def __get__(self, op: Any, owner: type) -> Any:
        if op is None:
            return self
        return op.attributes.get(self.name, self.default)


class ResultField:
    """A result of an operator.

    Its element type is that of operand `like`, or the one of `elements` that the operation declares.
    """

    def __init__(
        self,
        doc: str,
        like: str | None,
        elements: frozenset[ElementType] | None,
        quantisation: QuantisationRule,
        variadic: bool,
    ) -> None:
        self.doc = doc
        self.like = like
        self.elements = elements
        self.quantisation = quantisation
        self.variadic = variadic
        self.name = ""
        self.index = 0

    def __get__(self, op: Any, owner: type) -> Any:
        if op is None:
            return self
        return op.results[self.index :] if self.variadic else op.results[self.index]


class Constraint(NamedTuple):
    """A rule that an operation keeps: `label` ("C1"), the sentence, the check, and the field to point at."""

    label: str
    sentence: str
    check: Callable[[Any], bool]
    at: str | None


def operand(
    doc: str,
    elements: frozenset[ElementType] = ANY,
    *,
    rank: int | tuple[int, ...] | None = None,
    optional: bool = False,
    variadic: bool = False,
) -> Any:
    """Declares an operand. `elements` are the element types it may have, `rank` its rank or allowed ranks.

    An `optional` one may be left out (`none`, or off the end); a `variadic` one takes all operands that
    follow and must be the last.
    """
    return OperandField(doc, elements, rank, optional, variadic)


def attribute(doc: str, *, default: Any = REQUIRED, minimum: int | None = None, subject: bool = False) -> Any:
    """Declares an attribute; the annotation says what values it takes, `minimum` bounds its integers."""
    return AttributeField(doc, default, minimum, subject)


def result(
    doc: str,
    *,
    like: str | None = None,
    elements: frozenset[ElementType] | ElementType | None = None,
    quantisation: QuantisationRule = QuantisationRule.FREE,
    variadic: bool = False,
) -> Any:
    """Declares a result: element type like operand `like`, or one of `elements`, as declared by the operation."""
    if isinstance(elements, ElementType):
        elements = frozenset({elements})
    return ResultField(doc, like, elements, quantisation, variadic)


def constraint(rule: str, *, at: str | None = None) -> Callable[[Callable[[Any], bool]], Constraint]:
    """Declares a rule, written "C1: sentence". The method returns True where the operation keeps it.

    It runs after operand counts, ranks, element types and attribute kinds are known to be right. `at` names
    the operand, attribute or result that a violation points at.
    """
    label, _, sentence = rule.partition(": ")

    def mark(check: Callable[[Any], bool]) -> Constraint:
        return Constraint(label, sentence, check, at)

    return mark
