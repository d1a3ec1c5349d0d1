"""Weights files: safetensors beside the text, memory-mapped when read, replaced whole when written."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from nir.errors import ParseError
from nir.source import Span

_DTYPES: dict[str, Any] = {
    "BOOL": np.bool_,
    "U8": np.uint8,
    "I8": np.int8,
    "U16": np.uint16,
    "I16": np.int16,
    "U32": np.uint32,
    "I32": np.int32,
    "U64": np.uint64,
    "I64": np.int64,
    "F16": np.float16,
    "F32": np.float32,
    "F64": np.float64,
}
"""numpy's dtypes for those of safetensors; tensors of other dtypes cannot be used."""


class WeightsFile(Mapping[str, np.ndarray]):
    """The tensors of a safetensors file by name: read-only arrays over a memory map, made when asked for.

    Asking for one that numpy cannot represent raises `ValueError`.
    """

    def __init__(self, path: Path) -> None:
        """Opens a file. Raises `OSError`, or `ValueError` for a file that is not what it claims to be."""
        if not path.is_file():
            raise FileNotFoundError("there is no such file" if not path.exists() else "this is not a plain file")
        try:
            with safe_open(path, framework="numpy"):
                pass  # checks the header: every tensor inside of the file, none overlapping
        except SafetensorError as error:
            raise ValueError(str(error)) from None
        self._bytes: np.ndarray = np.memmap(path, np.uint8, mode="r")
        length = int.from_bytes(self._bytes[:8].tobytes(), "little")
        self._header: dict[str, dict[str, Any]] = json.loads(self._bytes[8 : 8 + length].tobytes())
        self._header.pop("__metadata__", None)
        self._start = 8 + length

    def __getitem__(self, name: str) -> np.ndarray:
        entry = self._header[name]
        dtype, (start, end) = _DTYPES.get(entry["dtype"]), entry["data_offsets"]
        if dtype is None:
            raise ValueError(f"elements of {entry['dtype']}")
        if start == end:
            return np.empty(entry["shape"], dtype)
        return np.ndarray(entry["shape"], dtype, self._bytes.data, self._start + start)

    def __iter__(self) -> Iterator[str]:
        return iter(self._header)

    def __len__(self) -> int:
        return len(self._header)


def open_weights(directory: str | os.PathLike[str], name: str, span: Span) -> Mapping[str, np.ndarray]:
    """The weights file called `name` in a text in `directory`.

    Raises `ParseError` at `span` for a name that leads elsewhere, a missing file, or one that is not safetensors.
    """
    if not is_inside(name):
        raise ParseError(
            "a weights file lies beside the text, or below",
            span,
            expected="a relative path without '..'",
            found=f"'{name[:200]}'",
        )
    try:
        return WeightsFile(Path(directory) / name)
    except OSError as error:
        raise ParseError("the weights file cannot be read", span, found=error.strerror or str(error)) from None
    except ValueError as error:
        raise ParseError("the weights file is not safetensors", span, found=str(error)[:200]) from None


def is_inside(name: str) -> bool:
    """True for a relative path that does not lead out of its directory."""
    path = PurePath(name)
    return bool(path.parts) and not path.anchor and ".." not in path.parts and "\0" not in name


def write_weights(path: Path, tensors: Mapping[str, np.ndarray]) -> None:
    """Writes a safetensors file. Raises `OSError`."""
    try:
        save_file({name: np.asarray(array, order="C") for name, array in tensors.items()}, path)
    except SafetensorError as error:
        raise OSError(str(error)) from None
