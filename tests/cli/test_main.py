"""The frame of the command line: help, statuses, errors without tracebacks, completion, start-up."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from nir.cli import COMMANDS, cli, run_command
from nir.errors import ParseError


def nir(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Runs the program as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "nir.cli", *arguments], capture_output=True, text=True, check=False, **options
    )  # type: ignore[call-overload]


def test_the_table_lists_the_modules(repository: Path) -> None:
    folder = repository / "nir" / "cli"
    commands = {
        path.stem if path.parent == folder else path.parent.name
        for path in (*folder.glob("*.py"), *folder.glob("*/__init__.py"))
        if "command = " in path.read_text() or "def command(" in path.read_text()
    }
    assert commands == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_with_examples(name: str) -> None:
    command = importlib.import_module(f"nir.cli.{name}").command
    assert command.name == name
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0
    assert f"nir {name}" in result.output.partition("Options:")[0].partition("\n")[2]
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.name} has no help"


def test_help_lists_every_command() -> None:
    result = nir("--help")
    assert result.returncode == 0
    for name, summary in COMMANDS.items():
        assert f"{name} " in result.stdout
        assert summary in result.stdout


def test_version() -> None:
    assert nir("--version").stdout.split()[0] == "nir"


def test_help_imports_only_what_it_needs() -> None:
    probe = "import sys; from nir.cli import run_command; run_command(['--help']); print(*sys.modules, file=sys.stderr)"
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert {"numpy", "rich", "lark", "tvm"} & set(result.stderr.split()) == set()


@pytest.mark.parametrize(
    "arguments",
    [
        ["frobnicate"],
        ["check"],
        ["fmt", "--frob", "x.nir"],
        ["run", "x.nir", "--profile", "nonsense"],
        ["completion", "tcsh"],
    ],
)
def test_wrong_usage_is_status_2(arguments: list[str]) -> None:
    result = nir(*arguments)
    assert result.returncode == 2
    assert result.stderr.startswith("Usage: nir")
    assert "Traceback" not in result.stderr


def test_a_near_miss_is_corrected() -> None:
    assert "did you mean 'check'?" in nir("chekc").stderr


@pytest.mark.parametrize("command", ["check", "fmt", "run", "convert", "draw"])
def test_a_missing_file_is_status_1(command: str, tmp_path: Path) -> None:
    result = nir(command, "missing.nir", cwd=tmp_path)
    assert result.returncode == 1
    assert "missing.nir" in result.stderr
    assert "No such file" in result.stderr
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [ValueError("boom"), RecursionError(), MemoryError("no memory")])
def test_an_internal_error_is_one_line(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(cli, "main", fail)
    assert run_command(["check"]) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"internal error, please report: {type(error).__name__}")
    assert "Traceback" not in told
    monkeypatch.setenv("NIR_DEBUG", "1")
    assert run_command(["check"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_users_error_is_the_report(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise ParseError("odd", expected="even", hint="add one")

    monkeypatch.setattr(cli, "main", fail)
    assert run_command([]) == 1
    assert capsys.readouterr().err == "error: odd\n  expected: even\n  hint: add one\n"


def test_an_interrupt_is_status_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "main", interrupt)
    assert run_command([]) == 130


def test_a_closed_pipe_is_no_error() -> None:
    command = f"{sys.executable} -m nir.cli ops --markdown | head -n 1"
    result = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "# Operators\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_ask_nir(shell: str) -> None:
    assert f"_NIR_COMPLETE={shell}_complete" in nir("completion", shell).stdout


def test_commands_and_options_are_completed() -> None:
    def complete(words: str, position: int) -> list[str]:
        environment = {**os.environ, "_NIR_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(position)}
        script = "from nir.cli import main; main()"
        result = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
        )
        return [line.partition(",")[2] for line in result.stdout.split()]

    assert complete("nir c", 1) == [name for name in COMMANDS if name.startswith("c")]
    assert complete("nir fmt --c", 2) == ["--check"]


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (PermissionError(13, "Permission denied", "x.nir"), 1, "error: x.nir: Permission denied\n"),
        (OSError("odd"), 1, "error: odd\n"),
        (click.FileError("x.nir", "is odd"), 1, "Error: Could not open file 'x.nir': is odd\n"),
        (click.UsageError("no"), 2, "Error: no\n"),
        (click.Abort(), 130, ""),
    ],
)
def test_statuses_of_failures(
    error: Exception, status: int, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(cli, "main", fail)
    assert run_command([]) == status
    assert capsys.readouterr().err == told


@pytest.mark.parametrize(("no_color", "colour"), [("", "\x1b[31m"), ("1", "error: odd")])
def test_errors_are_red_on_a_terminal(
    no_color: str, colour: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise ParseError("odd")

    monkeypatch.setattr(cli, "main", fail)
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.utils.should_strip_ansi", lambda *arguments: False)
    assert run_command([]) == 1
    assert colour in capsys.readouterr().err


def test_help_completion_and_version_in_this_process(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, word in ((["--help"], "convert"), (["completion", "zsh"], "#compdef nir"), (["--version"], "nir ")):
        assert run_command(arguments) == 0
        assert word in capsys.readouterr().out
    assert run_command(["chekc"]) == 2
    assert "did you mean 'check'?" in capsys.readouterr().err
    context = click.Context(cli)
    assert [item.value for item in cli.shell_complete(context, "d")] == ["diff", "draw"]
