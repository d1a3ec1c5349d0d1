"""`nir relay`: commands about Relay models. Each is a module here, imported when it is asked for."""

from __future__ import annotations

import click

from nir.cli.lazy import LazyGroup

COMMANDS = {
    "info": "Say what a Relay file is, and what would become of it.",
    "upgrade": "Write a Relay model as a Python file for today's TVM.",
    "operators": "List the operators: what converts, what runs.",
}
"""Every command with the line that describes it."""


@click.group(cls=LazyGroup, commands_table=COMMANDS, prefix="relay.", name="relay", no_args_is_help=True)
def command() -> None:
    """Move Relay models, which no TVM after 0.19 reads, to today's TVM.

    \b
    Example:
      nir relay upgrade model.relay --params model.params -o upgraded.py
    """
