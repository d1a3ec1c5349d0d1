"""Files as the commands name them: `-` is standard input or output, and a file is written whole or not at all."""

from __future__ import annotations

import io
import os
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

import nir.text
from nir.errors import ParseError
from nir.ir import Module

STANDARD = "-"
"""The file name that means standard input or standard output."""


def read_module(path: str) -> Module:
    """The module in a `.nir` file or on standard input. Raises `ParseError`."""
    return nir.text.parse(read_bytes(path), name="<stdin>") if path == STANDARD else nir.text.load(path)


def read_bytes(path: str) -> bytes:
    """All bytes of a file or of standard input. Raises `OSError`."""
    return sys.stdin.buffer.read() if path == STANDARD else Path(path).read_bytes()


def write_bytes(path: str, data: bytes) -> None:
    """Writes a file whole: to a temporary file beside it, which then takes its place. Raises `OSError`."""
    if path == STANDARD:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        target.write_bytes(data)  # a device or a pipe, such as /dev/null
        return
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, target.stat().st_mode & 0o7777 if target.exists() else 0o666 & ~_mask())
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def read_arrays(path: str) -> dict[str, np.ndarray]:
    """The arrays in a `.npz` file, by name. Never unpickles. Raises `ParseError` for any other file."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            if isinstance(archive, np.ndarray):
                raise ParseError(
                    f"{path}: a single array, not an archive of named arrays", hint="numpy.savez makes one"
                )
            return {name: archive[name] for name in archive.files}
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise ParseError(f"{path}: not a .npz file of plain arrays", found=str(error)) from None


def write_arrays(path: str, arrays: dict[str, np.ndarray]) -> None:
    """Writes arrays to a `.npz` file. Raises `OSError`."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    write_bytes(path, buffer.getvalue())


def _mask() -> int:
    """The process's file mode creation mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
