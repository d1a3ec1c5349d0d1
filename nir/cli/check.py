"""`nir check`: are these files well-formed NIR?"""

from __future__ import annotations

import click

from nir.cli.files import display_name, read_module
from nir.errors import NirError
from nir.verify import verify


@click.command(name="check")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing about files that are well-formed.")
def command(files: tuple[str, ...], quiet: bool) -> int:
    """Parse and verify every FILE; `-` is standard input.

    All that is wrong is told on standard error, with file, line and column. The exit status is 1 if any file is
    wrong.

    \b
    Examples:
      nir check model.nir
      nir check --quiet *.nir
    """
    failed = False
    for path in files:
        try:
            module = read_module(path)
            verify(module)
        except NirError as error:
            click.echo(str(error), err=True)
            failed = True
            continue
        if not quiet:
            operations = sum(len(function) for function in module)
            click.echo(
                f"{display_name(path)}: ok, {_count(len(module.functions), 'function')}, {_count(operations, 'operation')}"
            )
    return 1 if failed else 0


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
