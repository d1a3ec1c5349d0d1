"""`nir ops`: what operators there are, and what each of them takes and gives."""

from __future__ import annotations

import click
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from nir.cli.operator_page import page, section
from nir.errors import NirError, suggestion
from nir.ir.operation import Operation
from nir.ops import FAMILIES, OPERATORS_BY_NAME


@click.command(name="ops")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--markdown", is_flag=True, help="Print the whole page, or the named sections, as Markdown.")
def command(names: tuple[str, ...], markdown: bool) -> None:
    """List the operators, or describe the operators called NAME.

    \b
    Examples:
      nir ops
      nir ops conv_2d
      nir ops --markdown > operators.md
    """
    chosen = [_operator(name) for name in names]
    if markdown:
        text = "\n\n".join("\n".join(section(operator)) for operator in chosen) if chosen else page()
        click.echo(text, nl=bool(chosen))
    elif chosen:
        console = Console()
        for operator in chosen:
            console.print(Markdown("\n".join(section(operator))))
    else:
        Console().print(_overview())


def _operator(name: str) -> type[Operation]:
    operator = OPERATORS_BY_NAME.get(name)
    if operator is None:
        hint = suggestion(name, OPERATORS_BY_NAME) or "`nir ops` lists them all"
        raise NirError(f"there is no operator '{name}'", hint=hint)
    return operator


def _overview() -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("operator", style="bold", no_wrap=True)
    table.add_column("what it does")
    for title, module in FAMILIES.items():
        table.add_row(f"[dim]{title}[/dim]")
        for operator in module.OPERATORS:
            table.add_row(f"  {operator.name}", operator.summary())
    return table
