"""How far the values of a run may be from exact arithmetic: an a-priori error bound for every element of every value.

`ErrorBounds` is a tracer: it sees each value of a run, and computes the bound from those of the operands by the rule of the
operator (error_rules_elementwise.py, error_rules_sums.py). Integers follow a numeric profile to the bit, so they have no
error unless a float comes in. An operator without a rule has no bound, and is remembered in `unbounded`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nir.interp.trace import Event
from nir.ir import Module, Operation, Trait, Value
from nir.ops.control_flow import If, While
from nir.testing import error_rules_elementwise, error_rules_sums
from nir.testing.error_rules_sums import moves, moving
from nir.testing.error_terms import UNIT, Array, Error, Rule, Step, real_values, stored_error

RULES: Mapping[str, Rule] = {**error_rules_elementwise.RULES, **error_rules_sums.RULES}
"""The rule of each operator that has one of its own; operators that move elements share one."""

Key = tuple[tuple[str, ...], str, int]
"""Functions that are running, the value's name, and how often the value came before."""


def rule_of(op: Operation) -> Rule | None:
    """The rule for an operation, or None."""
    return RULES.get(op.name) or (moves if moving(op) else None)


class ErrorBounds:
    """The values of one run with their bounds: `run(module, inputs, trace=bounds)`.

    `ulps` says for single operators (by name) how far, in ulps of the result, the one side may be off: for an operator
    with a rule in place of the library's, for one without of the greatest element, whatever its operands' errors are.
    """

    def __init__(self, module: Module, ulps: Mapping[str, float] | None = None) -> None:
        self.events: dict[Key, Event] = {}
        self.unbounded: list[str] = []
        """Names of operators that have no bound, in the order of the run."""
        self._ulps = dict(ulps or {})
        self._errors: dict[int, tuple[Array, Error]] = {}
        self._arrays: dict[tuple[tuple[str, ...], Value], Array] = {}
        self._counts: dict[tuple[tuple[str, ...], str], int] = {}
        self._results: list[Array] = []
        self._decisions = _decisions(module)
        self._undecided = False

    def __call__(self, event: Event) -> None:
        """Takes one value of the run."""
        place = event.path, str(event.value.name)
        count = self._counts.get(place, 0)
        self._counts[place] = count + 1
        key: Key = (event.path, str(event.value.name), count)
        self.events[key] = event
        self._arrays[event.path, event.value] = event.array
        if event.operation is None:
            self._errors.setdefault(id(event.array), (event.array, None))
            return
        self._results.append(event.array)
        if event.value.index == len(event.operation.results) - 1:
            results, self._results = self._results, []
            self._take(event.operation, event.path, results)
        if event.value in self._decisions and self.of(event.array) is not None:
            self._undecided = True

    def of(self, array: Array) -> Error:
        """The bound of a value of the run, in real units; None where it is exact."""
        return self._errors.get(id(array), (array, None))[1]

    def _take(self, op: Operation, path: tuple[str, ...], results: list[Array]) -> None:
        operands = [None if v is None else self._arrays.get((path, v)) for v in op.operands]
        if Trait.CALLS in op.traits:
            self._take_call(op, operands, results)
            return
        errors = [None if array is None else self.of(array) for array in operands]
        with np.errstate(all="ignore"):
            found = self.bounds(op, operands, errors, results)
        for array, error in zip(results, found, strict=True):
            self._errors[id(array)] = array, error

    def _take_call(self, op: Operation, operands: list[Array | None], results: list[Array]) -> None:
        """Results of a call are arrays of the function that was called, and known already; unless it was undecided."""
        first = operands[0] if operands else None
        unsure = isinstance(op, If) and first is not None and self.of(first) is not None
        if unsure or (isinstance(op, While) and self._undecided):
            for array in results:
                self._errors[id(array)] = array, np.full(array.shape, np.inf)

    def bounds(
        self, op: Operation, operands: list[Array | None], errors: list[Error], results: list[Array]
    ) -> list[Error]:
        """Bounds of an operation's results, from its operands as stored and their bounds."""
        exact = all(error is None for error in errors)
        if exact and (not op.results[0].element.is_float or moving(op)):
            return [None] * len(results)
        if any(array is not None and array.dtype.kind == "f" and array.size == 0 for array in (*operands, *results)):
            return [None] * len(results)  # what is made of nothing is the same for all
        rule, ulps = rule_of(op), self._ulps.get(op.name)
        if rule is None:
            if ulps is None:
                self.unbounded.append(op.name)
            return [_stated(array, ulps) for array in results]
        values = [v.type for v in op.operands if v is not None]
        types = iter(values)
        real = [None if array is None else real_values(array, next(types)) for array in operands]
        known = [
            np.zeros(() if array is None else array.shape) if error is None else error
            for array, error in zip(operands, errors, strict=True)
        ]
        outcome = [real_values(array, value.type) for array, value in zip(results, op.results, strict=True)]
        made = rule(Step(op, operands, real, known, outcome, exact, ulps))
        return [_finished(error, array, value) for error, array, value in zip(made, outcome, op.results, strict=True)]


def _decisions(module: Module) -> set[Value]:
    """What the conditions of loops return."""
    names = {op.attributes.get("condition") for function in module for op in function if isinstance(op, While)}
    return {value for name in names if name in module.functions for value in module[str(name)].results}


def _stated(array: Array, ulps: float | None) -> Error:
    """As many ulps of the greatest element as the caller says; no bound where nothing is said."""
    if ulps is None:
        return np.full(array.shape, np.inf)
    return np.full(array.shape, 2 * UNIT * ulps * np.abs(array.astype(np.float64)).max(initial=0.0))


def _finished(error: Array, array: Array, value: Value) -> Error:
    """The error as it is stored: nothing known is no bound, values that are not finite are the same for all."""
    error = np.broadcast_to(np.where(np.isnan(error), np.inf, error), array.shape)
    stored = stored_error(error, array, value.type)
    if stored is None or not value.element.is_float:
        return stored
    greatest = float(np.finfo(value.element.numpy).max)
    near: Any = np.abs(array) + stored >= greatest
    return np.where(np.isfinite(array), np.where(near, np.inf, stored), 0)
