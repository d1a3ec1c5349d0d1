"""Why one element of one value is the integer it is, under each numeric profile.

The operation is given the same operands under every profile: those of a run under one of them. Its result is computed by
the operator itself; the steps to it are shown where operator_steps.py knows them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nir.errors import RunError, suggestion
from nir.interp.inputs import Inputs, random_inputs
from nir.interp.interpreter import Interpreter
from nir.interp.operator_steps import steps_of
from nir.interp.plan import find_function, operation_error
from nir.interp.rounding_steps import Step, element_type
from nir.interp.trace import Event
from nir.ir import Function, Module, Operation, TensorType, Value, callees
from nir.ops.profiles import DEFAULT_PROFILE, PROFILES, Profile, get_profile
from nir.shown import Shown

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class ProfileExplanation:
    """One profile's way to the element. `steps` is empty where only the result is known. `real` is what it stands for."""

    profile: str
    steps: tuple[Step, ...]
    result: int | float | bool
    real: float


@dataclass(frozen=True)
class Explanation(Shown):
    """One element under several profiles. `operands_profile` is that of the run which the operands come from."""

    function: str
    value: str
    operator: str
    type: TensorType
    index: tuple[int, ...]
    operands_profile: str
    profiles: tuple[ProfileExplanation, ...]

    @property
    def detailed(self) -> bool:
        """True where the steps are shown, not the results alone."""
        return any(entry.steps for entry in self.profiles)

    def rows(self) -> list[tuple[str, ...]]:
        """A table: what a step is called, and its value under each profile; the result and its real value at the end."""
        steps = [dict(entry.steps) for entry in self.profiles]
        rows = [(label, *(_text(found.get(label)) for found in steps)) for label in self._labels()]
        rows.append(("result", *(_text(entry.result) for entry in self.profiles)))
        return [*rows, ("real value", *(_text(entry.real) for entry in self.profiles))]

    def _labels(self) -> list[str]:
        """Labels of all steps but the last, each after those that come before it under every profile."""
        order: list[str] = []
        for entry in self.profiles:
            position = 0
            for step in entry.steps[:-1]:
                if step.label in order:
                    position = max(position, order.index(step.label) + 1)
                else:
                    order.insert(position, step.label)
                    position += 1
        return order

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data, for JSON; non-finite floats as text."""
        return {
            "function": self.function,
            "value": self.value,
            "operator": self.operator,
            "type": str(self.type),
            "index": list(self.index),
            "operands_profile": self.operands_profile,
            "detailed": self.detailed,
            "profiles": {
                entry.profile: {
                    "steps": [{"label": step.label, "value": _plain(step.value)} for step in entry.steps],
                    "result": _plain(entry.result),
                    "real": _plain(entry.real),
                }
                for entry in self.profiles
            },
        }


def _text(value: float | str | None) -> str:
    return "" if value is None else f"{value:.9g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, float) and not np.isfinite(value) else value


def explain(
    module: Module,
    value: str,
    index: Sequence[int],
    inputs: Inputs | None = None,
    *,
    seed: int = 0,
    profiles: Sequence[str | Profile] | None = None,
    function: str | None = None,
    operands_profile: str | Profile = DEFAULT_PROFILE,
) -> Explanation:
    """How each of `profiles` (all, by default) rounds the element at `index` of the value called `value`.

    Runs `function` (`@main`) on `inputs`, or on random ones, under `operands_profile`. Raises `RunError` where there
    is no such value or element, or where no operation computes it.
    """
    entry = find_function(module, function)
    chosen = [get_profile(profile) for profile in (PROFILES if profiles is None else profiles)]
    holder, wanted = _find_value(module, entry, value.removeprefix("%"))
    op = _operation(wanted)
    recorder = _Recorder(op)
    base = get_profile(operands_profile)
    given = random_inputs(entry, seed) if inputs is None else inputs
    Interpreter(module, base).run(given, entry.name, trace=recorder)
    arrays = recorder.operands()
    place = _checked_index(op, wanted, recorder, index)
    which = op.results.index(wanted)
    explained = tuple(_explain(op, which, profile, arrays, place) for profile in chosen)
    return Explanation(holder.name, str(wanted.name), op.name, wanted.type, place, base.name, explained)


def _find_value(module: Module, entry: Function, name: str) -> tuple[Function, Value]:
    """The value in the function that is run, else in any other."""
    known: list[str] = []
    for function in dict.fromkeys([entry, *module.functions.values()]):
        for value in [*function.parameters, *(result for op in function.operations for result in op.results)]:
            if str(value.name) == name:
                return function, value
            known.append(str(value.name))
    raise RunError(f"there is no value '%{name}' in @{entry.name}", hint=suggestion(name, known))


def _operation(value: Value) -> Operation:
    op = value.producer
    if op is None:
        raise RunError(f"%{value.name} is a parameter: no operation computes it", hint="name a result of an operation")
    called = list(callees(op))
    if called:
        hint = "name a value inside " + " or ".join(f"@{name}" for name in called)
        raise operation_error(op, "the numbers come from the function that it calls", hint)
    return op


class _Recorder:
    """Keeps the operands and results of one operation, of the last time that it runs."""

    def __init__(self, op: Operation) -> None:
        self.op = op
        self._wanted = {value for value in (*op.operands, *op.results) if value is not None}
        self._arrays: dict[Value, Array] = {}

    def __call__(self, event: Event) -> None:
        if event.value in self._wanted:
            self._arrays[event.value] = event.array

    def operands(self) -> list[Array | None]:
        """One array per operand, None where it is omitted. Raises `RunError` where the operation did not run."""
        if any(result not in self._arrays for result in self.op.results):
            raise operation_error(self.op, "the operation did not run", "say which function to run")
        return [None if value is None else self._arrays[value] for value in self.op.operands]

    def shape(self, value: Value) -> tuple[int, ...]:
        """The shape that a result has had."""
        return self._arrays[value].shape


def _checked_index(op: Operation, value: Value, recorder: _Recorder, index: Sequence[int]) -> tuple[int, ...]:
    shape, place = recorder.shape(value), tuple(index)
    if len(place) == len(shape) and all(0 <= i < n for i, n in zip(place, shape, strict=True)):
        return place
    limits = ", ".join(f"0 to {n - 1}" if n else "none" for n in shape)
    raise RunError(
        f"%{value.name} has no element at [{', '.join(map(str, place))}]",
        expected=f"{len(shape)} numbers: {limits}" if shape else "no numbers: it is a scalar",
        found=f"{len(place)} numbers" if len(place) != len(shape) else None,
    )


def _explain(
    op: Operation, which: int, profile: Profile, arrays: Sequence[Array | None], index: tuple[int, ...]
) -> ProfileExplanation:
    with np.errstate(all="ignore"):
        outcome: Any = op.reference(profile, *arrays)
        stored = (outcome if isinstance(outcome, tuple) else (outcome,))[which][index]
        steps = steps_of(op, profile, arrays, index) if which == 0 else None
        real = profile.dequantise(np.asarray(stored), element_type(op.results[which].type, index))
    return ProfileExplanation(profile.name, tuple(steps or ()), stored.item(), float(real))
