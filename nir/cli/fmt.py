"""`nir fmt`: rewrites files in the canonical format, comments kept."""

from __future__ import annotations

import difflib
import io
import sys

import click

from nir.cli.files import STANDARD, display_name, read_bytes, write_bytes
from nir.errors import NirError
from nir.text import format_text


@click.command(name="fmt")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--check", is_flag=True, help="Change nothing; exit with 1 if a file would change.")
@click.option(
    "--diff", "show_diff", is_flag=True, help="Change nothing; print what would change; exit as --check does."
)
def command(files: tuple[str, ...], check: bool, show_diff: bool) -> int:
    """Rewrite every FILE in the canonical format, in place; `-` formats standard input to standard output.

    A file that does not parse is left alone and told of on standard error. The exit status is then 1.

    \b
    Examples:
      nir fmt model.nir
      nir fmt --check *.nir
      nir fmt - < model.nir
    """
    failed = changed = False
    for path in files:
        name = display_name(path)
        try:
            before = read_bytes(path)
            after = format_text(before, name).encode()
        except NirError as error:
            click.echo(str(error), err=True)
            failed = True
            continue
        changed |= before != after
        if show_diff:
            sys.stdout.writelines(_difference(before, after, name))
        elif check:
            if before != after:
                click.echo(f"would reformat {name}", err=True)
        elif path == STANDARD:
            write_bytes(path, after)
        elif before != after:
            write_bytes(path, after)
            click.echo(f"reformatted {name}", err=True)
    return 1 if failed or (changed and (check or show_diff)) else 0


def _difference(before: bytes, after: bytes, name: str) -> list[str]:
    """A unified diff. Lines end at LF alone, and a missing last one is marked, as `patch` wants it."""
    old, new = (io.StringIO(text.decode(), newline="\n").readlines() for text in (before, after))
    lines = difflib.unified_diff(old, new, name, f"{name}, formatted")
    return [line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines]
