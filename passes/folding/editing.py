"""Rewriting a function in one walk over its operations.

A rule looks at one operation after the other and may put others in its place. Values that mean the same stay the same
objects, so that what is known of a value (its name, what it came from) is not lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from nir.ir import Function, Operation, TensorType, Value
from nir.ops import OPERATORS_BY_NAME
from nir.passes.dead_code import live_operations

Rule = Callable[["Sweep", Operation], bool]
"""Looks at an operation; true where it has been replaced."""


class Sweep:
    """One walk. `uses` says how often a value is used by operations that are not dead, returning included."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.uses: Counter[Value] = Counter(function.results)
        for op in function.operations:
            self.uses.update(value for value in op.operands if value is not None)
        self.made: list[Operation] = []
        self._other: dict[Value, Value] = {}
        self.changes = 0

    def run(self, rule: Rule) -> int:
        """Asks `rule` about every operation, in order; returns how many were replaced."""
        for op in self.function.operations:
            if self._other:
                op.operands = tuple(None if value is None else self.current(value) for value in op.operands)
            if rule(self, op):
                self.changes += 1
            else:
                self.made.append(op)
        self.function.results = [self.current(value) for value in self.function.results]
        if self.changes:
            self.function.operations = live_operations(self.made, self.function.results)
        return self.changes

    def current(self, value: Value) -> Value:
        """What stands for a value by now."""
        return self._other.get(value, value)

    def is_only_user(self, value: Value | None) -> bool:
        """True where a value is used once."""
        return value is not None and self.uses[value] == 1

    def emit(
        self,
        name: str,
        *operands: Value | None,
        like: Operation,
        type: TensorType | None = None,
        **attributes: Any,
    ) -> Operation:
        """Adds an operation that came from where `like` did. Its result has the type given, or the inferred one."""
        types = None if type is None else [type]
        op = OPERATORS_BY_NAME[name].create(*operands, types=types, location=like.location, **attributes)
        self.add(op)
        return op

    def add(self, op: Operation) -> Operation:
        """Adds an operation that is ready."""
        self.made.append(op)
        self.uses.update(value for value in op.operands if value is not None)
        return op

    def supersede(self, old: Operation, new: Operation) -> None:
        """Lets `new`, which has been added, give the values that `old` gave; `old` goes."""
        for mine, other in zip(old.results, new.results, strict=True):
            mine.type = other.type
            mine.producer = new
        new.results = old.results
        self.release(old.operands)

    def alias(self, old: Operation, value: Value) -> None:
        """Lets `value` stand wherever the only result of `old` stood; `old` goes."""
        (result,) = old.results
        self._other[result] = value
        self.uses[value] += self.uses.pop(result, 0)
        if value.name is None:
            value.name = result.name
        self.release(old.operands)

    def release(self, operands: Iterable[Value | None]) -> None:
        """Takes back one use of each value; what nobody uses any more releases its own operands."""
        pending = [value for value in operands if value is not None]
        while pending:
            value = pending.pop()
            self.uses[value] -= 1
            producer = value.producer
            if self.uses[value] == 0 and producer is not None and not any(self.uses[v] for v in producer.results):
                pending.extend(operand for operand in producer.operands if operand is not None)


def maker(value: Value | None, *names: str) -> Operation | None:
    """The operation that made `value`, where it is one of `names`."""
    producer = None if value is None else value.producer
    return producer if producer is not None and producer.name in names else None


def sweep(function: Function, *rules: Rule) -> int:
    """One walk in which the first rule that replaces an operation does; returns how many were replaced."""
    return Sweep(function).run(lambda walk, op: any(rule(walk, op) for rule in rules))
