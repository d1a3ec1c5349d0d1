"""A group of commands, each of which is a module that is imported only when the command is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click
from click.shell_completion import CompletionItem

from nir.errors import suggestion


class LazyGroup(click.Group):
    """A group whose `commands_table` says what each command does, so that help imports none of them.

    A command's module is `prefix` and its name below nir.cli, and defines `command`.
    """

    def __init__(self, *args: Any, commands_table: Mapping[str, str], prefix: str = "", **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.commands_table = commands_table
        self.prefix = prefix

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands_table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.commands_table:
            return None
        command: click.Command = importlib.import_module(f"nir.cli.{self.prefix}{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in self.commands_table and not name.startswith("-"):
            hint = suggestion(name, self.commands_table)
            ctx.fail(f"No such command {name!r}" + (f", {hint}" if hint else "."))
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        table = self.commands_table
        names = [CompletionItem(name, help=table[name]) for name in table if name.startswith(incomplete)]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self.commands_table.items()))
