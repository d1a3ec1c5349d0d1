"""A module that grows operation by operation while Hypothesis draws it. What an operation looks like is said elsewhere.

A new operation starts from a value that is there, so that graphs hang together: an operator is chosen among those that
take such a value as their main operand, and its other operands are values of the type it asks for, or new constants and
parameters. Values whose shape is not known are results, but no operands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from nir.ir import ConstantData, ElementType, Function, Module, Operation, TensorType, Value
from nir.ops import OPERATORS
from nir.ops.constant import Const
from nir.ops.control import Call
from nir.ops.control_flow import If, While
from nir.testing.caching import remembered
from nir.testing.choices import Choices
from nir.testing.contents import constant_array
from nir.testing.operand_quantisation import parameters_for, per_channel
from nir.testing.operator_learning import learn, simplest, simplified
from nir.testing.operator_proposals import Refusal, Signature, Style, frame_of, propose

_RECENT = 8
"""How many of the last values a new operation may start from."""


@dataclass(frozen=True)
class Limits:
    """What a module may consist of."""

    operators: tuple[type[Operation], ...] = OPERATORS
    elements: frozenset[ElementType] = frozenset(ElementType)
    quantised: bool | None = None
    """True: no raw integers of 8 and 16 bits; False: no parameters at all; None: both."""
    side: int = 4
    size: int = 2000
    """Greatest number of elements of a tensor."""

    def control(self) -> tuple[type[Operation], ...]:
        """The operators of control flow that can be drawn."""
        needs: dict[type[Operation], set[ElementType]] = {
            Call: set(),
            If: {ElementType.BOOL},
            While: {ElementType.BOOL, ElementType.I32},
        }
        return tuple(op for op, needed in needs.items() if op in self.operators and needed <= self.elements)

    def allow(self, signature: Signature) -> bool:
        """Whether an operation may have these operands and results."""
        types = (*signature.types, *signature.results)
        return all(type is None or self.allows(type) for type in types)

    def allows(self, type: TensorType) -> bool:
        """Whether values may have this type."""
        if type.element not in self.elements or type.size > self.size:
            return False
        if self.quantised is None or not type.element.is_integer:
            return True
        return (type.quantisation is not None) == self.quantised or (self.quantised and type.element.bits == 32)


@remembered(32)
def styles_within(limits: Limits) -> dict[type[Operation], tuple[Style, ...]]:
    """The styles of each operator whose simplest operation is within the limits; operators without any are left out."""
    allowed = {}
    for operator in limits.operators:
        styles = tuple(style for style in learn(operator).styles if _style_allowed(operator, style, limits))
        if styles:
            allowed[operator] = styles
    return allowed


def _style_allowed(operator: type[Operation], style: Style, limits: Limits) -> bool:
    if style.element not in limits.elements or (style.result is not None and style.result not in limits.elements):
        return False
    if limits == Limits(limits.operators):
        return True
    return limits.allow(simplest(operator, style))


Sort = tuple[ElementType, str, int]
"""What decides whether a value can be a main operand: element type, kind of quantisation, rank."""


def sort_of(type: TensorType) -> Sort:
    """The sort of values of a type."""
    quantisation = type.quantisation
    kind = "raw" if quantisation is None else "channel" if quantisation.is_per_channel else "tensor"
    return type.element, kind, type.rank


@remembered(32)
def takers(limits: Limits) -> tuple[tuple[type[Operation], dict[Sort, tuple[Style, ...]]], ...]:
    """Every operator with the sorts of main operands that it takes, and the styles in which it does; simple ones first."""
    found = []
    for operator, styles in styles_within(limits).items():
        frame = frame_of(operator)
        pattern = frame.pattern(operator.operand_fields[frame.primary], {})
        sorts: dict[Sort, tuple[Style, ...]] = {}
        for style in styles:
            for rank in learn(operator).ranks if pattern is None else (len(pattern),):
                sort = style.element, style.kind, rank
                sorts[sort] = (*sorts.get(sort, ()), style)
        found.append((operator, sorts))
    return tuple(sorted(found, key=lambda taker: _size(taker[0])))


def _size(operator: type[Operation]) -> int:
    return len(operator.operand_fields) + len(operator.attribute_fields)


@dataclass
class FunctionDraft:
    """One function so far."""

    name: str
    choices: Choices
    limits: Limits
    parameters: list[Value] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)
    """What operands can be: parameters and results of known shape, constants too."""
    open_values: list[Value] = field(default_factory=list)
    """Results of unknown shape."""
    read: set[Value] = field(default_factory=set)
    size: int = 0
    """Operations that are no constants."""
    closed: bool = False
    """Whether no parameter may be added any more."""

    # --- values ---

    def parameter(self, type: TensorType) -> Value:
        """A new parameter."""
        value = Value(type, f"x{len(self.parameters)}", None, len(self.parameters))
        self.parameters.append(value)
        self.values.append(value)
        return value

    def constant(self, type: TensorType, array: Any = None) -> Value:
        """A new constant of a type, with drawn elements unless an array gives them."""
        if array is None:
            array = constant_array(type, self.choices.below(64))
        return self._append(Const((), {"value": ConstantData(array)}, [type])).results[0]

    def source(self, type: TensorType) -> Value:
        """A parameter, or a constant where there are none to be."""
        return self.constant(type) if self.closed else self.parameter(type)

    def _append(self, op: Operation) -> Operation:
        self.operations.append(op)
        self.read.update(value for value in op.operands if value is not None)
        for value in op.results:
            (self.values if value.type.is_static else self.open_values).append(value)
        return op

    def append(self, op: Operation) -> Operation:
        """Adds an operation that counts."""
        self.size += 1
        return self._append(op)

    def existing(self, type: TensorType) -> Value | None:
        """A value of exactly this type, or None where there is none."""
        fitting = [value for value in reversed(self.values) if value.type == type]
        return self.choices.pick(fitting) if fitting else None

    # --- operations ---

    def grow(self) -> bool:
        """Adds one operation; False where no operator can.

        The operator is chosen first, so that it stays the same when Hypothesis leaves out what comes before it; where no
        value suits it, the next one that some value suits takes its place.
        """
        choices, candidates = self.choices, takers(self.limits)
        if not candidates:
            return False
        # Operands of its own are the simplest choice: then Hypothesis can leave out whatever comes before.
        place, fresh = choices.below(len(candidates)), not self.closed and choices.below(8) == 0
        recent = [] if fresh else self.values[: -1 - _RECENT : -1]
        sorts = [sort_of(value.type) for value in recent]
        for step in range(len(candidates) if recent else 0):
            operator, taken = candidates[(place + step) % len(candidates)]
            if not taken.keys().isdisjoint(sorts):
                fitting = [value for value, sort in zip(recent, sorts, strict=True) if sort in taken]
                start = choices.pick(fitting)
                return self._grow_from(operator, choices.pick(taken[sort_of(start.type)]), start)
        return self.grow_with(candidates[place][0])

    def _grow_from(self, operator: type[Operation], style: Style, start: Value) -> bool:
        try:
            signature = propose(operator, style, self.choices, start.type, side=self.limits.side)
        except Refusal:
            return self._grow_afresh(operator, style)
        return self._add(signature, start) or self._grow_afresh(operator, style)

    def grow_with(self, operator: type[Operation]) -> bool:
        """Adds an operation of this operator on operands of its own: any element type first, then any style with it."""
        styles = styles_within(self.limits)[operator]
        element = self.choices.pick(list(dict.fromkeys(style.element for style in styles)))
        return self._grow_afresh(operator, self.choices.pick([style for style in styles if style.element is element]))

    def _grow_afresh(self, operator: type[Operation], style: Style) -> bool:
        signature = simplified(operator, style, self.choices, self.limits.side)
        return self._add(signature, None) or self._add(simplest(operator, style), None)

    def _add(self, signature: Signature, main: Value | None) -> bool:
        """Adds an operation with this signature; False where a result is out of bounds."""
        if not self.limits.allow(signature):
            return False
        operands: list[Value | None] = []
        fresh = self.choices.below(3)
        for index, type in enumerate(signature.types):
            operands.append(None if type is None else self._operand(signature, index, type, main, fresh))
        while operands and operands[-1] is None:
            operands.pop()
        self.append(signature.operator(operands, signature.attributes, signature.results))
        return True

    def _operand(self, signature: Signature, index: int, type: TensorType, main: Value | None, fresh: int) -> Value:
        if index in signature.contents:
            return self.constant(type, signature.contents[index])
        if index == signature.primary and main is not None:
            return main
        known = self.existing(type) if fresh != 2 else None
        if known is not None:
            return known
        if index == signature.primary:
            return self.source(type)
        return self.constant(type) if fresh == 0 or self.closed else self.parameter(type)

    # --- the end ---

    def finish(self, module: Module, results: Sequence[Value]) -> Function:
        """Adds the function to a module, with names for all values."""
        for number, value in enumerate(v for op in self.operations for v in op.results):
            value.name = str(number)
        return module.add(Function(self.name, self.parameters, self.operations, results))


def fresh_type(choices: Choices, limits: Limits) -> TensorType:
    """A type within the limits: raw, quantised, or quantised per channel."""
    element = choices.pick([e for e in ElementType if e in limits.elements])
    shape = tuple(1 + choices.below(limits.side) for _ in range(choices.below(5)))
    if not element.is_integer or limits.quantised is False or (limits.quantised is None and not choices.flag()):
        return TensorType(element, shape)
    if shape and choices.flag(3):
        return TensorType(element, shape, per_channel(choices, shape, choices.below(len(shape))))
    return TensorType(element, shape, choices.pick(parameters_for(element)))
