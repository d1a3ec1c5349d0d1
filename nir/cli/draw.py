"""`nir draw`: a file as a picture."""

from __future__ import annotations

from pathlib import Path

import click

import nir.draw
import nir.relay
from nir.cli.files import STANDARD, read_module, write_bytes
from nir.draw.style import THEMES
from nir.ir import Module
from nir.relay.ast import Module as RelayModule
from nir.tvm.conversion import convert
from nir.tvm.importers import recognition
from nir.tvm.importers.loading import open_model


@click.command(name="draw")
@click.argument("file", metavar="FILE")
@click.option("-o", "--output", metavar="OUT", help="Where to write; `-` is standard output. Default: FILE's name.")
@click.option("--format", type=click.Choice(nir.draw.FORMATS), help="Default: what OUT's name ends with, else svg.")
@click.option("--html", is_flag=True, help="A web page to move about in: --format html.")
@click.option("--function", metavar="NAME", help="Draw this function only.")
@click.option("--fold/--flat", "folded", default=None, help="An overview, or every operation. Default: by size.")
@click.option("--theme", type=click.Choice(("auto", *THEMES)), default="auto", show_default=True, help="Colours.")
@click.option("--params", metavar="FILE", help="The weights of a Relay model, in TVM's parameter format (.params).")
def command(
    file: str,
    output: str | None,
    format: str | None,
    html: bool,
    function: str | None,
    folded: bool | None,
    theme: str,
    params: str | None,
) -> None:
    """Draw FILE as SVG, PNG, PDF, DOT, as a web page, or as a graph for Model Explorer.

    FILE is NIR, or what `nir convert` reads: Relay is drawn as Relay, everything else as the NIR that it becomes.
    Graphviz's `dot` program makes the layout; where there is none, the pygraphviz wheel does (extra `draw`). Graphs of
    more than 250 operations are folded into blocks that repeat; a web page opens what is folded.

    \b
    Examples:
      nir draw model.nir
      nir draw model.nir --html
      nir draw model.nir -o model.png --theme dark
      nir draw model.relay -o model.svg
      nir draw - --format dot -o - < model.nir
    """
    format = _format(format, output, html)
    if output is None:
        output = STANDARD if file == STANDARD else str(Path(file).with_suffix(f".{SUFFIXES.get(format, format)}"))
    source = _read(file, params)
    write_bytes(output, nir.draw.render(source, format, function, folded=folded, theme=theme))
    if output != STANDARD:
        click.echo(output)


SUFFIXES = {"model-explorer": "json"}
"""Endings of file names that are not the format's name."""


def _read(file: str, params: str | None) -> Module | RelayModule:
    """NIR and Relay as they are; of other models what they are in NIR."""
    if file == STANDARD or Path(file).suffix == ".nir":
        return read_module(file)
    if open_model(file).format == recognition.RELAY:
        return nir.relay.load(file, params)
    return convert(file, params=params, foreign=True)


def _format(chosen: str | None, output: str | None, html: bool) -> str:
    """The format by option, by the output's name, or SVG."""
    if html and chosen not in (None, "html"):
        raise click.UsageError(f"--html and --format {chosen} contradict each other")
    if chosen is not None or html:
        return chosen or "html"
    suffix = Path(output or "").suffix.removeprefix(".").lower()
    if suffix and suffix not in nir.draw.FORMATS:
        choice = "|".join(nir.draw.FORMATS)
        raise click.UsageError(f"'.{suffix}' is no format of pictures; choose --format {choice}")
    return suffix or "svg"
