"""`nir run`: a file in the reference interpreter, or compiled by TVM."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

import nir.tvm
from nir.cli.files import STANDARD, read_arrays, read_module, write_arrays
from nir.interp import DEFAULT_PROFILE, PROFILES, Interpreter, Trace, random_inputs
from nir.interp.inputs import check_inputs
from nir.interp.plan import find_function
from nir.interp.trace import TraceRecord, statistics
from nir.ir import Function, Module, Operation
from nir.source import printable
from nir.verify import verify

_SMALL = 10
"""Outputs of so many elements at most are printed whole."""

_WHOLE_LINES = 100_000
"""Columns where there is no terminal to fit into."""


@click.command(name="run")
@click.argument("file", metavar="FILE")
@click.option("--inputs", metavar="IN.npz", help="Arrays of stored elements, named like the parameters.")
@click.option("--seed", type=int, metavar="N", help="Draw the inputs at random, the same for the same N.")
@click.option("--outputs", metavar="OUT.npz", help="Where to write the results, named output_0, output_1, ...")
@click.option(
    "--profile",
    type=click.Choice(list(PROFILES)),
    default=DEFAULT_PROFILE,
    show_default=True,
    help="How real values become integers: whose integers the results shall equal.",
)
@click.option(
    "--engine",
    type=click.Choice(["interpreter", "tvm"]),
    default="interpreter",
    show_default=True,
    help="What computes: NIR itself, or LLVM by way of TVM. Integers are the same.",
)
@click.option("--function", metavar="NAME", help="The function to run. Default: @main, or the only one.")
@click.option("--trace", is_flag=True, help="Show every value: minimum, maximum, mean, and the time it took.")
@click.option(
    "--threads", type=click.IntRange(min=1), default=1, show_default=True, help="Threads for matrix products."
)
def command(
    file: str,
    inputs: str | None,
    seed: int | None,
    outputs: str | None,
    profile: str,
    engine: str,
    function: str | None,
    trace: bool,
    threads: int,
) -> None:
    """Verify FILE and run it, in the reference interpreter unless --engine says otherwise; `-` is standard input.

    \b
    Examples:
      nir run model.nir --inputs in.npz --outputs out.npz --profile relay
      nir run model.nir --seed 1 --trace
      nir run model.nir --seed 1 --engine tvm
    """
    if trace and engine != "interpreter":
        raise click.UsageError("--trace shows what the interpreter computes: leave out --engine.")
    module = read_module(file)
    verify(module)
    entry = find_function(module, function)
    arrays = _inputs(entry, inputs, seed)
    recorded = Trace() if trace else None
    if engine == "tvm":
        results = _compiled(module, entry, arrays, profile)
    else:
        with _progress() as progress:
            results = Interpreter(module, profile, threads).run(arrays, entry.name, recorded, progress)
    if outputs is not None:
        write_arrays(outputs, results)
    console = _console(to_error=outputs == STANDARD)
    if recorded is not None:
        console.print(trace_table(recorded.records))
    console.print(_results_table(entry, results))


def _compiled(
    module: Module, entry: Function, inputs: Mapping[str, np.ndarray[Any, Any]], profile: str
) -> dict[str, np.ndarray[Any, Any]]:
    """The results of `entry`, compiled for this machine and run once."""
    arrays = check_inputs(entry, inputs)
    progress = (lambda line: click.echo(line, err=True)) if sys.stderr.isatty() else None
    compiled = nir.tvm.compile(module, function=entry.name, profile=profile, progress=progress)
    names = [parameter.name for parameter in compiled.parameters]
    results = compiled.run(dict(zip(names, arrays, strict=True)))
    return {f"output_{index}": array for index, array in enumerate(results)}


def _console(to_error: bool) -> Console:
    """A console as wide as the terminal; for a file or pipe as wide as its tables, so that nothing is cut off."""
    stream = sys.stderr if to_error else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else _WHOLE_LINES
    return Console(stderr=to_error, markup=False, highlight=False, width=width)


def _inputs(function: Function, path: str | None, seed: int | None) -> Mapping[str, np.ndarray[Any, Any]]:
    if path is not None and seed is not None:
        raise click.UsageError("--inputs and --seed exclude each other.")
    if path is not None:
        return read_arrays(path)
    if seed is not None:
        return random_inputs(function, seed)
    if function.parameters:
        names = ", ".join(f"%{parameter.name}" for parameter in function.parameters)
        message = f"@{function.name} takes {names}: give --inputs IN.npz, or --seed N for random ones."
        raise click.UsageError(printable(message))
    return {}


@contextmanager
def _progress() -> Iterator[Callable[[int, int, Operation], None] | None]:
    """A bar on standard error that goes away at the end; nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("running")
        yield lambda done, total, op: bar.update(task, completed=done, total=total, description=op.name)


def _table(texts: Sequence[str], numbers: Sequence[str]) -> Table:
    """An empty table. Where it is wider than the terminal, its cells go on in the next line, and none is cut off."""
    table = Table(box=None, pad_edge=False)
    for title in texts:
        table.add_column(title, overflow="fold")
    for title in numbers:
        table.add_column(title, justify="right", overflow="fold")
    return table


def trace_table(records: list[TraceRecord]) -> Table:
    """One row per value, in the order of the run."""
    table = _table(("value", "operator", "type"), ("minimum", "maximum", "mean", "ms"))
    for record in records:
        numbers = (_number(value) for value in (record.minimum, record.maximum, record.mean))
        milliseconds = f"{record.seconds * 1000:.2f}" if record.operator else ""
        name = printable(f"%{record.name}")
        table.add_row(Text(name), record.operator or "parameter", Text(str(record.type)), *numbers, milliseconds)
    return table


def _results_table(function: Function, results: Mapping[str, np.ndarray[Any, Any]]) -> Table:
    table = _table(("output", "type"), ("minimum", "maximum", "mean", "elements"))
    for (name, array), type in zip(results.items(), function.result_types, strict=True):
        elements = np.array2string(array, threshold=_SMALL) if array.size <= _SMALL else str(array.size)
        table.add_row(name, Text(str(type)), *map(_number, statistics(array)), Text(elements))
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
