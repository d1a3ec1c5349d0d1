"""`nir completion`: the script that a shell reads to complete commands, options and file names."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command(name="completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the script that completes `nir` commands in SHELL.

    \b
    bash:  echo 'eval "$(nir completion bash)"' >> ~/.bashrc
    zsh:   echo 'eval "$(nir completion zsh)"' >> ~/.zshrc
    fish:  nir completion fish > ~/.config/fish/completions/nir.fish
    """
    completion = get_completion_class(shell)
    assert completion is not None, "click knows every shell that the argument admits"
    click.echo(completion(context.find_root().command, {}, "nir", "_NIR_COMPLETE").source())
