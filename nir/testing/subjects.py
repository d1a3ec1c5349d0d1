"""What can be held against each other: NIR modules, functions of Python, and what TVM compiled, each run in the same way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

import nir.tvm
from nir.errors import RunError
from nir.interp import Interpreter
from nir.interp.plan import find_function
from nir.interp.trace import Tracer
from nir.ir import Module
from nir.ops.profiles import Profile
from nir.testing.choices import Choices
from nir.testing.input_arrays import input_array
from nir.tvm.execution import Compiled

Array: TypeAlias = "np.ndarray[Any, Any]"
Inputs: TypeAlias = "Mapping[str, Array]"


class Seeded(Choices):
    """Choices by a random generator."""

    def __init__(self, seed: int) -> None:
        super().__init__(lambda strategy: None)
        self._random = np.random.default_rng(seed)

    def below(self, count: int) -> int:
        return int(self._random.integers(count)) if count > 1 else 0


def sample_inputs(module: Module, function: str | None, seed: int) -> dict[str, Array]:
    """Arguments for a function, the same for the same seed; in the range of the operators that read them."""
    entry, choices = find_function(module, function), Seeded(seed)
    return {str(p.name): input_array(entry, p, choices, 1, False) for p in entry.parameters}


Runner = Callable[[Inputs, "Tracer | None"], "list[Array]"]


def runner_of(subject: Any, profile: str | Profile, function: str | None) -> Runner:
    """Runs a subject on arrays by name; outputs in order. Raises `TypeError` for what cannot be run."""
    if isinstance(subject, Module):
        return _module_runner(subject, profile, function)
    if type(subject).__module__.split(".")[0] == "tvm" and not callable(subject):
        subject = nir.tvm.compile(subject)
    if isinstance(subject, Compiled):
        return _compiled_runner(subject)
    if callable(subject):
        return lambda inputs, trace: _arrays(subject(inputs))
    raise TypeError(
        f"a {type(subject).__name__} cannot be run: a nir.Module, a function, or what nir.tvm.compile takes"
    )


def _module_runner(module: Module, profile: str | Profile, function: str | None) -> Runner:
    interpreter = Interpreter(module, profile)
    entry = find_function(module, function)
    names = [str(parameter.name) for parameter in entry.parameters]

    def run(inputs: Inputs, trace: Tracer | None) -> list[Array]:
        given = inputs if set(inputs) == set(names) else list(inputs.values())
        return list(interpreter.run(given, entry.name, trace=trace).values())

    return run


def _compiled_runner(compiled: Compiled) -> Runner:
    names = [parameter.name for parameter in compiled.parameters]

    def run(inputs: Inputs, trace: Tracer | None) -> list[Array]:
        if set(inputs) != set(names):
            if len(inputs) != len(names):
                raise RunError(f"there are {len(inputs)} inputs for {len(names)} parameters", expected=", ".join(names))
            inputs = dict(zip(names, inputs.values(), strict=True))
        return compiled.run(inputs)

    return run


def _arrays(outcome: Any) -> list[Array]:
    """The arrays of what a function gave back: one, several, or by name."""
    if isinstance(outcome, Mapping):
        outcome = list(outcome.values())
    if isinstance(outcome, Sequence):
        return [np.asarray(array) for array in outcome]
    return [np.asarray(outcome)]
