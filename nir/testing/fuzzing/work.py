"""The pieces of work of a campaign: drawing examples and asking an oracle, and making a failure small.

They are functions of plain data, so that they can be done in any process on any machine, and done again.
"""

from __future__ import annotations

import threading
import time
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import seed as hypothesis_seed
from hypothesis import strategies as st

from nir.testing.fuzzing.oracle import Problem
from nir.testing.fuzzing.table import ORACLES

_ONE_AT_A_TIME = threading.Lock()
"""Threads of one process take turns: neither Hypothesis nor TVM's compiler is made for several."""


@dataclass(frozen=True)
class Task:
    """So many examples for an oracle, drawn from a seed."""

    oracle: str
    seed: int
    examples: int


@dataclass(frozen=True)
class Failure:
    """An example that fails, as its oracle writes it, and what is wrong with it."""

    oracle: str
    seed: int
    problem: Problem
    text: str

    @property
    def key(self) -> tuple[str, str, str]:
        """Failures of equal keys are taken for one."""
        return self.oracle, *self.problem.key


@dataclass(frozen=True)
class Outcome:
    """What came of a task."""

    oracle: str
    examples: int
    seconds: float
    failures: tuple[Failure, ...] = ()


def run_task(task: Task, journal: str | None = None) -> Outcome:
    """Draws the examples of a task and asks its oracle. Failures of the same key are given once.

    With a `journal`, examples are looked at one by one, and each is written to that file before: if the process dies,
    the file tells of what.
    """
    with _ONE_AT_A_TIME:
        start = time.perf_counter()
        oracle = ORACLES[task.oracle]
        examples = drawn(oracle.strategy(), _mixed(task), task.examples)
        seeds = [(_mixed(task) + index) % 2**31 for index in range(len(examples))]
        if journal is None:
            problems = oracle.check_all(examples, seeds)
        else:
            problems = []
            for example, seed in zip(examples, seeds, strict=True):
                Path(journal).write_text(f"{seed}\n{oracle.write(example, seed)}", "utf-8", "surrogatepass")
                problems.append(oracle.check(example, seed))
        failures: dict[tuple[str, str], Failure] = {}
        for example, seed, problem in zip(examples, seeds, problems, strict=True):
            if problem is not None and problem.key not in failures:
                failures[problem.key] = Failure(task.oracle, seed, problem, oracle.write(example, seed))
        return Outcome(task.oracle, len(examples), time.perf_counter() - start, tuple(failures.values()))


def _mixed(task: Task) -> int:
    """Another seed for each oracle."""
    return zlib.crc32(f"{task.oracle} {task.seed}".encode())


def drawn(strategy: st.SearchStrategy[Any], seed: int, count: int) -> list[Any]:
    """The examples that Hypothesis draws first with this seed."""
    examples: list[Any] = []

    @hypothesis_seed(seed)
    @settings(
        max_examples=count,
        phases=(Phase.generate,),
        database=None,
        deadline=None,
        derandomize=False,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(example: Any) -> None:
        examples.append(example)

    collect()
    return examples[:count]


def recheck(failure: Failure) -> Problem | None:
    """What is wrong with the example of a failure now, or None where it has been put right."""
    with _ONE_AT_A_TIME:
        oracle = ORACLES[failure.oracle]
        return oracle.check(oracle.read(failure.text), failure.seed)


def shrink(failure: Failure, seconds: float) -> Failure:
    """The smallest failure of the same key that is found in that time."""
    with _ONE_AT_A_TIME:
        oracle = ORACLES[failure.oracle]
        seed = failure.seed

        def holds(example: Any) -> bool:
            problem = oracle.check(example, seed)
            return problem is not None and problem.key == failure.problem.key

        try:
            example = oracle.read(failure.text)
            small = oracle.smallest(example, holds, seconds) if holds(example) else example
        except Exception:  # a failure that cannot be made smaller is one all the same
            return failure
        problem = oracle.check(small, seed)
        if problem is None or problem.key != failure.problem.key:
            return failure
        return replace(failure, problem=problem, text=oracle.write(small, seed))
