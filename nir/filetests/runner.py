"""Finds file tests below a folder, runs them, and rewrites their expectations."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from nir.errors import ParseError, suggestion
from nir.files import write_bytes
from nir.filetests.commands import COMMANDS
from nir.filetests.expectations import FileTest, Outcome, differences, read, updated


def find(folder: Path) -> list[Path]:
    """All `.nir` files below a folder, in order of their names."""
    return sorted(path for path in folder.rglob("*.nir") if path.is_file())


def outcome_of(test: FileTest) -> Outcome:
    """Runs a test's command. Raises `ParseError` for a command that there is not."""
    command = COMMANDS.get(test.command)
    if command is None:
        message = f"{test.path}: there is no command '{test.command}'"
        raise ParseError(message, expected=", ".join(COMMANDS), hint=suggestion(test.command, COMMANDS))
    return command(test)


def failures(path: Path, user_passes: ModuleType | None = None) -> list[str]:
    """What is wrong with one file test; empty where it passes. Raises `ParseError` for a file that is none."""
    test = read(path)
    test.user_passes = user_passes
    return differences(test, outcome_of(test))


def update(path: Path, user_passes: ModuleType | None = None) -> bool:
    """Writes what comes of a file test into it, whole or not at all; True where that changes the file.

    Raises `ParseError` for a file that is no test, `NirError` where it cannot be written.
    """
    test = read(path)
    test.user_passes = user_passes
    content = updated(test, outcome_of(test))
    changed = content != path.read_bytes()
    if changed:
        write_bytes(path, content)
    return changed
