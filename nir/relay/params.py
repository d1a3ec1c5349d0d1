"""Parameter files of TVM (`.params`): named tensors in one binary file.

Layout, little endian: u64 magic, u64 reserved, u64 count, the names as (u64 length, UTF-8), u64 count, the tensors.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from nir.files import read_bytes
from nir.relay.ndarray import ByteReader, read_ndarray, write_ndarray

_MAGIC = 0xF7E58D4F05049CB7
MAGIC = _MAGIC.to_bytes(8, "little")
"""What every parameter file begins with."""
_WORD = struct.Struct("<Q")


def read_params(data: bytes, name: str = "parameters") -> dict[str, np.ndarray[Any, Any]]:
    """The tensors in `data` by name, in the order of the file. `name` says in errors what was read.

    Raises ParseError when the bytes are no parameter file, are cut off, or contradict themselves.
    """
    reader = ByteReader(data, name)
    magic, _ = reader.unpack(struct.Struct("<QQ"), "the header")
    if magic != _MAGIC:
        reader.position = 0
        raise reader.fail("no parameter file of TVM", expected=f"magic number {_MAGIC:#x}", found=f"{magic:#x}")
    (count,) = reader.unpack(_WORD, "the number of names")
    names = []
    for _ in range(count):  # ends at the latest where the file ends: each name takes at least 8 bytes
        (length,) = reader.unpack(_WORD, "the length of a name")
        try:
            names.append(str(reader.take(length, "a name"), "utf-8"))
        except UnicodeDecodeError as error:
            raise reader.fail("a name is not UTF-8") from error
    (tensor_count,) = reader.unpack(_WORD, "the number of tensors")
    if tensor_count != count:
        raise reader.fail("not as many tensors as names", expected=str(count), found=str(tensor_count))
    tensors = {}
    for tensor_name in names:
        if tensor_name in tensors:
            raise reader.fail(f"the name '{tensor_name}' stands twice")
        tensors[tensor_name] = read_ndarray(reader)[0]
    if reader.position != len(reader.data):
        raise reader.fail("bytes behind the last tensor", found=f"{len(reader.data) - reader.position} bytes")
    return tensors


def write_params(tensors: Mapping[str, np.ndarray[Any, Any]]) -> bytes:
    """The bytes of a parameter file that holds `tensors` in their order. Raises ParseError for a foreign dtype."""
    names = [name.encode("utf-8") for name in tensors]
    parts = [_WORD.pack(_MAGIC), _WORD.pack(0), _WORD.pack(len(names))]
    for encoded in names:
        parts += [_WORD.pack(len(encoded)), encoded]
    parts.append(_WORD.pack(len(names)))
    parts += [write_ndarray(np.asarray(tensor)) for tensor in tensors.values()]
    return b"".join(parts)


def load_params(path: str | os.PathLike[str]) -> dict[str, np.ndarray[Any, Any]]:
    """The tensors in the parameter file at `path`. Raises ParseError, also when the file cannot be read."""
    return read_params(read_bytes(path), os.fspath(path))
