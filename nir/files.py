"""Reading and writing files whole: what every part does the same way.

A file is written to a temporary one beside it, which then takes its place. Devices and pipes are written to, and read
only so far: `/dev/zero` has no end. Standard input and output are the command line's affair (nir/cli/files.py).
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from nir.errors import NirError, ParseError

LARGEST_STREAM = 1 << 30
"""Bytes that are read at most from what is no regular file, and so does not say how large it is."""


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """All bytes of a file. Raises `ParseError` where it cannot be read, or has no end."""
    name = os.fspath(path)[:200]
    try:
        with open(path, "rb") as file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return file.read()
            content = file.read(LARGEST_STREAM + 1)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise ParseError(f"{name} cannot be read", found=reason(error)) from None
    except MemoryError:
        raise ParseError(f"{name} does not fit into memory") from None
    if len(content) > LARGEST_STREAM:
        raise ParseError(f"{name} is no file, and gives more than {LARGEST_STREAM} bytes")
    return content


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Writes a file whole or not at all, with the access rights that it had. A link keeps leading where it leads.

    Raises `NirError` where that fails; the old file is then as it was.
    """
    try:
        target = Path(os.path.realpath(path))
        if target.exists() and not target.is_file():
            target.write_bytes(data)
        else:
            _replace(target, data)
    except (OSError, ValueError) as error:
        raise NirError(f"{os.fspath(path)} cannot be written", found=reason(error)) from None


def reason(error: Exception) -> str:
    """What went wrong with a file, in the system's words."""
    return getattr(error, "strerror", None) or str(error)


def _replace(target: Path, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, target.stat().st_mode & 0o7777 if target.exists() else 0o666 & ~_mask())
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def _mask() -> int:
    """The process's file mode creation mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
