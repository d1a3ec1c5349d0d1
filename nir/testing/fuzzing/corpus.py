"""The folder of failures that campaigns found: one file for each, which says what it is and how to see it again.

A file begins with lines of comment, `// name: value`, then come `// ---` and the example as its oracle writes it. A module
so saved is a `.nir` file like any other.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from pathlib import Path

from nir.errors import NirError, ParseError
from nir.files import write_bytes
from nir.testing.fuzzing.oracle import Problem
from nir.testing.fuzzing.table import ORACLES
from nir.testing.fuzzing.work import Failure

_LINE = re.compile(r"^// (oracle|seed|kind|operator): (.*)$")
_END = "// ---"
_LARGEST = 2**26
"""Bytes that a file may have."""


def name_of(failure: Failure) -> str:
    """The file name of a failure: the same for all of its key."""
    oracle = ORACLES[failure.oracle]
    digest = hashlib.sha256("\0".join(failure.key).encode("utf-8", "replace")).hexdigest()[:8]
    stem = re.sub(r"[^A-Za-z0-9_]+", "-", f"{failure.oracle}-{failure.problem.kind}-{failure.problem.operator}")
    return f"{stem[:60].strip('-')}-{digest}{oracle.suffix}"


def save(failure: Failure, folder: Path) -> Path:
    """Writes a failure to its file, whole or not at all. Raises `NirError` where that fails."""
    path = folder / name_of(failure)
    message = failure.problem.message.encode("utf-8", "replace").decode()
    lines = [
        f"// {ORACLES[failure.oracle].summary()}: not so here.",
        f"// reproduce: nir fuzz --replay {shlex.quote(path.name)}",
        f"// oracle: {failure.oracle}",
        f"// seed: {failure.seed}",
        f"// kind: {_one_line(failure.problem.kind)}",
        f"// operator: {_one_line(failure.problem.operator)}",
        *(f"//   {_one_line(line)}" for line in message.splitlines()[:30]),
        _END,
        failure.text,
    ]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NirError(f"{path} cannot be written", found=error.strerror) from None
    write_bytes(path, "\n".join(lines).encode("utf-8", "surrogatepass"))
    return path


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)[:400]


def load(path: Path) -> Failure:
    """The failure in a file. Raises `ParseError` for a file that is none."""
    try:
        if path.stat().st_size > _LARGEST:
            raise ParseError(f"{path}: too large for a saved failure")
        text = path.read_bytes().decode("utf-8", "surrogatepass")
    except (OSError, ValueError) as error:
        raise ParseError(f"{path} cannot be read", found=getattr(error, "strerror", None) or str(error)) from None
    head, end, body = text.partition(f"\n{_END}\n")
    fields = {match[1]: match[2] for match in map(_LINE.match, head.splitlines()) if match}
    if not end or fields.get("oracle", "") not in ORACLES or not re.fullmatch(r"\d{1,12}", fields.get("seed", "")):
        raise ParseError(
            f"{path} is no failure that nir fuzz saved", expected=f"lines `// oracle: ...`, `// seed: ...`, `{_END}`"
        )
    problem = Problem(fields.get("kind", "?"), fields.get("operator", "?"), head)
    return Failure(fields["oracle"], int(fields["seed"]), problem, body)


def load_all(folder: Path) -> dict[Path, Failure]:
    """The failures in a folder, which need not be there yet; files that are something else are left alone."""
    found: dict[Path, Failure] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_file() and not path.name.startswith("."):
            try:
                found[path] = load(path)
            except ParseError:
                continue
    return found
