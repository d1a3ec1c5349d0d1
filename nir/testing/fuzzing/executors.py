"""Where the work of a campaign is done: in this process, in others on this machine, or on a Dask cluster.

All give futures of `concurrent.futures`. A process that dies takes nothing with it but the work that it died of, and that
is told: on this machine the work is done again in a process of its own, on a cluster Dask does it again elsewhere.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import tempfile
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from nir.errors import NirError, missing_extra
from nir.testing.fuzzing.oracle import Problem
from nir.testing.fuzzing.work import Failure, Outcome, Task, run_task

DIED = "ProcessDied"
"""The kind of a failure that ended the process."""


class Here(Executor):
    """Does everything at once, in this process."""

    width = 1

    def submit(self, function: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        """A future that is done already."""
        future: Future[Any] = Future()
        try:
            future.set_result(function(*args, **options))
        except Exception as error:
            future.set_exception(error)
        return future


class Processes(Executor):
    """Several processes, which are replaced when they die."""

    def __init__(self, jobs: int) -> None:
        self.width = jobs + 1
        self._jobs = jobs
        self._pool = _pool(jobs)

    def submit(self, function: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        """The future of a call in one of the processes."""
        try:
            return self._pool.submit(function, *args, **options)
        except BrokenProcessPool:
            self._pool.shutdown(wait=False)
            self._pool = _pool(self._jobs)
            return self._pool.submit(function, *args, **options)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends the processes."""
        self._pool.shutdown(wait=wait, cancel_futures=cancel_futures)


def _pool(jobs: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"))


def is_death(error: BaseException | None) -> bool:
    """Whether work failed because its process died."""
    return isinstance(error, BrokenProcessPool) or type(error).__name__ == "KilledWorker"


def run_alone(task: Task) -> Outcome:
    """A task that a process may have died of, in a process of its own: the example that kills it is a failure."""
    with tempfile.TemporaryDirectory(prefix="nir-fuzz-") as folder:
        journal = Path(folder) / "journal"
        pool = _pool(1)
        try:
            return pool.submit(run_task, task, str(journal)).result()
        except BrokenProcessPool:
            if not journal.exists():
                return Outcome(task.oracle, 0, 0.0)
            seed, _, text = journal.read_text("utf-8", "surrogatepass").partition("\n")
            problem = Problem(DIED, "?", "the process that looked at this example died")
            return Outcome(task.oracle, 1, 0.0, (Failure(task.oracle, int(seed), problem, text),))
        finally:
            pool.shutdown(wait=False)


class Cluster(Executor):
    """The workers of a Dask scheduler. Work that a worker is lost with is given to another one."""

    def __init__(self, address: str) -> None:
        if importlib.util.find_spec("distributed") is None:
            raise missing_extra("distributed", "dask", "nir fuzz --scheduler")
        from distributed import Client  # noqa: PLC0415 - an optional dependency

        try:
            self.client = Client(address, timeout="10s", set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise NirError(f"there is no Dask scheduler at {address}", found=str(error)[:200]) from None
        self._executor = self.client.get_executor(pure=False, retries=3)

    @property
    def width(self) -> int:
        """Pieces of work that are under way: one more for each worker than it has threads."""
        threads = self.client.nthreads().values()
        return max(sum(threads) + len(threads), 1)

    def submit(self, function: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        """The future of a call on one of the workers."""
        future: Future[Any] = self._executor.submit(function, *args, **options)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leaves the cluster, which goes on without this campaign."""
        self._executor.shutdown(wait=False)
        self.client.close()
