"""The command line. Each command is a module here, imported only when it is asked for, so that help is quick.

This file holds the table of commands and turns every failure into a message and an exit status: 0 for success,
1 for a failure, 2 for wrong usage. It does none of the work.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Iterator
from typing import Any

import click

from nir.cli.lazy import LazyGroup
from nir.errors import NirError, NirWarning

COMMANDS = {
    "check": "Check that files are well-formed NIR.",
    "fmt": "Rewrite files in the canonical format.",
    "run": "Run a file in the reference interpreter, or compiled by TVM.",
    "compile": "Compile a file to a library or to TVMScript.",
    "convert": "Convert a model to NIR: ONNX, TFLite, PyTorch, Relax, Relay.",
    "partition": "Split a model between host and accelerators.",
    "targets": "Describe what targets run.",
    "relay": "Move Relay models to today's TVM.",
    "explain": "Show how each numeric profile rounds one element.",
    "diff": "Show the first difference of two modules or two runs.",
    "draw": "Draw a file as a picture.",
    "test": "Run file tests: .nir files that say what should come of them.",
    "reduce": "Make a file that shows a failure as small as can be.",
    "fuzz": "Hold drawn modules against TVM, LiteRT and NIR itself.",
    "conformance": "Run recorded NNAPI cases and compare.",
    "ops": "Describe the operators.",
    "completion": "Print the script that completes commands in a shell.",
}
"""Every command with the line that describes it; the module of the same name in this package defines `command`."""

EXAMPLES = """\b
Examples:
  nir check model.nir
  nir convert model.relay --params model.params -o model.nir
  nir run model.nir --inputs in.npz --outputs out.npz --profile relay
  nir partition model.nir --targets apu -o split
  nir draw model.nir -o model.svg
"""


@click.group(
    cls=LazyGroup,
    commands_table=COMMANDS,
    name="nir",
    epilog=EXAMPLES,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="neuron-ir", prog_name="nir", message="%(prog)s %(version)s")
def cli() -> None:
    """Neuron IR: check, format, run, convert and draw quantised neural networks."""


def main() -> None:
    """Entry point of the `nir` program: runs the command line and exits.

    What the terminal's encoding does not have, and bytes of file names that are not UTF-8, are printed as escapes.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # not so where a program starts without standard output
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: list[str]) -> int:
    """Runs one command line and returns its exit status. Failures are told on standard error, never raised."""
    try:
        with _warnings_told():
            result: Any = cli.main(args=arguments, prog_name="nir", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except Exception as error:
        return _failure(error)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _failure(error: Exception) -> int:
    """Tells of `error` on standard error and returns the exit status for it."""
    if os.environ.get("NIR_DEBUG"):
        traceback.print_exception(error)
    if isinstance(error, BrokenPipeError):
        # The reader of a pipe has gone (`nir ops | head`). Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    if isinstance(error, click.Abort):
        return 128 + signal.SIGINT
    if isinstance(error, NirError):
        _complain(str(error))
        return 1
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        _complain(f"error: {where}{error.strerror or error}")
        return 1
    _complain(
        f"internal error, please report: {type(error).__name__}: {error}\n"
        "  hint: NIR_DEBUG=1 in the environment shows where it happened"
    )
    return 1


@contextlib.contextmanager
def _warnings_told() -> Iterator[None]:
    """Tells each of the project's own warnings once, on standard error, without where in the program it arose."""
    told: set[str] = set()

    def tell(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if not issubclass(category, NirWarning):
            shown(message, category, *place, **more)
        elif str(message) not in told:
            told.add(str(message))
            _complain(f"warning: {message}")

    with warnings.catch_warnings():
        shown = warnings.showwarning
        warnings.simplefilter("always", NirWarning)
        warnings.showwarning = tell
        yield


def _complain(message: str) -> None:
    """Writes `message` to standard error, the word `error:` in red on a terminal that takes colours."""
    if sys.stderr.isatty() and not os.environ.get("NO_COLOR"):
        message = message.replace("error:", click.style("error:", fg="red", bold=True), 1)
    click.echo(message, err=True)
