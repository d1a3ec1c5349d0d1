"""The search for a smallest module: which edits are tried in which order, several of them at a time.

Edits of a step are tried all at once, then in halves, quarters and so on (Zeller and Hildebrandt, "Simplifying and
isolating failure-inducing input", 2002), each on top of what was accepted before. With several jobs, candidates are
checked ahead of their turn, but the first in order that is interesting is taken: the result does not depend on how many
jobs there are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from nir.errors import NirError
from nir.ir import Module
from nir.reduction import detail_steps, graph_steps, shape_steps
from nir.reduction.editing import NotApplicable, named_copy, plain_copy
from nir.reduction.size import Size, fingerprint, size_of
from nir.reduction.steps import Edit, Step
from nir.verify import check

Interesting = Callable[[Module], bool]

STEPS: tuple[Step, ...] = (*graph_steps.STEPS, *detail_steps.STEPS, *shape_steps.STEPS, *detail_steps.LAST)
"""All steps, in the order in which each round tries them."""


class NotInteresting(NirError):
    """The module that is to be reduced is not interesting itself."""

    phase = "reduce"


@dataclass(frozen=True)
class Progress:
    """How far a reduction is: what is tried, how many candidates were checked, how large the best is."""

    step: str
    checks: int
    operations: int


class OutOfTime(Exception):
    """The time for the whole reduction is over."""


@dataclass(frozen=True)
class Candidate:
    """A module that may take the place of the best one."""

    module: Module
    size: Size
    key: bytes


class Reducer:
    """One reduction. `best` is at any time the smallest interesting module so far."""

    def __init__(
        self,
        module: Module,
        is_interesting: Interesting,
        *,
        jobs: int = 1,
        invalid: bool = False,
        seconds: float | None = None,
        progress: Callable[[Progress], object] | None = None,
    ) -> None:
        self.is_interesting = is_interesting
        self.jobs = max(jobs, 1)
        self.invalid = invalid
        self.progress = progress
        self.checks = 0
        self.finished = False
        """Whether nothing smaller is to be found; not so where time was over."""
        self._end = None if seconds is None else time.monotonic() + seconds
        self._known: dict[bytes, bool] = {}
        self._step = ""
        self._pool = ThreadPoolExecutor(self.jobs)
        original = plain_copy(module, keep_signatures=invalid)
        self.best = Candidate(original, size_of(original), fingerprint(original))

    def run(self) -> Module:
        """Looks for the smallest module until nothing helps or time is over. Raises `NotInteresting`."""
        self._check_original()
        try:
            before = None
            while before != self.best.key:
                before = self.best.key
                for step in STEPS:
                    self._try_step(step)
            self.finished = True
        except OutOfTime:
            pass
        finally:
            self._pool.shutdown(wait=False, cancel_futures=True)
        return self.best.module

    def _check_original(self) -> None:
        self._step = "checking the module itself"
        self._tell()
        self.checks += 1
        if not self.is_interesting(self.best.module):
            raise NotInteresting("the module is not interesting itself, so there is nothing to reduce")
        self._known[self.best.key] = True

    def _tell(self) -> None:
        if self.progress is not None:
            self.progress(Progress(self._step, self.checks, self.best.size.operations))

    # --- steps ---

    def _try_step(self, step: Step) -> None:
        self._step = step.title
        self._tell()
        edits = list(step.find(self.best.module))
        length = len(edits) if step.together else min(len(edits), 1)
        while length and edits:
            edits = self._try_chunks(step, edits, length)
            length = min(length // 2, len(edits))

    def _try_chunks(self, step: Step, edits: list[Edit], length: int) -> list[Edit]:
        """Tries chunks of edits in order; returns the edits that were not made."""
        position = 0
        while position < len(edits):
            window: list[tuple[int, Candidate]] = []
            ahead = position
            while ahead < len(edits) and len(window) < self.jobs:
                candidate = self._candidate(step, edits[ahead : ahead + length])
                if candidate is not None:
                    window.append((ahead, candidate))
                ahead += length
            accepted = self._first_interesting(window)
            if accepted is None:
                position = ahead
            else:
                position, self.best = accepted
                del edits[position : position + length]
                self._tell()
        return edits

    def _candidate(self, step: Step, edits: Sequence[Edit]) -> Candidate | None:
        """What comes of edits, if it is valid, smaller, and not known to be uninteresting."""
        if self._end is not None and time.monotonic() > self._end:
            raise OutOfTime
        module = named_copy(self.best.module)
        try:
            step.apply(module, edits)
            size = size_of(module)
            if size >= self.best.size or (not self.invalid and check(module, limit=1)):
                return None
            candidate = Candidate(module, size, fingerprint(module))
        except (NotApplicable, NirError, ValueError, TypeError, KeyError, IndexError, OverflowError, MemoryError):
            return None  # edits are proposals: what does not fit together is none
        return None if self._known.get(candidate.key) is False else candidate

    # --- checks ---

    def _first_interesting(self, window: Sequence[tuple[int, Candidate]]) -> tuple[int, Candidate] | None:
        for (position, candidate), outcome in zip(window, self._outcomes(window), strict=True):
            if outcome:
                return position, candidate
        return None

    def _outcomes(self, window: Sequence[tuple[int, Candidate]]) -> Iterator[bool]:
        """Whether candidates are interesting, in order; all are begun before the first is waited for."""
        if len(window) == 1:
            yield self._ask(window[0][1])
            return
        begun: list[Future[bool]] = [self._pool.submit(self._ask, candidate) for _, candidate in window]
        try:
            for future in begun:
                yield future.result()
        finally:
            for future in begun:
                future.cancel()

    def _ask(self, candidate: Candidate) -> bool:
        known = self._known.get(candidate.key)
        if known is None:
            self.checks += 1
            try:
                known = bool(self.is_interesting(candidate.module))
            except Exception:  # what a candidate makes go wrong in another way is not what is looked for
                known = False
            self._known[candidate.key] = known
        return known


def reduce(
    module: Module,
    is_interesting: Interesting,
    *,
    jobs: int = 1,
    invalid: bool = False,
    seconds: float | None = None,
    progress: Callable[[Progress], object] | None = None,
) -> Module:
    """The smallest module that comes of `module` by leaving things out and is still interesting.

    `is_interesting(candidate)` says whether a candidate still shows what is looked for. Candidates are modules of their
    own, which it may keep; what it raises on one means no, but is passed on for `module` itself. It is called from
    `jobs` threads at a time; the result is the same for any number of them, as long as the answers are, and reducing it
    again gives it back. `module` is not changed, and the result never is larger.

    Every candidate passes the verifier, unless `invalid` allows others. After `seconds` the best so far is returned.
    `progress` is called now and then. Raises `NotInteresting` (a `NirError`) where `module` is not interesting.
    """
    return Reducer(module, is_interesting, jobs=jobs, invalid=invalid, seconds=seconds, progress=progress).run()
