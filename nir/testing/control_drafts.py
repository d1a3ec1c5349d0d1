"""Calls, branches and loops in a module that is being drawn, with the functions that they need.

A branch's functions take and give the same types; a loop counts to a small number and gives back what it takes, so that
every drawn module comes to an end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from nir.ir import ElementType, Module, Operation, Symbol, TensorType, Trait, Value
from nir.ops.comparison import Less
from nir.ops.control import Call, Foreign
from nir.ops.control_flow import If, While
from nir.ops.elementwise import Add
from nir.testing.caching import remembered
from nir.testing.choices import Choices, Simplest
from nir.testing.module_draft import FunctionDraft, Limits, fresh_type, sort_of, takers
from nir.testing.operator_proposals import Refusal, Style, propose

COUNTER = TensorType(ElementType.I32, (1,))
MOST_ARGUMENTS = 3
DEEPEST = 2
"""How many functions deep calls go."""


@dataclass
class ModuleDraft:
    """A module so far: `main`, and finished functions that it calls."""

    choices: Choices
    limits: Limits
    module: Module = field(default_factory=Module)
    size: int = 0
    """Operations in finished functions, constants not counted."""

    def __post_init__(self) -> None:
        self.main = self.function("main")

    def function(self, name: str) -> FunctionDraft:
        """A new function."""
        return FunctionDraft(name, self.choices, self.limits)

    @property
    def operators(self) -> int:
        """Operations so far, constants not counted."""
        return self.size + self.main.size

    def grow_control(self, operator: type[Operation], into: FunctionDraft | None = None, depth: int = 0) -> None:
        """Adds a call, a branch or a loop to `into` (`main`), and its functions to the module."""
        function = self.main if into is None else into
        if operator is Foreign:
            self._foreign(function)
        elif operator is Call:
            self._call(function, depth)
        elif operator is If:
            self._branch(function, depth)
        else:
            self._loop(function)

    # --- operators ---

    def _call(self, function: FunctionDraft, depth: int) -> None:
        arguments = self._arguments(function)
        callee = self._callee([value.type for value in arguments], depth)
        results = self._results(callee)
        self._finish(callee, results)
        types = [value.type for value in results]
        function.append(Call(arguments, {"callee": Symbol(callee.name)}, types))

    def _branch(self, function: FunctionDraft, depth: int) -> None:
        arguments = self._arguments(function)
        types = [value.type for value in arguments]
        then = self._callee(types, depth)
        results = self._results(then)
        self._finish(then, results)
        wanted = [value.type for value in results]
        other = self._callee(types, DEEPEST, grow=False)
        self._finish(other, [self._preserved(other, self._like(other, type)) for type in wanted])
        condition = self._condition(function)
        names = {"then_branch": Symbol(then.name), "else_branch": Symbol(other.name)}
        function.append(If([condition, *arguments], names, wanted))

    def _loop(self, function: FunctionDraft) -> None:
        """A loop that counts from 0; its other values go through operators that keep their types."""
        values = self._arguments(function)
        types = [COUNTER, *(value.type for value in values)]
        condition = self._callee(types, DEEPEST, grow=False)
        end = condition.constant(COUNTER, np.array([self.choices.below(4)], np.int32))
        decision = condition.append(Less([condition.parameters[0], end], {}, [TensorType(ElementType.BOOL, (1,))]))
        self._finish(condition, decision.results)
        body = self._callee(types, DEEPEST, grow=False)
        one = body.constant(COUNTER, np.array([1], np.int32))
        counted = body.append(Add([body.parameters[0], one], {}, [COUNTER])).results[0]
        self._finish(body, [counted, *(self._preserved(body, value) for value in list(body.parameters[1:]))])
        start = function.constant(COUNTER, np.array([0], np.int32))
        names = {"condition": Symbol(condition.name), "body": Symbol(body.name)}
        kept = self.choices.within(1, len(types))
        function.append(While([start, *values], names, types[: len(types) + 1 - kept]))

    def _foreign(self, function: FunctionDraft) -> None:
        """An operator that NIR does not have: any operands, any attributes, any results."""
        arguments = self._arguments(function)[: self.choices.below(3)]
        attributes = {"operator": "other.operator"}
        if self.choices.flag():
            attributes |= {"alpha": 0.5, "axes": (0, -1)}  # type: ignore[dict-item]
        types = [fresh_type(self.choices, self.limits) for _ in range(1 + self.choices.below(2))]
        function.append(Foreign(arguments, attributes, types))

    # --- parts ---

    def _arguments(self, function: FunctionDraft) -> list[Value]:
        """Values that there are, or one new parameter."""
        if not function.values:
            function.source(fresh_type(self.choices, self.limits))
        count = 1 + self.choices.below(MOST_ARGUMENTS)
        recent = function.values[::-1][:8]
        return [self.choices.pick(recent) for _ in range(count)]

    def _callee(self, types: Sequence[TensorType], depth: int, grow: bool = True) -> FunctionDraft:
        """A new function of parameters of these types, with a few operations."""
        callee = self.function("")
        for type in types:
            callee.parameter(type)
        callee.closed = True
        if not grow:
            return callee
        control = self.limits.control() if depth + 1 < DEEPEST else ()
        for _ in range(self.choices.within(0, 3)):
            if control and self.choices.flag(6):
                self.grow_control(self.choices.pick(control), callee, depth + 1)
            else:
                callee.grow()
        return callee

    def _results(self, callee: FunctionDraft) -> list[Value]:
        last = callee.values[::-1][:4]
        return [self.choices.pick(last) for _ in range(1 + self.choices.below(2))]

    def _finish(self, callee: FunctionDraft, results: Sequence[Value]) -> None:
        callee.name = f"f{len(self.module.functions)}"
        callee.finish(self.module, results)
        self.size += callee.size

    def _condition(self, function: FunctionDraft) -> Value:
        for shape in ((1,), ()):
            known = function.existing(TensorType(ElementType.BOOL, shape))
            if known is not None:
                return known
        shape = (1,) if self.choices.flag() else ()
        return function.source(TensorType(ElementType.BOOL, shape))

    def _like(self, function: FunctionDraft, type: TensorType) -> Value:
        """A value of this type."""
        known = function.existing(type)
        return function.constant(type) if known is None else known

    def _preserved(self, function: FunctionDraft, value: Value) -> Value:
        """The value, or what an operator or two make of it that keep its type."""
        known = preserving(self.limits, value.type)
        for _ in range(self.choices.below(3) if known else 0):
            operator, style = self.choices.pick(known)
            try:
                signature = propose(operator, style, self.choices, value.type)
            except Refusal:
                continue
            if signature.results != (value.type,) or signature.contents:
                continue
            operands = [
                value if index == signature.primary else None if type is None else self._like(function, type)
                for index, type in enumerate(signature.types)
            ]
            value = function.append(operator(operands, signature.attributes, signature.results)).results[0]
        return value


@remembered(4096)
def preserving(limits: Limits, type: TensorType) -> tuple[tuple[type[Operation], Style], ...]:
    """Operators that can take and give a value of this type, elementwise."""
    found = []
    for operator, taken in takers(limits):
        if Trait.ELEMENTWISE not in operator.traits:
            continue
        for style in taken.get(sort_of(type), ()):
            try:
                signature = propose(operator, style, Simplest(), type)
            except Refusal:
                continue
            if signature.results == (type,):
                found.append((operator, style))
                break
    return tuple(found)
