"""Finds file tests below a folder and runs them."""

from __future__ import annotations

from pathlib import Path

from .commands import COMMANDS
from .expectations import FileTest, Outcome, differences, read, updated


def find(folder: Path) -> list[Path]:
    """All file tests below a folder, in order of their names."""
    return sorted(folder.rglob("*.nir"))


def outcome_of(test: FileTest) -> Outcome:
    """Runs a test's command. Raises `ValueError` for a command that there is not."""
    command = COMMANDS.get(test.command)
    if command is None:
        raise ValueError(f"{test.path}: there is no command '{test.command}'; there are {', '.join(COMMANDS)}")
    return command(test)


def failures(path: Path) -> list[str]:
    """What is wrong with one file test; empty where it passes."""
    test = read(path)
    return differences(test, outcome_of(test))


def update(path: Path) -> bool:
    """Writes what comes of a file test into it; True where that changes the file."""
    test = read(path)
    content = updated(test, outcome_of(test))
    changed = content != path.read_bytes()
    if changed:
        path.write_bytes(content)
    return changed
