"""A campaign: examples for every oracle in turn until time is over, each new failure made small and saved."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nir.testing.fuzzing import corpus
from nir.testing.fuzzing.executors import Here, is_death, run_alone
from nir.testing.fuzzing.oracle import Oracle, Problem
from nir.testing.fuzzing.work import Failure, Outcome, Task, recheck, run_task, shrink

SHRINK_SECONDS = 20.0
"""Time in which a failure is made small."""


@dataclass
class Row:
    """What came of one oracle."""

    oracle: str
    examples: int = 0
    seconds: float = 0.0
    new: int = 0
    known: int = 0
    """Failures in the corpus that still fail."""
    fixed: int = 0
    """Failures in the corpus that fail no more."""

    @property
    def per_second(self) -> float:
        """Examples per second of work."""
        return self.examples / self.seconds if self.seconds else 0.0


@dataclass
class Report:
    """What a campaign did."""

    rows: dict[str, Row]
    failures: dict[tuple[str, str, str], Failure] = field(default_factory=dict)
    """New ones by key, as small as they became."""
    files: dict[tuple[str, str, str], Path] = field(default_factory=dict)
    still_failing: list[Path] = field(default_factory=list)
    fixed: list[Path] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether anything fails, new or known."""
        return bool(self.failures or self.still_failing)


def run_campaign(
    oracles: Sequence[Oracle],
    *,
    seconds: float | None = None,
    examples: int | None = None,
    seed: int = 0,
    folder: Path | None = None,
    executor: Here | Any = None,
    progress: Callable[[Report], object] | None = None,
    shrink_seconds: float = SHRINK_SECONDS,
) -> Report:
    """Asks oracles about drawn examples: `examples` for each, or as many as `seconds` allow, whichever ends first.

    The same `seed` draws the same examples. Failures are saved in `folder`; those that lie there are looked at first, and
    are not saved again. Work is done by `executor`, in this process without one. Raises `NirError` where a file cannot be
    written.
    """
    return _Campaign(oracles, seconds, examples, seed, folder, executor or Here(), progress, shrink_seconds).run()


class _Campaign:
    """A campaign at work."""

    def __init__(
        self,
        oracles: Sequence[Oracle],
        seconds: float | None,
        examples: int | None,
        seed: int,
        folder: Path | None,
        executor: Any,
        progress: Callable[[Report], object] | None,
        shrink_seconds: float,
    ) -> None:
        self.oracles = oracles
        self.folder = folder
        self.executor = executor
        self.progress = progress
        self.shrink_seconds = shrink_seconds
        self.start = time.monotonic()
        self.end = None if seconds is None else self.start + seconds
        self.report = Report({oracle.name: Row(oracle.name) for oracle in oracles})
        self.seen: set[tuple[str, str, str]] = set()
        self.tasks = self._tasks(examples, seed)
        self.under_way: dict[Future[Any], Task | Failure | tuple[Path, Failure]] = {}

    def _tasks(self, examples: int | None, seed: int) -> Iterator[Task]:
        """One task for each oracle in turn."""
        left = {oracle.name: examples for oracle in self.oracles}
        for block in itertools.count():
            idle = True
            for oracle in self.oracles:
                rest = left[oracle.name]
                count = oracle.batch if rest is None else min(oracle.batch, rest)
                if count <= 0:
                    continue
                idle = False
                if rest is not None:
                    left[oracle.name] = rest - count
                yield Task(oracle.name, seed * 1_000_003 + block, count)
            if idle:
                return

    def run(self) -> Report:
        known = {} if self.folder is None else corpus.load_all(self.folder)
        for path, failure in known.items():
            if failure.oracle in self.report.rows:
                self.seen.add(failure.key)
                self._submit((path, failure), recheck, failure)
        while self.under_way or self._fill():
            self._fill()
            done, _ = wait(self.under_way, return_when=FIRST_COMPLETED)
            for future in sorted(done, key=list(self.under_way).index):
                self._take(self.under_way.pop(future), future)
            self.report.seconds = time.monotonic() - self.start
            if self.progress is not None:
                self.progress(self.report)
        return self.report

    def _fill(self) -> bool:
        """Keeps the workers busy; whether anything is under way."""
        width = self.executor.width
        while len(self.under_way) < width and (self.end is None or time.monotonic() < self.end):
            task = next(self.tasks, None)
            if task is None:
                break
            self._submit(task, run_task, task)
        return bool(self.under_way)

    def _submit(self, what: Task | Failure | tuple[Path, Failure], function: Callable[..., Any], *args: Any) -> None:
        self.under_way[self.executor.submit(function, *args)] = what

    def _take(self, what: Task | Failure | tuple[Path, Failure], future: Future[Any]) -> None:
        error = future.exception()
        died = is_death(error)
        if error is not None and not died:
            raise error
        if isinstance(what, Task):
            self._count(run_alone(what) if died else future.result())
        elif isinstance(what, Failure):
            self._found(what if died else future.result())
        else:
            self._rechecked(*what, Problem("ProcessDied", "?", "") if died else future.result())

    def _count(self, outcome: Outcome) -> None:
        row = self.report.rows[outcome.oracle]
        row.examples += outcome.examples
        row.seconds += outcome.seconds
        for failure in outcome.failures:
            if failure.key not in self.seen:
                self.seen.add(failure.key)
                self._submit(failure, shrink, failure, self.shrink_seconds)

    def _found(self, failure: Failure) -> None:
        """A new failure, as small as it became."""
        self.report.failures[failure.key] = failure
        self.report.rows[failure.oracle].new += 1
        if self.folder is not None:
            self.report.files[failure.key] = corpus.save(failure, self.folder)

    def _rechecked(self, path: Path, failure: Failure, problem: Problem | None) -> None:
        row = self.report.rows[failure.oracle]
        if problem is None:
            row.fixed += 1
            self.report.fixed.append(path)
        else:
            row.known += 1
            self.report.still_failing.append(path)
