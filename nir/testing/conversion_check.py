"""Holding a conversion against the module it converts, and finding the operator that it gets wrong.

A back end gives outputs alone. To find the first operator that differs, the module is cut off behind one value after the
other, and what is left is converted and run by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nir.errors import NirError
from nir.interp.plan import find_function
from nir.ir import Function, Module, Operation, Trait, Value
from nir.ops.profiles import DEFAULT_PROFILE, Profile
from nir.testing.equivalence import SAMPLES, NotEquivalent, assert_equivalent
from nir.testing.subjects import Inputs
from nir.text import print_module

_MOST_CUTS = 200
"""Conversions that are tried to find the operator."""


def assert_conversion(
    module: Module,
    convert: Callable[[Module], Any],
    *,
    inputs: Inputs | Sequence[Inputs] | None = None,
    samples: int = SAMPLES,
    seed: int = 0,
    profile: str | Profile = DEFAULT_PROFILE,
    exact: bool | None = None,
    steps: int = 0,
    ulps: Mapping[str, float] | None = None,
) -> None:
    """Raises `NotEquivalent` unless `convert(module)` gives what the module gives.

    `convert` makes anything that `assert_equivalent` takes: a module, a function, something compiled. Where outputs differ,
    values are made outputs one after the other, and the message tells of the first that comes out different, with the
    module that is cut off behind it. Options are those of `assert_equivalent`.
    """

    def check(candidate: Module, given: Inputs | Sequence[Inputs] | None) -> None:
        assert_equivalent(
            candidate,
            convert(candidate),
            inputs=given,
            samples=samples,
            seed=seed,
            profile=profile,
            exact=exact,
            steps=steps,
            ulps=ulps,
        )

    try:
        check(module, inputs)
    except NotEquivalent as error:
        found = _first_cut(module, error, check)
        if found is None:
            raise
        part, cut = found
        message = f"{cut}\nby itself this differs:\n{print_module(part)}"
        raise NotEquivalent(message, cut.inputs, cut.difference, cut.value, cut.values) from None


def _first_cut(
    module: Module, error: NotEquivalent, check: Callable[[Module, Inputs | Sequence[Inputs] | None], None]
) -> tuple[Module, NotEquivalent] | None:
    """The module cut off behind the first value that differs, or None where only the whole does."""
    entry = find_function(module, None)
    made = [op for op in entry.operations if Trait.CONSTANT not in op.traits]
    for op in made[:_MOST_CUTS]:
        part = cut_behind(module, op.results)
        try:
            check(part, error.inputs)
        except NotEquivalent as found:
            return part, found
        except (NirError, ValueError):
            continue  # what is left cannot be converted or has no bound by itself
    return None


def cut_behind(module: Module, values: Sequence[Value]) -> Module:
    """The module with a main function that computes only these values of it. Parameters and operations are shared."""
    entry = find_function(module, None)
    needed, kept = set(values), list[Operation]()
    for op in reversed(entry.operations):
        if any(value in needed for value in op.results):
            kept.append(op)
            needed.update(value for value in op.operands if value is not None)
    function = Function(entry.name, entry.parameters, kept[::-1], list(values), entry.attributes)
    others = [other for other in module if other is not entry]
    return Module([function, *others], module.weights_file)
