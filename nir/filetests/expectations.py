"""Reading and writing the expectations in a file test. There are three forms, and a file may have more than one:

* `// error: message` at the end of a line: that line has this error (several such comments: several errors);
* `// gives: value` under a `// run: ...` line: what running gives, one line for each result;
* a block at the end of the file, begun by the line `// expect:`: the whole output, each line behind `// `.

The block is cut off before the file is used, so that a test may end in the middle of anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from nir.errors import ParseError
from nir.files import read_bytes

_COMMAND = re.compile(rb"// test: *(\w+)[ \t]*([^\r\n]*)")
_BLOCK = b"// expect:\n"
_ERROR = re.compile(r"[ \t]*// error: ")
_RUN = re.compile(r"[ \t]*// run: *(.*)")
_GIVES = re.compile(r"[ \t]*// gives: ?(.*)")


@dataclass
class FileTest:
    """A file test: the command, the bytes it works on, and what is expected (None: says nothing about it).

    `arguments` is what stands behind the command; `user_passes` is a Python module of the user's with passes of theirs.
    """

    path: Path
    command: str
    source: bytes
    block: str | None = None
    errors: dict[int, list[str]] | None = None
    runs: list[tuple[str, list[str]]] = field(default_factory=list)
    arguments: str = ""
    user_passes: ModuleType | None = None

    @property
    def text(self) -> str:
        """The source as text; only for files that are UTF-8."""
        return self.source.decode()


@dataclass
class Outcome:
    """What came of a file: the whole output, the errors' messages by line, and results for every `run` line."""

    output: str
    errors: dict[int, list[str]] = field(default_factory=dict)
    gives: list[list[str]] = field(default_factory=list)


def read(path: Path) -> FileTest:
    """The test in a file. Raises `ParseError` where it cannot be read, or the first line is no command."""
    content = read_bytes(path)
    command = _COMMAND.match(content)
    if command is None:
        raise ParseError(f"{path}: no file test", expected="a first line `// test: COMMAND`")
    start = content.rfind(b"\n" + _BLOCK) + 1
    block = None
    if start:
        lines = content[start + len(_BLOCK) :].decode(errors="replace").split("\n")
        block = "\n".join(line.removeprefix("//").removeprefix(" ") for line in lines).rstrip("\n")
        content = content[:start]
    test = FileTest(path, command[1].decode(), content, block, arguments=command[2].decode(errors="replace").strip())
    lines = content.decode("utf-8", "replace").split("\n")
    errors = {number: _ERROR.split(line)[1:] for number, line in enumerate(lines, 1) if _ERROR.search(line)}
    test.errors = errors or None
    for line in lines:
        if run := _RUN.match(line):
            test.runs.append((run[1], []))
        elif (gives := _GIVES.match(line)) and test.runs:
            test.runs[-1][1].append(gives[1])
    return test


def differences(test: FileTest, outcome: Outcome) -> list[str]:
    """What came otherwise than expected; errors that were not expected count as much as those that did not come."""
    found = []
    if test.block is None and test.errors is None and (outcome.errors or not test.runs):
        found.append(f"expected nothing, came:\n{outcome.output}")
    if test.block is not None and test.block != outcome.output:
        found.append(f"expected:\n{test.block}\n\ncame:\n{outcome.output}")
    if test.errors is not None and test.errors != outcome.errors:
        for line in sorted({*test.errors, *outcome.errors}):
            wanted, came = test.errors.get(line, []), outcome.errors.get(line, [])
            found.extend(f"line {line}: expected error did not come: {message}" for message in _without(wanted, came))
            found.extend(f"line {line}: unexpected error: {message}" for message in _without(came, wanted))
    for (call, wanted), came in zip(test.runs, outcome.gives, strict=False):  # nothing is run after an error
        if wanted != came:
            found.append(f"run {call}\nexpected: {wanted}\ncame:     {came}")
    return found


def _without(left: Sequence[str], right: Sequence[str]) -> list[str]:
    return [message for message in left if message not in right]


def updated(test: FileTest, outcome: Outcome) -> bytes:
    """The file with its expectations replaced by what came, in the forms that it used; a block where it used none."""
    source = test.source
    if test.errors is not None:
        source = _with_errors(test.text, outcome.errors).encode()
    if test.runs and outcome.gives:
        source = _with_results(source.decode(), outcome.gives).encode()
    if test.block is None and (test.errors is not None or (test.runs and not outcome.errors)):
        return source
    lines = "".join(f"// {line}".rstrip() + "\n" for line in outcome.output.split("\n"))
    return source + (b"" if source.endswith(b"\n") else b"\n") + _BLOCK + lines.encode()


def _with_errors(text: str, errors: Mapping[int, Sequence[str]]) -> str:
    lines = [_ERROR.split(line)[0] for line in text.split("\n")]
    for number, messages in errors.items():
        lines[number - 1] = "  // error: ".join([lines[number - 1], *messages])
    return "\n".join(lines)


def _with_results(text: str, gives: Sequence[Sequence[str]]) -> str:
    lines, results = [], iter(gives)
    for line in text.split("\n"):
        if _GIVES.match(line):
            continue
        lines.append(line)
        if _RUN.match(line):
            lines.extend(f"// gives: {value}" for value in next(results))
    return "\n".join(lines)
