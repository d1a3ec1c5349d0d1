"""`nir test`: file tests, also those of users."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import click
from rich.console import Console
from rich.progress import track

from nir.errors import NirError
from nir.filetests import failures, find, update


@click.command(name="test")
@click.argument("places", nargs=-1, required=True, metavar="FILE|DIR...")
@click.option("--update", "updating", is_flag=True, help="Write what comes of the files into them; then read the diff.")
@click.option("--passes", metavar="MODULE", help="A Python module with passes that the files name, such as my_passes.")
@click.option("-q", "--quiet", is_flag=True, help="Tell only of failures.")
def command(places: tuple[str, ...], updating: bool, passes: str | None, quiet: bool) -> int:
    """Run file tests: `.nir` files whose first line says what to do with them.

    \b
      // test: check            read and verify: ok, or errors
      // test: parse            read only
      // test: fmt              the canonical form
      // test: run              lines `// run: @f([1, 2], 3) profile=tflite` are run
      // test: pass to_nhwc     the module after passes, NAME, NAME ...

    What should come stands in the file: `// error: message` at the end of a line that has this error, `// gives: ...`
    under a `// run:` line, or the whole output at the end of the file behind the line `// expect:`. The exit status
    is 1 if any file fails.

    \b
    Examples:
      nir test filetests/
      nir test filetests/ --update && git diff
      nir test filetests/ --passes my_passes
    """
    module = _user_passes(passes)
    files = [path for place in places for path in _files(place)]
    if not files:
        raise NirError(f"no .nir file below {', '.join(places)}")
    console = Console(stderr=True)
    failed = changed = 0
    for path in track(files, "testing", console=console, transient=True, disable=not console.is_terminal):
        try:
            if updating:
                if update(path, module):
                    changed += 1
                    click.echo(f"updated {path}")
                continue
            wrong = failures(path, module)
        except NirError as error:
            wrong = [str(error)]
        if wrong:
            failed += 1
            click.echo(f"{path}: FAILED\n" + "\n".join(f"  {line}" for w in wrong for line in w.split("\n")))
    if failed or not quiet:
        done = f"{changed} updated" if updating else f"{len(files) - failed} passed"
        click.echo(f"{len(files)} files, {done}, {failed} failed")
    return 1 if failed else 0


def _files(place: str) -> list[Path]:
    path = Path(place)
    if path.is_dir():
        return find(path)
    if not path.exists():
        raise NirError(f"{place}: there is no such file or folder")
    return [path]


def _user_passes(name: str | None) -> ModuleType | None:
    """The module called `name`, looked for in the current folder first, as Python itself would."""
    if name is None:
        return None
    sys.path.insert(0, "")
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise NirError(f"the module {name} cannot be imported", found=f"{type(error).__name__}: {error}") from None
    finally:
        sys.path.remove("")
