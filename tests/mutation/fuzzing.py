"""The fuzzer of the mutation check: what `nir fuzz` asks, drawn from a few operators, until an oracle finds something.

python -m tests.mutation.fuzzing SECONDS FOLDER [ORACLE ...] [--operators NAME ...] [--seed N] [--skip KEY ...] [--turn N]

The oracles that are named come first, and get most of the time. `--operators` are names of NIR and of Relay that three of
four programs are drawn from. The failure is saved in the folder for `nir fuzz --replay`; the last line says `fuzz:
caught N ORACLE`, or `fuzz: passed N`: how many programs had been drawn. What has one of the keys is not looked at. With
`--turn` only that turn of the first oracle is taken again.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from nir.ops import OPERATORS_BY_NAME
from nir.testing import drawable_operators, modules, operations, relay_programs
from nir.testing.fuzzing import ORACLES, Failure, Oracle, Problem, chosen
from nir.testing.fuzzing.corpus import save
from nir.testing.fuzzing.work import drawn

BATCH = 8
ALONE = ("interpreter", "round-trip", "tvm")
"""Oracles that are worth asking about single operations as well."""


def focused(oracle: Oracle, names: list[str], number: int) -> st.SearchStrategy[Any]:
    """What is drawn for turn `number`: three of four times from the operators `names`, otherwise what always is."""
    if oracle.suffix == ".relay":
        chosen_names = [name for name in names if name in drawable_operators()]
        if chosen_names and number % 4 != 3:
            return relay_programs(max_operators=8, operators=chosen_names)
        return oracle.strategy()
    chosen_names = [name for name in names if name in OPERATORS_BY_NAME]
    if not chosen_names or number % 4 == 3 or oracle.suffix != ".nir":
        return oracle.strategy()
    if number % 4 == 2 and oracle.name in ALONE:
        return st.sampled_from(chosen_names).flatmap(lambda name: operations(name=name))
    elements = ("i8", "i32", "f32") if oracle.name == "tflite" else None  # LiteRT takes few others
    return modules(
        operators=chosen_names, max_operators=5, quantised=True if number % 4 == 1 else None, elements=elements
    )


def turns(preferred: list[str], others: list[str]) -> Iterator[tuple[str, int]]:
    """Oracles and numbers for drawing: those that are preferred four times as often as the others."""
    for number in range(10**6):
        yield from ((name, number) for name in preferred)
        if number % 4 == 3 or not preferred:
            yield from ((name, number) for name in others)


def key_of(oracle: Oracle, problem: Problem) -> str:
    """What failures of one cause have in common, in a word."""
    return "/".join((oracle.name, *problem.key)).replace(" ", "_")


def first_failure(
    oracle: Oracle, names: list[str], number: int, seed: int, skipped: list[str]
) -> tuple[int, tuple[Any, int, Problem] | None]:
    """How many examples were drawn, and the first that fails, with its seed and what is wrong with it."""
    start = seed * 100_000 + number * 100
    examples = drawn(focused(oracle, names, number), start, BATCH)
    seeds = [start + index for index in range(len(examples))]
    for example, own, problem in zip(examples, seeds, oracle.check_all(examples, seeds), strict=True):
        if problem is not None and key_of(oracle, problem) not in skipped:
            return len(examples), (example, own, problem)
    return len(examples), None


def main(arguments: list[str]) -> int:
    """Asks oracles until one finds something, or the time is up."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation.fuzzing")
    parser.add_argument("seconds", type=float)
    parser.add_argument("folder", type=Path)
    parser.add_argument("oracles", nargs="*", default=[])
    parser.add_argument("--operators", nargs="*", default=[])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--skip", nargs="*", default=[])
    parser.add_argument("--turn", type=int)
    options = parser.parse_args(arguments)
    installed = [oracle.name for oracle in chosen(None)]
    preferred = [name for name in options.oracles if name in installed]
    end = time.perf_counter() + options.seconds
    examples = 0
    order = turns(preferred, [name for name in installed if name not in preferred])
    for name, number in order if options.turn is None else [(preferred[0], options.turn)]:
        if time.perf_counter() > end:
            break
        count, found = first_failure(ORACLES[name], options.operators, number, options.seed, options.skip)
        examples += count
        if found is not None:
            example, own, problem = found
            path = save(Failure(name, own, problem, ORACLES[name].write(example, own)), options.folder)
            key = key_of(ORACLES[name], problem)
            print(f"{problem.message[:1000]}\nfuzz: saved {path}\nfuzz: turn {number}\nfuzz: key {key}")
            print(f"fuzz: caught {examples} {name}")
            return 0
    print(f"fuzz: passed {examples} ")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
