"""Files as the commands name them: `-` is standard input or output, and a file is written whole or not at all."""

from __future__ import annotations

import io
import lzma
import math
import sys
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from typing import IO, Any

import numpy as np

import nir.files
import nir.text
from nir.errors import NirError, ParseError
from nir.files import reason
from nir.ir import Module
from nir.ops.memory import check_allocation

STANDARD = "-"
"""The file name that means standard input or standard output."""


def read_module(path: str) -> Module:
    """The module in a `.nir` file or on standard input. Raises `ParseError`."""
    return nir.text.parse(read_bytes(path), name=display_name(path)) if path == STANDARD else nir.text.load(path)


def display_name(path: str) -> str:
    """What to call a file in messages."""
    return "<stdin>" if path == STANDARD else path


def read_bytes(path: str) -> bytes:
    """All bytes of a file or of standard input. Raises `ParseError` for a file that cannot be read."""
    if path != STANDARD:
        return nir.files.read_bytes(path)
    try:
        return sys.stdin.buffer.read()
    except OSError as error:
        raise ParseError(f"{display_name(path)} cannot be read", found=reason(error)) from None


def write_bytes(path: str, data: bytes) -> None:
    """Writes a file whole or not at all, or to standard output. Raises `NirError` where that fails."""
    if path != STANDARD:
        nir.files.write_bytes(path, data)
        return
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def read_arrays(path: str) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays in a `.npz` file, by name. Never unpickles. Raises `ParseError` for any other file."""
    content = read_bytes(path)
    if content.startswith(np.lib.format.MAGIC_PREFIX):
        raise ParseError(f"{path}: not an .npz file of named arrays, but a single array", hint="numpy.savez writes one")
    arrays = {}
    member = None
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.infolist():
                with archive.open(member) as file:
                    arrays[member.filename.removesuffix(".npy")] = _read_array(file, member.file_size)
    except _UNREADABLE as error:
        where = f"member '{member.filename}': " if member is not None else ""
        broken_header = isinstance(error, (SyntaxError, tokenize.TokenError))
        found = "pickled objects" if "pickle" in str(error) else "broken header" if broken_header else reason(error)
        raise ParseError(f"{path}: not an .npz file of plain arrays", found=where + found) from None
    except MemoryError:
        raise NirError(f"{path}: there is not enough memory for its arrays") from None
    return arrays


_UNREADABLE = (
    ValueError,
    EOFError,
    RuntimeError,  # an encrypted member; NotImplementedError: an unknown compression
    SyntaxError,  # numpy reads an array's header as a Python literal
    OSError,
    tokenize.TokenError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
)
"""What `zipfile` and numpy raise for files that are broken, or not what they seem."""


def _read_array(file: IO[bytes], size: int) -> np.ndarray[Any, Any]:
    """The array in a member of `size` bytes. Its header is believed only as far as there are bytes."""
    start = io.BytesIO(file.read(_LONGEST_HEADER))
    version = np.lib.format.read_magic(start)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(start)
    if not dtype.hasobject and math.prod(shape) * dtype.itemsize > size:
        raise ValueError("the header tells of more elements than there are")
    check_allocation(shape, dtype)
    file.seek(0)
    array: np.ndarray[Any, Any] = np.lib.format.read_array(file, allow_pickle=False)
    return array


_LONGEST_HEADER = 1 << 17
"""Bytes at the start of a member within which its header ends; numpy itself refuses headers over 10,000 bytes."""


def write_arrays(path: str, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Writes arrays to a `.npz` file. Raises `NirError` where it cannot be written."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    write_bytes(path, buffer.getvalue())
