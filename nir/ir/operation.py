"""The base class of all operators.

A subclass *is* the definition of one operator: operands, attributes, results, constraints, shape inference,
reference semantics, cost and documentation. Parser, printer, verifier, interpreter, builder, strategies and the
operator page read it from there. An instance is one operation in a function.
"""

from __future__ import annotations

import enum
import inspect
import itertools
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from nir.ir.fields import (
    AttributeField,
    Constraint,
    OperandField,
    QuantisationRule,
    ResultField,
)
from nir.ir.kinds import kind_of
from nir.ir.quantisation import Quantisation
from nir.ir.types import ElementType, Shape, TensorType
from nir.ir.values import Value
from nir.source import Span


class Trait(enum.Enum):
    """Facts about an operator that passes rely on. The value is the sentence in the documentation."""

    ELEMENTWISE = "each result element depends on the operand elements at its own (broadcast) position"
    COMMUTATIVE = "the first two operands can be exchanged"
    MOVES = "every result element is a copy of an operand element, or padding"
    ACCUMULATES = "sums products in 32-bit integers where operands are quantised"
    CALLS = "refers to functions by name"
    CONSTANT = "has no operands and always gives the same value"


@dataclass(frozen=True)
class Origin:
    """Where an operation came from when that was not `.nir` text: a name there, and a span if there is one."""

    name: str
    span: Span | None = None


class Comments:
    """Comments around an operation, function or module: whole lines before it, and one behind it on its line."""

    __slots__ = ("leading", "trailing")

    def __init__(self, leading: Sequence[str] = (), trailing: str | None = None) -> None:
        self.leading = tuple(leading)
        self.trailing = trailing


@dataclass(frozen=True)
class Cost:
    """What an operation takes, free of any target: multiply-accumulates, and bytes that cross its boundary."""

    macs: int
    bytes_read: int
    bytes_written: int


class InferenceError(ValueError):
    """Result shapes cannot be inferred: the operand shapes do not fit. `at` names the field to point at."""

    def __init__(self, message: str, at: str | None = None) -> None:
        super().__init__(message)
        self.at = at


_OPEN_RULES = frozenset(
    {
        QuantisationRule.FREE,
        QuantisationRule.SAME_BY_DEFAULT,
        QuantisationRule.UNIT_256_BY_DEFAULT,
        QuantisationRule.UNIT_128_BY_DEFAULT,
    }
)
"""Rules that let an operation choose; all but FREE also say what holds where it does not."""


class Operation:
    """One operation. `operands` holds values, None for an omitted optional operand in the middle; omitted ones at
    the end are dropped. `attributes` holds only what differs from the default, in normal form (see kinds.py).
    """

    __slots__ = ("attributes", "comments", "location", "operands", "results")

    name: ClassVar[str] = ""
    traits: ClassVar[frozenset[Trait]] = frozenset()
    operand_fields: ClassVar[tuple[OperandField, ...]] = ()
    attribute_fields: ClassVar[dict[str, AttributeField]] = {}
    result_fields: ClassVar[tuple[ResultField, ...]] = ()
    constraints: ClassVar[tuple[Constraint, ...]] = ()
    subject: ClassVar[AttributeField | None] = None
    open_attributes: ClassVar[bool] = False
    """True for an operator that takes attributes it does not declare (`foreign`)."""
    nnapi_code: ClassVar[int | None] = None
    """The operation code in NNAPI, or None where NNAPI has no such operator."""

    def __init_subclass__(
        cls, *, name: str = "", traits: Iterable[Trait] = (), nnapi: int | None = None, **options: Any
    ) -> None:
        super().__init_subclass__(**options)
        if not name:
            return  # a family's shared base class
        cls.name = name
        cls.traits = frozenset(traits) | cls.traits
        cls.nnapi_code = nnapi
        _collect_fields(cls)

    def __init__(
        self,
        operands: Sequence[Value | None],
        attributes: Mapping[str, Any],
        result_types: Sequence[TensorType],
        result_names: Sequence[str | None] = (),
        location: Span | Origin | None = None,
    ) -> None:
        """Takes all parts as they are and checks nothing: `create` normalises and infers, the verifier checks."""
        self.operands = tuple(operands)
        self.attributes = dict(attributes)
        self.location = location
        self.comments: Comments | None = None
        names = result_names or (None,) * len(result_types)
        self.results = tuple([Value(t, names[i], self, i) for i, t in enumerate(result_types)])

    def __repr__(self) -> str:
        results = ", ".join(f"%{r.name}" for r in self.results)
        return f"<{results} = {self.name}({', '.join('none' if o is None else f'%{o.name}' for o in self.operands)})>"

    # --- construction ---

    @classmethod
    def create(
        cls,
        *operands: Value | None,
        element: ElementType | str | None = None,
        scale: float | None = None,
        zero_point: int = 0,
        quantisation: Quantisation | None = None,
        types: Sequence[TensorType] | None = None,
        names: Sequence[str | None] = (),
        location: Span | Origin | None = None,
        **fields: Any,
    ) -> Operation:
        """Makes an operation from Python values; the result types are inferred unless `types` gives them.

        Operands may be given by position or by name, attributes by name. `element` and `scale`, `zero_point` (or
        `quantisation`) choose what the operator leaves open in its results. Raises `TypeError` for a name that
        the operator does not have or a missing operand, `ValueError` for an attribute of the wrong kind, and
        `InferenceError` where shapes do not fit.
        """
        values = cls._gather_operands(list(operands), fields)
        attributes = cls.normalise_attributes(fields)
        op = cls(values, attributes, types or (), names, location)
        if types is None:
            if scale is not None:
                quantisation = Quantisation.per_tensor(scale, zero_point)
            chosen = ElementType(element) if element is not None else None
            inferred = op.infer(element=chosen, quantisation=quantisation)
            names = names or (None,) * len(inferred)
            op.results = tuple(Value(t, names[i], op, i) for i, t in enumerate(inferred))
        return op

    @classmethod
    def _gather_operands(cls, given: list[Value | None], fields: dict[str, Any]) -> tuple[Value | None, ...]:
        """Joins operands by position and by name (taken out of `fields`); drops omitted ones at the end."""
        for operand_field in cls.operand_fields[len(given) :]:
            value = fields.pop(operand_field.name, None)
            if operand_field.variadic:
                given.extend(value or ())
            elif value is None and not operand_field.optional:
                raise TypeError(f"{cls.name}: operand '{operand_field.name}' is missing")
            else:
                given.append(value)
        for value in given:
            if value is not None and not isinstance(value, Value):
                raise TypeError(f"{cls.name}: an operand is a Value, not {type(value).__name__}; `const` makes one")
        while given and given[-1] is None:
            given.pop()
        return tuple(given)

    @classmethod
    def normalise_attributes(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """Attributes in normal form, without those that equal their default.

        Raises `TypeError` for an unknown or missing name and `ValueError` for a value of the wrong kind.
        """
        attributes = {}
        for name, value in given.items():
            attribute_field = cls.attribute_fields.get(name)
            if attribute_field is None:
                if not cls.open_attributes:
                    raise TypeError(f"{cls.name}: there is no operand or attribute '{name}'")
                attributes[name] = value
                continue
            if value is attribute_field.default:
                continue
            try:
                normal = attribute_field.kind.coerce(value)
            except ValueError:
                expected = attribute_field.kind.describe()
                raise ValueError(f"{cls.name}: attribute '{name}' takes {expected}, not {value!r}") from None
            if attribute_field.required or normal != attribute_field.default:
                attributes[name] = normal
        for name, attribute_field in cls.attribute_fields.items():
            if attribute_field.required and name not in attributes:
                raise TypeError(f"{cls.name}: attribute '{name}' is missing")
        return attributes

    # --- inference ---

    def infer_shapes(self) -> Sequence[Shape]:
        """One shape per result, from operand types and attributes. Raises `InferenceError`."""
        raise NotImplementedError(f"{self.name}: infer_shapes")

    def infer(
        self, element: ElementType | None = None, quantisation: Quantisation | None = None
    ) -> tuple[TensorType, ...]:
        """The result types: inferred shapes, with element type and quantisation by the result fields' rules.

        What the rules leave open comes from the arguments, else from the results that the operation already
        has, else from the first operand. Raises `InferenceError`.
        """
        shapes = self.infer_shapes()
        last = len(self.result_fields) - 1
        return tuple(
            self._result_type(self.result_fields[min(i, last)], i, shape, element, quantisation)
            for i, shape in enumerate(shapes)
        )

    def _result_type(
        self, rule: ResultField, i: int, shape: Shape, element: ElementType | None, quantisation: Quantisation | None
    ) -> TensorType:
        declared = self.results[i].type if i < len(self.results) else None
        model = self._operand_type(rule.like)
        if rule.elements is None and model is not None:
            chosen = model.element
        elif rule.elements is not None and len(rule.elements) == 1:
            chosen = next(iter(rule.elements))
        else:
            open_choice = element or (declared.element if declared else model.element if model else None)
            if open_choice is None:
                raise InferenceError("the element type of the result must be given")
            chosen = open_choice
        return TensorType(chosen, shape, self._result_quantisation(rule, chosen, declared, model, quantisation))

    def result_quantisation(self, index: int) -> Quantisation | None:
        """The quantisation that the rule of result `index` asks for; what the rule leaves open is as declared."""
        rule = self.result_fields[min(index, len(self.result_fields) - 1)]
        declared = self.results[index].type
        return self._result_quantisation(rule, declared.element, declared, self._operand_type(rule.like), None)

    def _result_quantisation(
        self,
        rule: ResultField,
        element: ElementType,
        declared: TensorType | None,
        model: TensorType | None,
        given: Quantisation | None,
    ) -> Quantisation | None:
        if rule.quantisation is QuantisationRule.NONE or not element.is_integer:
            return None
        if rule.quantisation in _OPEN_RULES:
            chosen = given or (declared.quantisation if declared else None)
            if chosen is not None or rule.quantisation is QuantisationRule.FREE:
                return chosen
        if rule.quantisation in (QuantisationRule.SAME, QuantisationRule.SAME_BY_DEFAULT):
            return model.quantisation if model else None
        if rule.quantisation is QuantisationRule.ONE:
            return Quantisation.per_tensor(1.0)
        if model is not None and model.quantisation is None:
            return None  # raw integers in, raw integers out
        if rule.quantisation in (QuantisationRule.UNIT_256, QuantisationRule.UNIT_256_BY_DEFAULT):
            return Quantisation.per_tensor(1 / 256, element.minimum)
        return Quantisation.per_tensor(1 / 128, (element.minimum + element.maximum + 1) // 2)

    def _operand_type(self, name: str | None) -> TensorType | None:
        """Type of the operand called `name`, or of the first one."""
        index = 0
        if name is not None:
            index = next(f.index for f in self.operand_fields if f.name == name)
        value = self.operands[index] if index < len(self.operands) else None
        return value.type if value is not None else None

    # --- semantics ---

    def reference(self, profile: Any, *operands: Any) -> np.ndarray | tuple[np.ndarray, ...]:
        """The operation's meaning: numpy arrays of the stored elements in, and out.

        `operands` are aligned with `self.operands` (None where omitted, trailing ones may be missing); `profile`
        says how real values become integers (see nir/ops/profiles.py). Arrays handed in are never written to.
        """
        raise NotImplementedError(f"{self.name}: reference")

    def macs(self) -> int:
        """Multiply-accumulates for one run; unknown dimensions count as one."""
        return 0

    def cost(self) -> Cost:
        """Multiply-accumulates and bytes read and written."""
        read = sum(value.type.nbytes for value in self.operands if value is not None)
        return Cost(self.macs(), read, sum(value.type.nbytes for value in self.results))

    # --- documentation ---

    @classmethod
    def summary(cls) -> str:
        """The first paragraph of the documentation."""
        return " ".join(inspect.cleandoc(cls.__doc__ or "").split("\n\n", 1)[0].split())

    @classmethod
    def example(cls) -> str:
        """The `.nir` functions in the docstring: from the first `func` on, all lines indented at least as far."""
        lines = (cls.__doc__ or "").expandtabs().split("\n")
        start = next((i for i, line in enumerate(lines) if line.lstrip().startswith("func @")), len(lines))
        margin = len(lines[start]) - len(lines[start].lstrip()) if start < len(lines) else 0
        block = itertools.takewhile(lambda line: not line.strip() or not line[:margin].strip(), lines[start:])
        return "\n".join(line[margin:].rstrip() for line in block).strip() + "\n"


def _collect_fields(cls: type[Operation]) -> None:
    """Gathers the fields of an operator class in order of definition, base classes first."""
    hints = typing.get_type_hints(cls)
    operands: dict[str, OperandField] = {}
    attributes: dict[str, AttributeField] = {}
    results: dict[str, ResultField] = {}
    constraints: dict[str, Constraint] = {}
    for base in reversed(cls.__mro__):
        for field_name, value in vars(base).items():
            if isinstance(value, OperandField):
                operands[field_name] = value
            elif isinstance(value, AttributeField):
                attributes[field_name] = value
            elif isinstance(value, ResultField):
                results[field_name] = value
            elif isinstance(value, Constraint):
                if value.label in constraints:
                    raise TypeError(f"{cls.name}: constraint {value.label} is defined twice")
                constraints[value.label] = value
    cls.operand_fields = tuple(_owned(cls, operands))
    cls.result_fields = tuple(_owned(cls, results))
    cls.attribute_fields = {f.name: f for f in _owned(cls, attributes)}
    for attribute_field in cls.attribute_fields.values():
        attribute_field.kind = kind_of(hints[attribute_field.name], attribute_field.minimum)
    cls.constraints = tuple(constraints.values())
    cls.subject = next((f for f in cls.attribute_fields.values() if f.subject), None)
    if any(f.variadic for f in cls.operand_fields[:-1]) or any(f.variadic for f in cls.result_fields[:-1]):
        raise TypeError(f"{cls.name}: only the last operand or result can be variadic")


def _owned(cls: type, fields: Mapping[str, Any]) -> list[Any]:
    """Fields numbered in order; one inherited from a shared base class is copied, for its index may differ."""
    owned = []
    for index, (field_name, value) in enumerate(fields.items()):
        if field_name not in vars(cls):
            duplicate = object.__new__(type(value))
            duplicate.__dict__.update(value.__dict__)
            value = duplicate
            setattr(cls, field_name, value)
        value.name = field_name
        value.index = index
        owned.append(value)
    return owned
