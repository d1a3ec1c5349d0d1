"""`nir fuzz`: a campaign of drawn examples against what NIR promises, failures made small and kept."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from nir.errors import missing_extra

if TYPE_CHECKING:
    from nir.testing.fuzzing import Report

_DEFAULT_SECONDS = 60.0


@click.command(name="fuzz")
@click.option(
    "--against", metavar="NAME,...", help="What to hold NIR against; default: all that is installed. --list tells."
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    metavar="N",
    help="When to stop. Default: 60, unless --examples is given.",
)
@click.option(
    "--examples", type=click.IntRange(min=1), metavar="N", help="Examples for each of what NIR is held against."
)
@click.option(
    "--corpus",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where failures are kept; those there are looked at first.",
)
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="S",
    help="The same S draws the same examples.",
)
@click.option(
    "--scheduler", metavar="ADDRESS", help="A Dask scheduler, such as tcp://host:8786, whose workers do the work."
)
@click.option("--replay", type=click.Path(path_type=Path), metavar="FILE", help="Look at one saved failure again.")
@click.option("--list", "listing", is_flag=True, help="Say what NIR can be held against.")
def command(
    against: str | None,
    seconds: float | None,
    examples: int | None,
    corpus: Path | None,
    jobs: int,
    seed: int,
    scheduler: str | None,
    replay: Path | None,
    listing: bool,
) -> int:
    """Draw modules and programs, and hold what NIR makes of them against other ways to the same end.

    The first failure of each kind, by what it was held against, the operator that differs first, and the kind of error,
    is made small and saved in the corpus as a file that says how to see it again. With the same corpus a campaign goes on: its failures are
    looked at first, and said to be fixed or still there. The exit status is 1 if anything fails.

    \b
    Examples:
      nir fuzz --seconds 600 --corpus failures --jobs 2
      nir fuzz --against tvm,round-trip --examples 500 --seed 3
      nir fuzz --replay failures/tvm-differs-conv_2d-0badcafe.nir
      nir fuzz --seconds 3600 --corpus failures --scheduler tcp://host:8786
    """
    if importlib.util.find_spec("hypothesis") is None:
        raise missing_extra("hypothesis", "test", "nir fuzz")
    fuzzing: Any = importlib.import_module("nir.testing.fuzzing")
    if listing:
        _list(fuzzing)
        return 0
    if replay is not None:
        return _replay(replay)
    oracles = fuzzing.chosen(None if against is None else [name.strip() for name in against.split(",") if name.strip()])
    if seconds is None and examples is None:
        seconds = _DEFAULT_SECONDS
    executor = fuzzing.Cluster(scheduler) if scheduler is not None else fuzzing.Processes(jobs)
    try:
        with _progress(seconds) as tell:
            report = fuzzing.run_campaign(
                oracles, seconds=seconds, examples=examples, seed=seed, folder=corpus, executor=executor, progress=tell
            )
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
    _print(report)
    return 1 if report.failed else 0


def _list(fuzzing: Any) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    for oracle in fuzzing.ORACLES.values():
        needs = f" (needs {', '.join(oracle.needs)})" if oracle.needs else ""
        table.add_row(oracle.name, Text(oracle.summary() + needs))
    _console().print(table)


def _replay(path: Path) -> int:
    corpus: Any = importlib.import_module("nir.testing.fuzzing.corpus")
    work: Any = importlib.import_module("nir.testing.fuzzing.work")
    table: Any = importlib.import_module("nir.testing.fuzzing.table")
    failure = corpus.load(path)
    table.chosen([failure.oracle])
    problem = work.recheck(failure)
    if problem is None:
        click.echo(f"{path}: fixed, {failure.oracle} finds nothing wrong")
        return 0
    click.echo(f"{path}: still fails: {failure.oracle}, {problem.kind}, {problem.operator}\n{problem.message}")
    return 1


@contextmanager
def _progress(seconds: float | None) -> Iterator[Callable[[Report], None] | None]:
    """A bar on standard error that goes away at the end; nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("fuzzing", total=seconds)

        def tell(report: Report) -> None:
            count = sum(row.examples for row in report.rows.values())
            told = f"{count} examples, {len(report.failures)} new failures"
            bar.update(task, completed=report.seconds, description=told)

        yield tell


def _print(report: Report) -> None:
    console = _console()
    for key, failure in report.failures.items():
        place = report.files.get(key)
        console.print(f"new: {failure.oracle}, {failure.problem.kind}, {failure.problem.operator}")
        console.print(failure.problem.message.rstrip() + "\n")
        console.print(f"reproduce: nir fuzz --replay {place}\n" if place is not None else f"{failure.text}\n")
    _list_paths(console, "still failing", report.still_failing)
    _list_paths(console, "fixed", report.fixed)
    table = Table("oracle", box=None, pad_edge=False)
    for title in ("examples", "examples/s", "new", "known", "fixed"):
        table.add_column(title, justify="right")
    for row in report.rows.values():
        rate = f"{row.per_second:.1f}"
        table.add_row(row.oracle, str(row.examples), rate, str(row.new), str(row.known), str(row.fixed))
    console.print(table)


def _list_paths(console: Console, title: str, paths: Sequence[Path]) -> None:
    for path in paths:
        console.print(f"{title}: {path}")


def _console() -> Console:
    return Console(markup=False, highlight=False, soft_wrap=True)
