"""`nir fmt`: rewrites files in the canonical format, comments kept."""

from __future__ import annotations

import difflib
import sys

import click

from nir.cli.files import STANDARD, read_bytes, write_bytes
from nir.errors import NirError
from nir.text import decode, format_text


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
    failed = changed = 0
    for path in files:
        try:
            before = decode(read_bytes(path), "<stdin>" if path == STANDARD else path)
            after = format_text(before, path)
        except (NirError, OSError) as error:
            failed += 1
            click.echo(f"error: {path}: {error.strerror}" if isinstance(error, OSError) else str(error), err=True)
            continue
        changed += before != after
        if show_diff:
            sys.stdout.writelines(
                difflib.unified_diff(before.splitlines(True), after.splitlines(True), path, f"{path}, formatted")
            )
        elif check:
            if before != after:
                click.echo(f"would reformat {path}", err=True)
        elif path == STANDARD:
            write_bytes(path, after.encode())
        elif before != after:
            write_bytes(path, after.encode())
            click.echo(f"reformatted {path}", err=True)
    return 1 if failed or (changed and (check or show_diff)) else 0
