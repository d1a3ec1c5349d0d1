"""Cases in several processes: results come in the order of the cases, whoever is done first.

A process that dies costs the case that it died of: the cases that it had are run again, one by one. No more cases are
held than the processes need.
"""

from __future__ import annotations

import collections
import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from nir.nnapi.records import Line, Record, parse

Result = TypeVar("Result")
Work = Callable[[Record], Result]
"""What is done with a case. It and its result are sent between processes, so that both must be picklable."""

CHUNK_LINES = 16
CHUNK_BYTES = 1_000_000
"""Cases are sent in chunks: so many of them, or fewer that are large."""

AHEAD = 4
"""Chunks per process that are under way."""


def run_cases(lines: Iterable[Line], work: Work[Result], on_death: Work[Result], jobs: int = 1) -> Iterator[Result]:
    """`work` on the case in each line, in order, in `jobs` processes (1: in this one).

    `on_death` gives the result of a case that a process died of. What `work` raises ends the run. Several processes
    need what starts them to be importable: a script does so under `if __name__ == "__main__"`.
    """
    if jobs == 1:
        yield from (work(parse(line)) for line in lines)
        return
    chunks = _chunks(lines)
    pool = _new_pool(jobs)
    try:
        under_way: collections.deque[tuple[list[Line], Future[list[Result]]]] = collections.deque()
        while True:
            while len(under_way) < AHEAD * jobs and (chunk := next(chunks, None)) is not None:
                under_way.append((chunk, _submit(pool, work, chunk)))
            if not under_way:
                return
            chunk, future = under_way.popleft()
            try:
                yield from future.result()
            except BrokenProcessPool:
                under_way.appendleft((chunk, future))
                _stop(pool)
                for chunk, future in under_way:
                    yield from future.result() if _is_done(future) else _one_by_one(chunk, work, on_death)
                under_way.clear()
                pool = _new_pool(jobs)
    finally:
        _stop(pool)


def _submit(pool: ProcessPoolExecutor, work: Work[Result], chunk: list[Line]) -> Future[list[Result]]:
    """The chunk under way; a pool that is broken already gives a future that says so."""
    try:
        return pool.submit(_work_on, work, chunk)
    except BrokenProcessPool as error:
        broken: Future[list[Result]] = Future()
        broken.set_exception(error)
        return broken


def _is_done(future: Future[Any]) -> bool:
    return future.done() and not future.cancelled() and not isinstance(future.exception(), BrokenProcessPool)


def _one_by_one(chunk: list[Line], work: Work[Result], on_death: Work[Result]) -> Iterator[Result]:
    """A chunk in a process of its own, a case at a time, to find which of them ends the process."""
    pool = _new_pool(1)
    try:
        for line in chunk:
            try:
                yield from pool.submit(_work_on, work, [line]).result()
            except BrokenProcessPool:
                _stop(pool)
                pool = _new_pool(1)
                yield on_death(parse(line))
    finally:
        _stop(pool)


def _chunks(lines: Iterable[Line]) -> Iterator[list[Line]]:
    chunk: list[Line] = []
    size = 0
    for line in lines:
        if chunk and (len(chunk) == CHUNK_LINES or size + len(line.text) > CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(line)
        size += len(line.text)
    if chunk:
        yield chunk


def _new_pool(jobs: int) -> ProcessPoolExecutor:
    """Fresh processes: forked ones would inherit the threads of this one, halfway through what they do."""
    return ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _ignore_interrupts)


def _stop(pool: ProcessPoolExecutor) -> None:
    pool.shutdown(wait=False, cancel_futures=True)


def _ignore_interrupts() -> None:
    """Ctrl-C reaches every process of the terminal; the one that started the others answers to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _work_on(work: Work[Result], chunk: list[Line]) -> list[Result]:
    return [work(parse(line)) for line in chunk]
