"""`nir draw`: a file as a picture."""

from __future__ import annotations

from pathlib import Path

import click

import nir.draw
from nir.cli.files import STANDARD, read_module, write_bytes


@click.command(name="draw")
@click.argument("file", metavar="FILE")
@click.option("-o", "--output", metavar="OUT", help="Where to write; `-` is standard output. Default: FILE's name.")
@click.option("--format", type=click.Choice(nir.draw.FORMATS), help="Default: what OUT's name ends with, else svg.")
@click.option("--function", metavar="NAME", help="Draw this function only.")
def command(file: str, output: str | None, format: str | None, function: str | None) -> None:
    """Draw FILE as SVG, PNG, PDF or DOT.

    Graphviz's `dot` program makes the layout; where there is none, the pygraphviz wheel does (extra `draw`).

    \b
    Examples:
      nir draw model.nir
      nir draw model.nir -o model.png
      nir draw - --format dot -o - < model.nir
    """
    if format is None:
        suffix = Path(output or "").suffix.removeprefix(".").lower()
        if suffix and suffix not in nir.draw.FORMATS:
            raise click.UsageError(
                f"'.{suffix}' is no format of pictures; choose --format {'|'.join(nir.draw.FORMATS)}"
            )
        format = suffix or "svg"
    if output is None:
        output = STANDARD if file == STANDARD else str(Path(file).with_suffix(f".{format}"))
    write_bytes(output, nir.draw.render(read_module(file), format, function))
    if output != STANDARD:
        click.echo(output)
