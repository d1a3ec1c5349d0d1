"""`nir reduce`: a file that shows a failure, made as small as can be while it still shows it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import Progress as Bar

from nir.cli.files import STANDARD, read_module, write_bytes
from nir.errors import NirError
from nir.ir import Module
from nir.reduction import Command, NotInteresting, Progress, Reducer
from nir.text import print_module, save
from nir.verify import verify


@click.command(name="reduce")
@click.argument("file", metavar="FILE")
@click.option(
    "--check", "check", required=True, metavar="CMD", help="Says with exit status 0: the failure is still there."
)
@click.option(
    "-o", "--output", default=STANDARD, metavar="OUT.nir", help="Where to write the result. Default: standard output."
)
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Commands that run at a time.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="When a command is killed, which then means no.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    metavar="N",
    help="Time for the whole; the best so far is written then. Default: no limit.",
)
@click.option("--invalid", is_flag=True, help="Keep files that the verifier rejects: for failures of the verifier.")
def command(
    file: str, check: str, output: str, jobs: int, timeout: float, seconds: float | None, invalid: bool
) -> None:
    """Make FILE as small as can be while CMD says that it still shows the failure.

    CMD is run on one candidate after the other. Its exit status tells what it makes of one:

    \b
      0          interesting: the failure is still there, go on from here
      any other  not interesting: the failure has gone, or another came in its place

    The candidate's path takes the place of {} in CMD, or is added to it as last word. No shell runs: say
    `sh -c '... $0'` where you want one. A candidate is a file of its own with its weights beside it, and the verifier
    accepts it, unless --invalid is given.

    Operations are left out and bypassed, calls inlined, shapes, constants, attributes and quantisation made simpler.
    The result is the same for any number of jobs. Ctrl-C writes the best so far.

    \b
    Examples:
      nir reduce crash.nir --check ./still-crashes -o small.nir
      nir reduce model.nir --check 'grep -q conv_2d {}'
      nir reduce model.nir --check "sh -c '! nir run $0 --seed 1 --engine tvm'" --jobs 2
    """
    module = read_module(file)
    if not invalid:
        verify(module)
    judge = Command(check, timeout=timeout)
    with _progress() as tell:
        reducer = Reducer(module, judge, jobs=jobs, invalid=invalid, seconds=seconds, progress=tell)
        try:
            reducer.run()
        except NotInteresting:
            raise _never_interesting(check, judge) from None
        except KeyboardInterrupt:
            if reducer.checks > 1:
                _write(output, reducer.best.module)
            raise
    _write(output, reducer.best.module)
    size = reducer.best.size
    told = f"{size.operations} operations, {reducer.checks} candidates checked"
    click.echo(told if reducer.finished else f"{told}; time was over", err=True)


def _never_interesting(check: str, judge: Command) -> NirError:
    return NirError(
        "the command does not find the file interesting, so there is nothing to reduce",
        expected="exit status 0 while the failure is there",
        found=judge.last.split("\n", 1)[0],
        notes=[f"it said: {line}" for line in judge.last.split("\n")[1:][-5:]],
        hint=f"try it by hand: {check} FILE; `sh -c '! ...'` turns a status around",
    )


def _write(output: str, module: Module) -> None:
    if output == STANDARD:
        write_bytes(output, print_module(module).encode())
    else:
        save(module, output)


@contextmanager
def _progress() -> Iterator[Callable[[Progress], None] | None]:
    """One line on standard error that goes away at the end; nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reducing", total=None)

        def tell(state: Progress) -> None:
            bar.update(task, description=f"{state.operations} operations, {state.checks} checked: {state.step}")

        yield tell
