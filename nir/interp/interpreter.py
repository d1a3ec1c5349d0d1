"""The interpreter: runs the operations of a function in order, each by its reference semantics.

It knows no operator but calls, branches and loops. What depends on constants alone (a convolution's weights as a matrix, its multipliers)
is prepared at the first run and kept for the next.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from nir.errors import NirError, RunError, require_type
from nir.interp.inputs import Inputs, check_inputs
from nir.interp.plan import (
    MAXIMAL_OPERATIONS,
    MAXIMAL_ROUNDS,
    Plan,
    Step,
    check_memory,
    count_operations,
    find_function,
    make_plan,
    operation_error,
)
from nir.interp.trace import Event, Tracer
from nir.ir import Module, Operation, Trait, Value
from nir.ops.control_flow import If, While
from nir.ops.profiles import DEFAULT_PROFILE, Profile, get_profile

Array = np.ndarray[Any, Any]

Progress = Callable[[int, int, Operation], None]
"""Called before each operation: operations done, operations in all, the operation that comes."""

_BEYOND_ADDRESSES = ("array is too big", "Maximum allowed dimension exceeded")
"""How numpy's `ValueError`s begin for arrays that no memory could hold."""


def run(
    module: Module,
    inputs: Inputs = (),
    profile: str | Profile = DEFAULT_PROFILE,
    function: str | None = None,
    trace: Tracer | None = None,
    progress: Progress | None = None,
    threads: int | None = 1,
) -> dict[str, Array]:
    """Runs a function (`@main`) on arrays of stored elements; returns `output_0`, `output_1`, ...

    `inputs` are arrays by parameter name, or one per parameter. `threads` is the number of threads that matrix
    products may use; None leaves it to them. Raises `RunError`. To run a module many times, make an `Interpreter`.
    """
    return Interpreter(module, profile, threads).run(inputs, function, trace, progress)


class Interpreter:
    """Runs one module under one profile, any number of times. The module must not change meanwhile.

    Prepared weights are kept between runs: about the size of the constants again, as float32.
    """

    def __init__(self, module: Module, profile: str | Profile = DEFAULT_PROFILE, threads: int | None = 1) -> None:
        require_type(module, Module, "a nir.Module", "nir.load reads a file")
        self.module = module
        self.profile = get_profile(profile)
        self.threads = threads
        self._plans: dict[str, Plan] = {}
        self._totals: dict[str, int] = {}

    def run(
        self,
        inputs: Inputs = (),
        function: str | None = None,
        trace: Tracer | None = None,
        progress: Progress | None = None,
    ) -> dict[str, Array]:
        """One run; see `nir.interp.run`."""
        entry = find_function(self.module, function)
        arrays = check_inputs(entry, inputs)
        total = self._prepare(entry.name)
        with _threads(self.threads), np.errstate(all="ignore"):
            machine = _Machine(self.profile, self._plans, trace, progress, total)
            results = machine.run(entry.name, arrays)
        plan = self._plans[entry.name]
        held = {id(array) for array in (*arrays, *plan.constants.values())}
        try:
            return {f"output_{i}": _owned(array, held) for i, array in enumerate(results)}
        except MemoryError:
            raise RunError(f"there is not enough memory for the outputs of @{entry.name}", entry.location) from None

    def _prepare(self, root: str) -> int:
        """Makes the plans of all functions that `root` leads to; returns how many operations it executes."""
        if root in self._totals:
            return self._totals[root]
        pending = [root]
        while pending:
            name = pending.pop()
            if name in self._plans:
                continue
            plan = make_plan(self.module.functions[name])
            check_memory(plan)
            self._plans[name] = plan
            for step in plan.steps:
                for callee in step.callees:
                    if callee not in self.module.functions:
                        raise operation_error(step.operation, f"there is no function @{callee}")
                    pending.append(callee)
        self._totals[root] = count_operations(self._plans, root)
        return self._totals[root]


class _Loop:
    """A loop at work: the values for its functions, and which of the two is running."""

    __slots__ = ("arguments", "deciding", "rounds")

    def __init__(self, arguments: list[Array]) -> None:
        self.arguments = arguments
        self.deciding = True
        self.rounds = 0


class _Frame:
    """One function at work; `loop` is the loop that its present step runs, if it is one."""

    __slots__ = ("loop", "path", "plan", "position", "values")

    def __init__(self, plan: Plan, arguments: list[Array], path: tuple[str, ...]) -> None:
        self.plan = plan
        self.position = 0
        self.path = path
        self.loop: _Loop | None = None
        self.values: list[Array | None] = [None] * plan.slots
        for slot, array in zip(plan.parameters, arguments, strict=True):
            self.values[slot] = array


class _Machine:
    """One run: a stack of frames."""

    def __init__(
        self, profile: Profile, plans: dict[str, Plan], trace: Tracer | None, progress: Progress | None, total: int
    ) -> None:
        self.profile = profile
        self.plans = plans
        self.trace = trace
        self.progress = progress
        self.total = total
        self.done = 0

    def run(self, root: str, arguments: list[Array]) -> list[Array]:
        stack = [self._enter(self.plans[root], arguments, ())]
        while True:
            frame = stack[-1]
            steps = frame.plan.steps
            while frame.position < len(steps):
                step = steps[frame.position]
                if self.progress is not None:
                    self.progress(self.done, max(self.total, self.done + 1), step.operation)
                self.done += 1
                if step.callees:
                    stack.append(self._begin_call(frame, step))
                    break
                self._execute(frame, step)
                frame.position += 1
            else:
                results = [self._value(frame, slot) for slot in frame.plan.results]
                stack.pop()
                if not stack:
                    return results
                following = self._end_call(stack[-1], results)
                if following is not None:
                    stack.append(following)

    def _enter(self, plan: Plan, arguments: list[Array], path: tuple[str, ...]) -> _Frame:
        frame = _Frame(plan, arguments, (*path, plan.function.name))
        if self.trace is not None:
            for parameter, array in zip(plan.function.parameters, arguments, strict=True):
                self.trace(Event(frame.path, parameter, None, array, 0.0))
        return frame

    def _begin_call(self, frame: _Frame, step: Step) -> _Frame:
        """The frame of the function that a step calls first."""
        op = step.operation
        given = [array for array in (frame.values[slot] for slot in step.operands) if array is not None]
        if isinstance(op, While):
            frame.loop = _Loop(given)
            return self._call(step, op.condition, given, frame.path, 1)
        callee = step.callees[0]
        if isinstance(op, If):
            callee, given = op.then_branch if _truth(op, given[0]) else op.else_branch, given[1:]
        return self._call(step, callee, given, frame.path, len(step.results))

    def _end_call(self, frame: _Frame, results: list[Array]) -> _Frame | None:
        """Takes what the function called last returned; gives the frame of the one that a loop calls next."""
        step, loop = frame.plan.steps[frame.position], frame.loop
        op = step.operation
        if loop is not None and isinstance(op, While):
            if not loop.deciding:
                loop.arguments[: len(results)] = results
                loop.deciding = True
                return self._call(step, op.condition, loop.arguments, frame.path, 1)
            if _truth(op, results[0]):
                loop.rounds += 1
                if loop.rounds > MAXIMAL_ROUNDS or self.done > MAXIMAL_OPERATIONS:
                    raise operation_error(op, f"the loop does not end: it has taken {loop.rounds - 1} rounds")
                loop.deciding = False
                return self._call(step, op.body, loop.arguments, frame.path, None)
            results = loop.arguments[: len(step.results)]
            frame.loop = None
        self._finish(frame, step, results, 0.0)
        frame.position += 1
        return None

    def _call(
        self, step: Step, callee: str, arguments: list[Array], path: tuple[str, ...], results: int | None
    ) -> _Frame:
        """The frame of a function that is to return so many results (None: as many as it likes)."""
        plan = self.plans[callee]
        if len(plan.parameters) != len(arguments) or results not in (None, len(plan.results)):
            raise operation_error(step.operation, f"@{callee} has another signature", "verify the module first")
        for parameter, array in zip(plan.function.parameters, arguments, strict=True):
            _check_type(step.operation, parameter, array)
        return self._enter(plan, arguments, path)

    def _value(self, frame: _Frame, slot: int) -> Array:
        array = frame.values[slot]
        if array is None:
            raise RunError(f"%{frame.plan.values[slot].name} has no value")
        return array

    def _execute(self, frame: _Frame, step: Step) -> None:
        """Runs one operation that is not a call, and stores its results."""
        constant = frame.plan.constants.get(step.results[0]) if step.results else None
        if constant is not None:
            self._finish(frame, step, [constant], 0.0)
            return
        operands = [None if slot < 0 else frame.values[slot] for slot in step.operands]
        start = time.perf_counter()
        try:
            if step.prepares and step.kernel is None:
                step.kernel = step.operation.prepare(self.profile, *operands[1:])  # type: ignore[attr-defined]
            if step.kernel is not None:
                outcome: Any = step.kernel(operands[0])  # type: ignore[arg-type]
            else:
                outcome = step.operation.reference(self.profile, *operands)
        except NirError as error:
            if all(diagnostic.span is not None for diagnostic in error.diagnostics):
                raise
            message = "; ".join(diagnostic.message for diagnostic in error.diagnostics)
            raise operation_error(step.operation, message, error.diagnostics[0].hint) from error
        except MemoryError as error:
            raise operation_error(step.operation, "there is not enough memory") from error
        except Exception as error:
            if isinstance(error, ValueError) and str(error).startswith(_BEYOND_ADDRESSES):
                raise operation_error(step.operation, "there is not enough memory") from error
            raise operation_error(step.operation, str(error), "nir.check(module) says more") from error
        results = list(outcome) if isinstance(outcome, tuple) else [outcome]
        self._finish(frame, step, results, time.perf_counter() - start)

    def _finish(self, frame: _Frame, step: Step, results: list[Array], seconds: float) -> None:
        op = step.operation
        if len(results) != len(step.results):
            raise operation_error(op, f"it gave {len(results)} results where {len(step.results)} are declared")
        if Trait.CONSTANT in op.traits:
            frame.plan.constants.update(zip(step.results, results, strict=True))
        for slot, value, array in zip(step.results, op.results, results, strict=True):
            _check_type(op, value, array)
            frame.values[slot] = array
            if self.trace is not None:
                self.trace(Event(frame.path, value, op, array, seconds))
                seconds = 0.0
        for slot in step.frees:
            frame.values[slot] = None


def _truth(op: Operation, condition: Array) -> bool:
    """The one element of a condition."""
    if condition.size != 1:
        raise operation_error(op, f"the condition has {condition.size} elements, not one")
    return bool(condition.reshape(())[()])


def _check_type(op: Operation, value: Value, array: Array) -> None:
    """Holds what was computed against what is declared: a mistake shows where it is made."""
    type = value.type
    shape = array.shape
    if array.dtype == type.element.numpy and (
        shape == type.shape
        or (len(shape) == len(type.shape) and all(d in (None, n) for d, n in zip(type.shape, shape, strict=True)))
    ):
        return
    found = f"{array.dtype}[{', '.join(map(str, shape))}]"
    raise operation_error(op, f"%{value.name} is declared as {type}, and is {found}", "nir.check(module) says more")


def _owned(array: Array, held: set[int]) -> Array:
    """A result that the caller may write to: not an input, a constant or a view of anything."""
    return (
        array.copy()
        if array.base is not None or id(array) in held
        else np.ascontiguousarray(array).reshape(array.shape)
    )


@functools.cache
def _controller() -> ThreadpoolController:
    """Finding the loaded BLAS libraries takes milliseconds, so it is done once."""
    return ThreadpoolController()


def _threads(count: int | None) -> contextlib.AbstractContextManager[Any]:
    """Sets the number of BLAS threads: with a competing process, several can be far slower than one."""
    if count is None:
        return contextlib.nullcontext()
    limited: contextlib.AbstractContextManager[Any] = _controller().limit(limits=max(count, 1), user_api="blas")
    return limited
