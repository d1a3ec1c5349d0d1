"""`nir conformance`: recorded NNAPI cases in the reference interpreter."""

from __future__ import annotations

import fnmatch
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from nir.cli.emitting import emit
from nir.cli.files import write_bytes
from nir.conformance import Outcome, Status, count_by_operator, examine, report, run_cases
from nir.conformance.examination import outcome_of
from nir.conformance.summary import Counts, count
from nir.errors import NirError
from nir.interp import DEFAULT_PROFILE, PROFILES
from nir.nnapi.records import Record, read_lines


@click.command(name="conformance")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--json", "json_path", metavar="FILE", help="Write all results there too.")
@click.option("--jobs", type=click.IntRange(min=1), metavar="N", help="Processes. Default: one for each core.")
@click.option("--filter", "wanted", metavar="NAME", help="Only cases whose name contains NAME, or of this operator.")
@click.option(
    "--profile",
    type=click.Choice(list(PROFILES)),
    default=DEFAULT_PROFILE,
    show_default=True,
    help="How real values become integers.",
)
@click.option("--emit", "folder", metavar="DIR", help="Write each case as .nir file, inputs and expected outputs.")
def command(
    paths: tuple[str, ...],
    json_path: str | None,
    jobs: int | None,
    wanted: str | None,
    profile: str,
    folder: str | None,
) -> int:
    """Run the NNAPI cases in every PATH, a file or a folder of files (.jsonl, .jsonl.gz).

    A case passes if shapes and integers are equal and quantised and real values within its tolerance; one that must
    be rejected passes if it breaks a rule. Refused are cases that NIR cannot express. The exit status is 1 if any
    case fails.

    \b
    Examples:
      nir conformance cases/
      nir conformance V1_2.jsonl.gz --filter conv_2d --profile xnnpack
      nir conformance cases/ --json results.json --emit build/cases
    """
    if folder is not None:
        _make_folder(folder)
    work = _Work(profile, wanted, folder)
    start = time.perf_counter()
    outcomes: list[Outcome] = []
    with _progress() as advance:
        for outcome in run_cases(read_lines(paths), work, work.died, jobs or _cores()):
            advance(outcome)
            if outcome is not None:
                outcomes.append(outcome)
    if not outcomes:
        raise NirError("there is no such case", hint=f"no name contains '{wanted}'" if wanted else None)
    if json_path is not None:
        write_bytes(json_path, (json.dumps(report(outcomes, profile), indent=1) + "\n").encode())
    _print(outcomes, time.perf_counter() - start)
    return 1 if any(outcome.status is Status.FAILED for outcome in outcomes) else 0


@dataclass(frozen=True)
class _Work:
    """What is done with each case, in whichever process."""

    profile: str
    wanted: str | None
    folder: str | None

    def __call__(self, record: Record) -> Outcome | None:
        if not self._is_wanted(record):
            return None
        examination = examine(record, self.profile)
        if self.folder is not None:
            emit(record, examination, Path(self.folder))
        return examination.outcome

    def died(self, record: Record) -> Outcome | None:
        """The outcome of a case that ended its process."""
        return outcome_of(record, Status.FAILED, "the process that ran it died")

    def _is_wanted(self, record: Record) -> bool:
        if self.wanted is None:
            return True
        pattern = self.wanted.lower()
        named = fnmatch.fnmatchcase(record.name.lower(), pattern if "*" in pattern else f"*{pattern}*")
        return named or pattern.upper() in record.all_operators()


def _make_folder(folder: str) -> None:
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise NirError(f"{folder} cannot be made", found=getattr(error, "strerror", None) or str(error)) from None


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _progress() -> Iterator[Callable[[Outcome | None], None]]:
    """Shows the number of cases on standard error until the end; nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield lambda outcome: None
        return
    done = failed = 0
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("cases", total=None)

        def advance(outcome: Outcome | None) -> None:
            nonlocal done, failed
            done += 1
            failed += outcome is not None and outcome.status is Status.FAILED
            bar.update(task, completed=done, description=f"{done} cases, {failed} failed")

        yield advance


def _print(outcomes: Sequence[Outcome], seconds: float) -> None:
    """The table, then what failed and was refused, each with its reason."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(_table(outcomes))
    for status in (Status.REFUSED, Status.FAILED):
        for outcome in outcomes:
            if outcome.status is status:
                console.print(f"{status.value}: {outcome.name} ({outcome.location}): {outcome.message}", markup=False)
    total = count(outcomes)
    console.print(
        f"{total.total} cases in {seconds:.1f} s: {total.passed} passed, {total.failed} failed, {total.refused} refused"
    )


def _table(outcomes: Sequence[Outcome]) -> Table:
    table = Table("operator", box=None, pad_edge=False)
    for title in ("passed", "failed", "refused"):
        table.add_column(title, justify="right")
    for name, counts in count_by_operator(outcomes).items():
        table.add_row(name, *_numbers(counts))
    table.add_section()
    table.add_row("all cases", *_numbers(count(outcomes)))
    return table


def _numbers(counts: Counts) -> tuple[str, str, str]:
    return str(counts.passed), str(counts.failed), str(counts.refused)
