"""A command as the judge of candidates: exit status 0 says that a candidate still shows the failure."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import tempfile
from pathlib import Path

from nir.errors import NirError
from nir.ir import Module
from nir.text import save

PLACE = "{}"
"""Stands for the candidate's path in a command."""

_TOLD = 2000
"""Characters of a command's output that are kept."""


class Command:
    """Runs a command on candidates, each in a folder of its own: `candidate.nir`, and its weights beside it.

    `text` is split as a shell would split it; no shell runs. The candidate's path takes the place of `{}`, or comes
    last. A command that takes longer than `timeout` seconds is killed, with all that it started, and means no. Threads
    may share a Command. `last` tells what the last command said.
    """

    def __init__(self, text: str, *, timeout: float | None = 60.0) -> None:
        try:
            self.words = shlex.split(text)
        except ValueError as error:
            raise NirError("the command cannot be read", found=f"{text}: {error}") from None
        if not self.words:
            raise NirError("the command is empty", expected="a program, and what it is to be called with")
        self.timeout = timeout
        self.last = ""

    def __call__(self, module: Module) -> bool:
        """Whether the command ends with status 0 on the module. Raises `NirError` where it cannot be started."""
        with tempfile.TemporaryDirectory(prefix="nir-reduce-") as folder:
            path = Path(folder) / "candidate.nir"
            save(module, path)
            return self._run(self.command_for(path), Path(folder) / "output")

    def command_for(self, path: Path) -> list[str]:
        """The words of the command on a file."""
        if any(PLACE in word for word in self.words):
            return [word.replace(PLACE, str(path)) for word in self.words]
        return [*self.words, str(path)]

    def _run(self, words: list[str], output: Path) -> bool:
        with output.open("wb") as sink:
            try:
                process = subprocess.Popen(
                    words, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT, start_new_session=True
                )
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or str(error)
                raise NirError(f"{words[0]} cannot be started", found=reason) from None
            try:
                status = process.wait(self.timeout)
                said = f"exit status {status}" if status >= 0 else f"killed by signal {-status}"
            except subprocess.TimeoutExpired:
                status, said = -1, f"no end after {self.timeout:g} s"
            finally:
                _kill(process)
        with output.open("rb") as file:
            file.seek(max(output.stat().st_size - _TOLD, 0))
            told = file.read().decode("utf-8", "replace").strip()
        self.last = f"{said}\n{told}".strip()
        return status == 0


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Ends the process and whatever it left behind in its session."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
