"""A function made ready for running: values numbered, last uses known, calls resolved. Runs nothing itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nir.errors import RunError, suggestion
from nir.ir import Function, Module, Operation, Origin, Trait, Value, callees
from nir.ops.memory import physical_memory
from nir.source import Span

Array = np.ndarray[Any, Any]

MAXIMAL_OPERATIONS = 10_000_000
"""Operations that one run may execute, calls included: a few nested functions can ask for more than ever ends."""

MAXIMAL_ROUNDS = 2**16
"""Rounds that one loop may take: one that never ends is told from a long one by this number alone, as NNAPI's two
seconds would make the outcome depend on the machine.
"""


@dataclass(eq=False)
class Step:
    """One operation: where its operands lie (-1: omitted), where its results go, which slots are free afterwards.

    `kernel` is the prepared operation once it has run with constant operands; `callees` are the functions it refers to.
    """

    operation: Operation
    operands: tuple[int, ...]
    results: tuple[int, ...]
    frees: tuple[int, ...] = ()
    callees: tuple[str, ...] = ()
    kernel: Callable[[Array], Array] | None = None
    prepares: bool = False


@dataclass(eq=False)
class Plan:
    """A function as steps over numbered slots. `constants` are slots that hold the same array in every run."""

    function: Function
    slots: int
    steps: list[Step]
    parameters: list[int]
    results: list[int]
    constants: dict[int, Array]
    values: list[Value] = field(default_factory=list)


def span_of(op: Operation) -> Span | None:
    """Where the operation stands in some text, if it does."""
    return op.location.span if isinstance(op.location, Origin) else op.location


def notes_of(op: Operation) -> tuple[str, ...]:
    """Where the operation came from, if that is a name elsewhere."""
    return (f"it came from {op.location.name}",) if isinstance(op.location, Origin) else ()


def operation_error(op: Operation, message: str, hint: str | None = None) -> RunError:
    """The error that points at an operation."""
    name = op.results[0].name if op.results else None
    where = f"{op.name}: " if name is None else f"{op.name} (%{name}): "
    return RunError(where + message, span_of(op), hint=hint, notes=notes_of(op))


def find_function(module: Module, name: str | None) -> Function:
    """The function of that name, or the main one. Raises `RunError`."""
    if name is None:
        try:
            return module.main
        except KeyError:
            raise RunError("the module has no function @main; say which one to run", hint=_known(module)) from None
    if name not in module.functions:
        raise RunError(f"there is no function @{name}", hint=suggestion(name, module.functions) or _known(module))
    return module.functions[name]


def _known(module: Module) -> str:
    return "there are " + ", ".join(f"@{name}" for name in module.functions) if module.functions else "it is empty"


def make_plan(function: Function) -> Plan:
    """Numbers the values of a function and finds their last uses. Raises `RunError` where one is undefined."""
    slot_of: dict[Value, int] = {value: i for i, value in enumerate(function.parameters)}
    values = list(function.parameters)
    constants: dict[int, Array] = {}
    steps: list[Step] = []
    for op in function.operations:
        operands = tuple([-1 if value is None else _slot(slot_of, value, op) for value in op.operands])
        results = tuple(range(len(values), len(values) + len(op.results)))
        for value, slot in zip(op.results, results, strict=True):
            slot_of[value] = slot
        values.extend(op.results)
        step = Step(op, operands, results)
        step.callees = tuple(callees(op))
        step.prepares = hasattr(op, "prepare") and all(
            slot < 0 or Trait.CONSTANT in _producer_traits(values[slot]) for slot in operands[1:]
        )
        steps.append(step)
    returned = [_slot(slot_of, value, None) for value in function.results]
    plan = Plan(function, len(values), steps, list(range(len(function.parameters))), returned, constants, values)
    _find_last_uses(plan)
    return plan


def _producer_traits(value: Value) -> frozenset[Trait]:
    return value.producer.traits if value.producer is not None else frozenset()


def _slot(slot_of: dict[Value, int], value: Value, op: Operation | None) -> int:
    slot = slot_of.get(value)
    if slot is not None:
        return slot
    if op is None:
        raise RunError(f"the function returns %{value.name}, which is not defined")
    raise operation_error(op, f"its operand %{value.name} is not defined before it", "verify the module first")


def _find_last_uses(plan: Plan) -> None:
    """Gives each step the slots that nobody needs after it. Constants stay for the next run, results to the end."""
    kept = set(plan.results)
    kept.update(slot for step in plan.steps if Trait.CONSTANT in step.operation.traits for slot in step.results)
    for step in reversed(plan.steps):
        last = {slot for slot in (*step.operands, *step.results) if slot >= 0 and slot not in kept}
        step.frees = tuple(last)
        kept |= last


def count_operations(plans: dict[str, Plan], root: str) -> int:
    """Operations that running `root` executes, calls included, each loop's functions and both branches once.

    Raises `RunError` for recursion, or too many.
    """
    totals: dict[str, int] = {}
    pending: list[tuple[str, bool]] = [(root, False)]
    open_calls: set[str] = set()
    while pending:
        name, done = pending.pop()
        steps = plans[name].steps
        if done:
            open_calls.discard(name)
            totals[name] = sum(1 + sum(totals.get(callee, 0) for callee in step.callees) for step in steps)
        elif name not in totals and name not in open_calls:
            open_calls.add(name)
            pending.append((name, True))
            for step in steps:
                for callee in step.callees:
                    if callee in open_calls:
                        raise operation_error(step.operation, f"@{callee} calls itself", "NIR has no recursion")
                    if callee not in totals:
                        pending.append((callee, False))
    if totals[root] > MAXIMAL_OPERATIONS:
        raise RunError(f"@{root} would execute {totals[root]} operations", expected=f"at most {MAXIMAL_OPERATIONS}")
    return totals[root]


def check_memory(plan: Plan) -> None:
    """Raises `RunError` for a value that is larger than the memory of this machine."""
    available = physical_memory()
    for value in plan.values:
        if value.type.nbytes > available:
            message = f"%{value.name} takes {value.type.nbytes} bytes, more than this machine has"
            if value.producer is not None:
                raise operation_error(value.producer, message)
            raise RunError(message, plan.function.location)
