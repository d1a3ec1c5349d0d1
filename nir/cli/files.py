"""Files as the commands name them: `-` is standard input or output, and a file is written whole or not at all."""

from __future__ import annotations

import io
import os
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import nir.text
from nir.errors import NirError, ParseError
from nir.ir import Module

STANDARD = "-"
"""The file name that means standard input or standard output."""


def read_module(path: str) -> Module:
    """The module in a `.nir` file or on standard input. Raises `ParseError`."""
    return nir.text.parse(read_bytes(path), name="<stdin>") if path == STANDARD else nir.text.load(path)


def read_bytes(path: str) -> bytes:
    """All bytes of a file or of standard input. Raises `ParseError` for a file that cannot be read."""
    try:
        return sys.stdin.buffer.read() if path == STANDARD else Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise ParseError(f"{path} cannot be read", found=_reason(error)) from None


def write_bytes(path: str, data: bytes) -> None:
    """Writes a file whole: to a temporary file beside it, which then takes its place. A pipe or device is written to.

    Raises `NirError` where that fails; the old file is then as it was.
    """
    if path == STANDARD:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    try:
        target = Path(os.path.realpath(path))
        if target.exists() and not target.is_file():
            target.write_bytes(data)
        else:
            _replace(target, data)
    except (OSError, ValueError) as error:
        raise NirError(f"{path} cannot be written", found=_reason(error)) from None


def _replace(target: Path, data: bytes) -> None:
    """Lets a temporary file with `data` take the place of `target`, with the access rights that it had."""
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, target.stat().st_mode & 0o7777 if target.exists() else 0o666 & ~_mask())
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def read_arrays(path: str) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays in a `.npz` file, by name. Never unpickles. Raises `ParseError` for any other file."""
    try:
        archive = np.load(io.BytesIO(read_bytes(path)), allow_pickle=False)
        if isinstance(archive, np.ndarray):
            raise ParseError(f"{path}: one array, not an archive of named arrays", hint="numpy.savez writes one")
        return {name: archive[name] for name in archive.files}
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError) as error:
        raise ParseError(f"{path}: not an .npz file of plain arrays", found=_reason(error)) from None


def write_arrays(path: str, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Writes arrays to a `.npz` file. Raises `NirError` where it cannot be written."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    write_bytes(path, buffer.getvalue())


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _mask() -> int:
    """The process's file mode creation mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
