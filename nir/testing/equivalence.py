"""Holding two programs against each other: the same integers, floats within an error bound that is derived, not guessed.

Two NIR modules under one profile are to give the same bits, unless `exact=False` says that one computes the same real
function in another way. Otherwise each element may differ by the sum of both sides' error bounds (error_bounds.py); a side
that is no NIR module is taken to compute the operators of the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nir.interp.plan import find_function
from nir.ir import Module, Operation, Value
from nir.ops.profiles import DEFAULT_PROFILE, Profile, get_profile
from nir.testing.difference import ElementDifference, describe, differ
from nir.testing.error_bounds import ErrorBounds, Key
from nir.testing.error_terms import Array, Error, scale_of
from nir.testing.subjects import Inputs, runner_of, sample_inputs

SAMPLES = 5
"""Inputs that are tried where none are given."""


class NotEquivalent(AssertionError):
    """Two programs differ. The message says where; `operation` is the first that differs, where that is known.

    `inputs` are those that show it, `difference` the worst element, `values` the value's arrays on both sides.
    """

    def __init__(
        self,
        message: str,
        inputs: Inputs,
        difference: ElementDifference | None = None,
        value: Value | None = None,
        values: tuple[Array, Array] | None = None,
    ) -> None:
        super().__init__(message)
        self.inputs = dict(inputs)
        self.difference = difference
        self.value = value
        self.values = values

    @property
    def operation(self) -> Operation | None:
        """The operation whose result differs."""
        return None if self.value is None else self.value.producer


class NoErrorBound(ValueError):
    """A program has an operator for which there is no rule: `ulps` has to say how far it may be off."""


def assert_equivalent(
    left: Any,
    right: Any,
    *,
    inputs: Inputs | Sequence[Inputs] | None = None,
    samples: int = SAMPLES,
    seed: int = 0,
    profile: str | Profile = DEFAULT_PROFILE,
    right_profile: str | Profile | None = None,
    function: str | None = None,
    exact: bool | None = None,
    steps: int = 0,
    ulps: Mapping[str, float] | None = None,
) -> None:
    """Raises `NotEquivalent` unless both sides give the same outputs.

    Each side is a `nir.Module`, a function from arrays by name to arrays, a `nir.tvm.Compiled`, or a Relax module. `inputs`
    are arrays by parameter name, or a list of such; without them, `samples` are drawn from `seed` for the side that is a
    NIR module. Integers must be equal, or at most `steps` apart. `exact` says that floats must have the same bits; by
    default they must where both are NIR modules under the same profile. `ulps` replaces the error of single operators'
    own functions, by name.

    The message names the first operator whose values differ, with its operands, where both sides are NIR modules; else
    the output that differs and the operator that makes it. Raises `NoErrorBound` where a float has no derived bound,
    `TypeError` for what cannot be run, and `RunError` where a side cannot run.
    """
    comparison = _Equivalence(left, right, profile, right_profile, function, exact, steps, ulps)
    for given in _samples(left, right, inputs, samples, seed, function):
        comparison.check(given)


def _samples(
    left: Any, right: Any, inputs: Inputs | Sequence[Inputs] | None, samples: int, seed: int, function: str | None
) -> list[Inputs]:
    if isinstance(inputs, Mapping):
        return [inputs]
    if inputs is not None:
        return list(inputs)
    module = next((side for side in (left, right) if isinstance(side, Module)), None)
    if module is None:
        raise TypeError("inputs must be given where neither side is a nir.Module")
    parameters = find_function(module, function).parameters
    return [sample_inputs(module, function, seed + i) for i in range(samples if parameters else 1)]


class _Equivalence:
    """Two sides, and how they are compared."""

    def __init__(
        self,
        left: Any,
        right: Any,
        profile: str | Profile,
        right_profile: str | Profile | None,
        function: str | None,
        exact: bool | None,
        steps: int,
        ulps: Mapping[str, float] | None,
    ) -> None:
        profiles = get_profile(profile), get_profile(profile if right_profile is None else right_profile)
        self.sides = left, right
        self.runners = runner_of(left, profiles[0], function), runner_of(right, profiles[1], function)
        both = isinstance(left, Module) and isinstance(right, Module)
        self.exact = (both and profiles[0] is profiles[1]) if exact is None else exact
        self.function, self.steps, self.ulps = function, steps, ulps

    def check(self, inputs: Inputs) -> None:
        """Compares on one set of inputs."""
        bounds: list[ErrorBounds | None] = []
        outputs: list[list[Array]] = []
        for side, run in zip(self.sides, self.runners, strict=True):
            tracer = ErrorBounds(side, self.ulps) if isinstance(side, Module) else None
            outputs.append(run(inputs, tracer))
            bounds.append(tracer)
        known = [tracer for tracer in bounds if tracer is not None]
        self._require_bounds(known, outputs)
        if len(known) == 2:
            self._compare_values(inputs, known[0], known[1])
        self._compare_outputs(inputs, bounds, outputs)

    def _require_bounds(self, known: list[ErrorBounds], outputs: list[list[Array]]) -> None:
        floats = any(array.dtype.kind == "f" for array in outputs[0])
        if self.exact or not floats:
            return
        missing = sorted({name for tracer in known for name in tracer.unbounded})
        if missing:
            names = ", ".join(missing)
            raise NoErrorBound(f"there is no error bound for {names}: say ulps={{{missing[0]!r}: ...}}, or exact=True")

    # --- values ---

    def _compare_values(self, inputs: Inputs, left: ErrorBounds, right: ErrorBounds) -> None:
        """The first value, by function and name, that both sides have and do not agree on."""
        differing: dict[Key, ElementDifference] = {}
        first: Key | None = None
        for key, event in left.events.items():
            other = right.events.get(key)
            if other is None or other.value.type != event.value.type:
                continue
            found = self._difference(event.value, event.array, other.array, left.of(event.array), right.of(other.array))
            if found is not None:
                differing[key] = found
                first = first or key
        if first is None or self._outputs_agree(left, right):
            return
        event, other = left.events[first], right.events[first]
        text = describe(event, other, differing[first], left.events, right.events, differing)
        raise NotEquivalent(text, inputs, differing[first], event.value, (event.array, other.array))

    def _outputs_agree(self, left: ErrorBounds, right: ErrorBounds) -> bool:
        """A pass may give a name to something else; what counts are outputs."""
        entries = [find_function(side, self.function) for side in self.sides]
        if len(entries[0].results) != len(entries[1].results):
            return False
        for a, b in zip(entries[0].results, entries[1].results, strict=True):
            mine = left.events[(entries[0].name,), str(a.name), 0]
            other = right.events[(entries[1].name,), str(b.name), 0]
            if mine.array.dtype != other.array.dtype or mine.array.shape != other.array.shape:
                return False
            if self._difference(a, mine.array, other.array, left.of(mine.array), right.of(other.array)) is not None:
                return False
        return True

    def _difference(
        self, value: Value, left: Array, right: Array, error: Error, other: Error
    ) -> ElementDifference | None:
        scale = scale_of(value.type, left.ndim)
        bounds = [np.zeros(()) if bound is None else bound / scale for bound in (error, other)]
        allowed = np.zeros(()) if self.exact else bounds[0] + bounds[1]
        return differ(left, right, allowed + (self.steps if left.dtype.kind != "f" else 0), bits=self.exact)

    # --- outputs ---

    def _compare_outputs(self, inputs: Inputs, bounds: list[ErrorBounds | None], outputs: list[list[Array]]) -> None:
        left, right = outputs
        if len(left) != len(right):
            raise NotEquivalent(f"the left has {len(left)} outputs, the right {len(right)}", inputs)
        known = next((i for i, tracer in enumerate(bounds) if tracer is not None), None)
        values: Sequence[Value | None] = [None] * len(left)
        if known is not None:
            values = find_function(self.sides[known], self.function).results
        for index, (a, b, value) in enumerate(zip(left, right, values, strict=True)):
            if a.dtype != b.dtype or a.shape != b.shape:
                text = f"output {index} is {a.dtype}{list(a.shape)} on the left, {b.dtype}{list(b.shape)} on the right"
                raise NotEquivalent(text, inputs, None, value, (a, b))
            errors = [self._output_error(tracer, side, index) for tracer, side in zip(bounds, self.sides, strict=True)]
            errors = [errors[1 - i] if bounds[i] is None else errors[i] for i in (0, 1)]
            found = self._output_difference(value, a, b, errors)
            if found is not None:
                event = None
                if known is not None and value is not None and bounds[known] is not None:
                    event = _event_of(bounds[known], self.sides[known], self.function, index)
                text = describe(event, None, found, _events(bounds[0]), _events(bounds[1]), {}, output=index)
                raise NotEquivalent(text, inputs, found, value, (a, b))

    def _output_error(self, tracer: ErrorBounds | None, side: Any, index: int) -> Error:
        if tracer is None:
            return None
        event = _event_of(tracer, side, self.function, index)
        return None if event is None else tracer.of(event.array)

    def _output_difference(
        self, value: Value | None, left: Array, right: Array, errors: list[Error]
    ) -> ElementDifference | None:
        if value is not None:
            return self._difference(value, left, right, *errors)
        return differ(left, right, np.zeros(()) + (self.steps if left.dtype.kind != "f" else 0), bits=self.exact)


def _events(tracer: ErrorBounds | None) -> dict[Key, Any]:
    return {} if tracer is None else tracer.events


def _event_of(tracer: ErrorBounds | None, module: Any, function: str | None, index: int) -> Any:
    if tracer is None:
        return None
    entry = find_function(module, function)
    return tracer.events.get(((entry.name,), str(entry.results[index].name), 0))
