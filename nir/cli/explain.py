"""`nir explain`: how each numeric profile comes to one element of a result."""

from __future__ import annotations

import json
import sys

import click
from rich.console import Console
from rich.table import Table

from nir.cli.files import read_arrays, read_module
from nir.interp import DEFAULT_PROFILE, PROFILES, Explanation, explain
from nir.verify import verify

_WIDTH = 140
"""Columns of text that goes to a file or a pipe."""


class _Index(click.ParamType):
    """Whole numbers with commas between them; nothing for a scalar."""

    name = "index"

    def convert(
        self, value: str | tuple[int, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        words = [word.strip() for word in value.strip("[] ").split(",") if word.strip()]
        if not all(word.isascii() and word.isdigit() and len(word) < 20 for word in words):
            self.fail(f"{value!r} is no index, such as 0,3,2.", param, ctx)
        return tuple(int(word) for word in words)


@click.command(name="explain")
@click.argument("file", metavar="FILE")
@click.option("--value", "name", metavar="%NAME", required=True, help="The value, a result of some operation.")
@click.option("--index", metavar="I,J,...", type=_Index(), default="", help="The element; nothing for a scalar.")
@click.option("--inputs", metavar="IN.npz", help="Arrays of stored elements, named like the parameters.")
@click.option("--seed", type=click.IntRange(min=0), default=0, metavar="N", help="Else draw the inputs at random.")
@click.option("--profiles", metavar="NAME,...", help="Which profiles to show. Default: all.")
@click.option(
    "--operands-profile",
    type=click.Choice(list(PROFILES)),
    default=DEFAULT_PROFILE,
    show_default=True,
    help="The run that the operands come from; every profile gets the same ones.",
)
@click.option("--function", metavar="NAME", help="The function to run. Default: @main, or the only one.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    file: str,
    name: str,
    index: tuple[int, ...],
    inputs: str | None,
    seed: int,
    profiles: str | None,
    operands_profile: str,
    function: str | None,
    as_json: bool,
) -> None:
    """Show how each numeric profile rounds one element of a value in FILE: accumulator, multiplier, value before
    rounding, rounded integer, zero point, bounds, result. The rules are in docs/numerics.md.

    \b
    Examples:
      nir explain model.nir --value %0 --index 0,3,2,1 --seed 1
      nir explain model.nir --value %sum --index 0,7 --inputs in.npz --profiles tflite,xnnpack
    """
    module = read_module(file)
    verify(module)
    explanation = explain(
        module,
        name,
        index,
        None if inputs is None else read_arrays(inputs),
        seed=seed,
        profiles=None if profiles is None else [word.strip() for word in profiles.split(",") if word.strip()],
        function=function,
        operands_profile=operands_profile,
    )
    if as_json:
        click.echo(json.dumps(explanation.to_dict(), indent=2))
        return
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    place = ", ".join(map(str, explanation.index))
    console.print(f"%{explanation.value}[{place}] = {explanation.operator} : {explanation.type}", markup=False)
    if not explanation.detailed:
        console.print(f"The steps of {explanation.operator} are not shown, only its results.", markup=False)
    console.print(explanation_table(explanation))


def explanation_table(explanation: Explanation) -> Table:
    """One column per profile, one row per step, in the order in which they come first."""
    table = Table(box=None, pad_edge=False)
    table.add_column("step", no_wrap=True)
    for entry in explanation.profiles:
        table.add_column(entry.profile, justify="right", overflow="fold")
    for row in explanation.rows():
        table.add_row(*row, style="bold" if row[0] == "result" else None)
    return table
