"""The fuzzer of the mutation check: comparisons on drawn programs, one after the other until something differs.

python -m tests.mutation.fuzzing SECONDS [COMPARISON ...] [--operators NAME ...]

The last line says `fuzz: caught N NAME` or `fuzz: passed N`: how many programs had been drawn, and which comparison
differed. The comparisons that are named come first, and get most of the time. `--operators` are names of NIR or of Relay
that most programs are drawn from.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from nir.errors import ConvertError
from nir.interp import Interpreter, run
from nir.interp.inputs import random_inputs
from nir.ir import Module, Trait, first_difference
from nir.ops import OPERATORS, OPERATORS_BY_NAME
from nir.ops.profiles import PROFILES
from nir.passes import eliminate_dead_code, fold_constants, reduce_transposes, relax_to_nir, relay_to_nir, to_nhwc
from nir.passes.nir_to_relax import nir_to_relax
from nir.passes.relay_to_relax import relay_to_relax
from nir.testing import NoErrorBound, assert_equivalent, drawable_operators, modules, operations, relay_programs
from nir.testing.error_bounds import RULES
from nir.testing.relay_agreement import disagreements
from nir.text import parse, print_module
from nir.verify import check
from tests.nir_to_relax.agreement import disagreement
from tests.nir_to_relax.batches import compiled_results, interpreted

BATCH = 16
CHOSEN: dict[str, list[str]] = {"nir": [], "relay": []}
"""Operators that programs are drawn from; none for all."""

_BOUNDED = [op.name for op in OPERATORS if RULES.get(op.name)]
_SOUND = {op.name for op in OPERATORS if RULES.get(op.name) or Trait.MOVES in op.traits}


def drawn(strategy: st.SearchStrategy[Any], number: int, count: int = BATCH) -> list[Any]:
    """`count` examples of a strategy, others for each number."""
    found: list[Any] = []

    @seed(number)
    @settings(
        max_examples=count,
        phases=(Phase.generate,),
        database=None,
        deadline=None,
        derandomize=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def take(example: Any) -> None:
        found.append(example)

    take()
    return found[:count]


def _any_modules(number: int) -> list[Module]:
    if CHOSEN["nir"] and number % 4 != 3:
        names = CHOSEN["nir"]
        small = modules(operators=names, max_operators=4, quantised=None if number % 2 else True)
        return drawn(
            st.sampled_from(names).flatmap(lambda name: operations(name=name)) if number % 4 == 2 else small, number
        )
    strategies = (modules(), operations(), modules(quantised=True), modules(operators=_BOUNDED, max_operators=6))
    return drawn(strategies[number % len(strategies)], number)


def text(number: int) -> tuple[int, str | None]:
    """What is printed reads back as the same module, and prints as the same text."""
    found = _any_modules(number)
    for module in found:
        printed = print_module(module)
        again = parse(printed)
        difference = first_difference(module, again)
        if difference is not None or print_module(again) != printed or check(again):
            return len(found), f"{difference}\n{printed}"
    return len(found), None


def passes(number: int) -> tuple[int, str | None]:
    """Passes keep the meaning, and the verifier takes what they make."""
    change, exact = (
        (eliminate_dead_code, True),
        (to_nhwc, False),
        (fold_constants, False),
        (reduce_transposes, False),
    )[number % 4]
    names = None if number // 4 % 4 == 3 else (CHOSEN["nir"] or None)
    bounded = [name for name in names or () if name in _SOUND] or _BOUNDED
    found = drawn(modules(operators=names) if exact else modules(operators=bounded), number)
    for module in found:
        changed = parse(print_module(module))
        change(changed)
        if check(changed):
            return len(found), "the verifier does not take it"
        try:
            assert_equivalent(module, changed, samples=2, exact=exact)
        except (AssertionError, NoErrorBound) as error:
            if isinstance(error, AssertionError):
                return len(found), str(error)
    return len(found), None


def compiled(number: int) -> tuple[int, str | None]:
    """The interpreter and compiled code give the same numbers."""
    profile = list(PROFILES)[number % len(PROFILES)]
    taken = [module for module in _any_modules(number) if not refused(module, profile)]
    inputs = [random_inputs(module.main, number) for module in taken]
    if not taken:
        return 0, None
    for module, given_inputs, results in zip(taken, inputs, compiled_results(taken, inputs, profile), strict=True):
        expected = interpreted(module, given_inputs, profile)
        difference = disagreement(module, given_inputs, expected, results)
        if difference:
            return len(taken), f"{difference}\n{print_module(module)}"
    return len(taken), None


def refused(module: Module, profile: str) -> bool:
    """Whether the conversion says that it cannot compile the module."""
    try:
        nir_to_relax(module, profile=profile)
    except ConvertError:
        return True
    return False


def _relay_names(number: int) -> list[str] | None:
    return None if number % 4 == 3 else (CHOSEN["relay"] or None)


def runs(number: int) -> tuple[int, str | None]:
    """A run gives what it would give if it were the first."""
    found = _any_modules(number)
    for module in found:
        interpreter = Interpreter(module)
        for index in (0, 1):
            inputs = random_inputs(module.main, index)
            for mine, other in zip(interpreter.run(inputs).values(), run(module, inputs).values(), strict=True):
                if mine.tobytes() != other.tobytes():
                    return len(found), print_module(module)
    return len(found), None


def relay(number: int) -> tuple[int, str | None]:
    """Both ways from Relay give the same numbers."""
    programs = drawn(relay_programs(max_operators=10, operators=_relay_names(number)), number)
    failures = disagreements(programs, (0, 1, 2))
    return len(programs), str(failures[0]) if failures else None


def relax(number: int) -> tuple[int, str | None]:
    """NIR by way of Relax and NIR straight from Relay compute the same."""
    programs = drawn(relay_programs(max_operators=8, allow_quantised=False, operators=_relay_names(number)), number)
    for program in programs:
        source = program.load()
        straight = relay_to_nir(source)
        try:
            around = relax_to_nir(relay_to_relax(source))
        except ConvertError:
            continue
        for index in (0, 1):
            arrays = program.arrays(index)
            mine, other = (nir_results(module, arrays) for module in (straight, around))
            for tensor, left, right in zip(program.outputs, mine, other, strict=True):
                bound = 2 * tensor.error if left.dtype.kind == "f" else 0
                with np.errstate(all="ignore"):
                    near = np.abs(left.astype(np.float64) - right.astype(np.float64)) <= bound
                if not (near | (left == right) | ((left != left) & (right != right))).all():
                    return len(programs), str(program)
    return len(programs), None


def nir_results(module: Module, arrays: Any) -> list[Any]:
    """The interpreter's results, inputs by position."""
    return interpreted(module, dict(zip([p.name for p in module.main.parameters], arrays.values(), strict=True)), "tvm")


COMPARISONS: dict[str, Callable[[int], tuple[int, str | None]]] = {
    "text": text,
    "passes": passes,
    "compiled": compiled,
    "relay": relay,
    "relax": relax,
    "runs": runs,
}


def turns(preferred: list[str]) -> Iterator[tuple[str, int]]:
    """Comparisons and numbers for drawing: those that are preferred four times as often as the others."""
    for number in range(10**6):
        for name in preferred:
            yield name, number
        if number % 4 == 3:
            yield from ((name, number) for name in COMPARISONS if name not in preferred)


def main(arguments: list[str]) -> int:
    """Runs comparisons until one differs, or the time is up."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation.fuzzing")
    parser.add_argument("seconds", type=float)
    parser.add_argument("comparisons", nargs="*", default=[])
    parser.add_argument("--operators", nargs="*", default=[])
    options = parser.parse_args(arguments)
    CHOSEN["nir"] = [name for name in options.operators if name in OPERATORS_BY_NAME]
    CHOSEN["relay"] = [name for name in options.operators if name in drawable_operators()]
    end = time.perf_counter() + options.seconds
    examples = 0
    for name, number in turns(options.comparisons or list(COMPARISONS)):
        if time.perf_counter() > end:
            break
        try:
            count, difference = COMPARISONS[name](number)
        except Exception as error:  # an exception of any kind is a finding
            count, difference = BATCH, f"{type(error).__name__}: {error}"
        examples += count
        if difference is not None:
            print(difference[:2000])
            print(f"fuzz: caught {examples} {name}")
            return 0
    print(f"fuzz: passed {examples} ")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
