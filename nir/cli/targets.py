"""`nir targets`: what targets there are, and the rules of each."""

from __future__ import annotations

import click
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text

from nir.cli.target_page import page, section
from nir.targets import ALIASES, TARGETS, get_target


@click.command(name="targets")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--markdown", is_flag=True, help="Print the whole page, or the named sections, as Markdown.")
def command(names: tuple[str, ...], markdown: bool) -> None:
    """List the targets of `nir partition`, or the rules of those called NAME.

    \b
    Examples:
      nir targets
      nir targets neuron
      nir targets --markdown > targets.md
    """
    sections = ["\n".join(section(get_target(name))) for name in names]
    if markdown:
        click.echo("\n\n".join(sections) if sections else page(), nl=bool(sections))
    elif sections:
        console = Console()
        for text in sections:
            console.print(Markdown(text))
    else:
        Console(highlight=False).print(_overview())


def _overview() -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("target", no_wrap=True)
    table.add_column("what it is")
    for name, target in TARGETS.items():
        others = [alias for alias, meant in ALIASES.items() if meant == name]
        table.add_row(Text(", ".join((name, *others))), Text(target.summary))
    return table
