"""Cases in processes of their own: where TVM's native code kills one, its case is a crash, and the others go on."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import traceback
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

from .node_cases import CRASHED, Outcome, examine, operator_of

_SECONDS = 60.0
"""After which a case counts as a crash."""


def examine_all(cases: Sequence[Any], processes: int = 2) -> list[Outcome]:
    """What becomes of every case, in order. Raises RuntimeError for what is a bug of NIR.

    What seems to crash is tried again, since a machine may stand still for a minute too.
    """
    outcomes = _examined(cases, processes)
    crashed = [index for index, outcome in enumerate(outcomes) if outcome.outcome == CRASHED]
    for index, outcome in zip(crashed, _examined([cases[index] for index in crashed], 1), strict=True):
        outcomes[index] = outcome
    return outcomes


def _examined(cases: Sequence[Any], processes: int) -> list[Outcome]:
    context = multiprocessing.get_context("fork")
    shares = [list(range(start, len(cases), processes)) for start in range(processes)]
    outcomes: dict[int, Outcome] = {}
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(_Worker(context, cases, share)) for share in shares if share]
        for worker in running:
            outcomes.update(worker.collect())
    return [outcomes[index] for index in range(len(cases))]


class _Worker:
    """A share of the cases, in one process at a time."""

    def __init__(self, context: Any, cases: Sequence[Any], share: list[int]) -> None:
        self.context, self.cases, self.left = context, cases, share
        self.process: Any = None
        self.receiver: Any = None

    def __enter__(self) -> _Worker:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.join()

    def _start(self) -> None:
        self.receiver, sender = self.context.Pipe(duplex=False)
        self.process = self.context.Process(target=_work, args=(sender, self.cases, list(self.left)), daemon=True)
        self.process.start()
        sender.close()

    def collect(self) -> dict[int, Outcome]:
        """The outcomes of the share; a process that dies or hangs is replaced, and its case is a crash."""
        found: dict[int, Outcome] = {}
        while self.left:
            index = self.left[0]
            try:
                received = self.receiver.recv() if self.receiver.poll(_SECONDS) else None
            except EOFError:
                received = None
            if isinstance(received, str):
                raise RuntimeError(f"{self.cases[index].name}: {received}")
            case = self.cases[index]
            found[index] = received or Outcome(case.name, operator_of(case), CRASHED)
            del self.left[0]
            if received is None and self.left:
                self.process.kill()
                self._start()
        return found


def _work(sender: Connection, cases: Sequence[Any], share: list[int]) -> None:
    """The body of a process: an outcome for every case, or the traceback of a bug."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)
    for index in share:
        try:
            sender.send(examine(cases[index]))
        except Exception:
            sender.send(traceback.format_exc())
            return
