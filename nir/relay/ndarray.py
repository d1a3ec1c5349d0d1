"""The binary form of one tensor, as TVM stores it in parameter files and, base64-coded, in JSON.

Little endian: u64 magic, u64 reserved, i32 device type, i32 device id, i32 rank, u8 type code, u8 bits, u16 lanes,
i64 extents, i64 byte count, data. Booleans are unsigned integers of 1 bit that take a byte each.
"""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np

from nir.errors import ParseError
from nir.relay.types import numpy_dtype

_MAGIC = 0xDD5E40F096B4A13F
_HEADER = struct.Struct("<QQiiiBBH")
_CODES = {0: "int", 1: "uint", 2: "float", 4: "bfloat"}
_MAX_RANK = 32
_DEVICE_CPU = 1


class ByteReader:
    """Reads from bytes and never past their end. `name` says in errors what is read."""

    def __init__(self, data: bytes | memoryview, name: str) -> None:
        self.data = memoryview(data)
        self.name = name
        self.position = 0

    def fail(self, message: str, *, expected: str | None = None, found: str | None = None) -> ParseError:
        """The error for what stands at the present position."""
        return ParseError(f"{self.name}, byte {self.position}: {message}", expected=expected, found=found)

    def take(self, count: int, what: str) -> memoryview:
        """The next `count` bytes. Raises ParseError when there are fewer."""
        left = len(self.data) - self.position
        if not 0 <= count <= left:
            raise self.fail(f"{what} is cut off", expected=f"{count} bytes", found=f"{left} bytes")
        self.position += count
        return self.data[self.position - count : self.position]

    def unpack(self, layout: struct.Struct, what: str) -> tuple[Any, ...]:
        """The next values, laid out as `layout`."""
        return layout.unpack(self.take(layout.size, what))


def read_ndarray(reader: ByteReader) -> tuple[np.ndarray[Any, Any], str]:
    """The tensor at the reader's position, and its TVM element type.

    Nothing is allocated before the sizes in the header were found to agree with each other and with the data.
    Raises ParseError.
    """
    magic, _, _, _, rank, code, bits, lanes = reader.unpack(_HEADER, "the tensor's header")
    if magic != _MAGIC:
        raise reader.fail("no tensor here", expected=f"magic number {_MAGIC:#x}", found=f"{magic:#x}")
    if not 0 <= rank <= _MAX_RANK:
        raise reader.fail("impossible rank", expected=f"0 to {_MAX_RANK}", found=str(rank))
    dtype = "bool" if (code, bits) == (1, 1) else f"{_CODES.get(code, 'handle')}{bits}"
    element = numpy_dtype(dtype) if lanes == 1 else None
    if element is None:
        raise reader.fail("element type that is not supported", found=f"{dtype}, {lanes} lanes (type code {code})")
    shape = reader.unpack(struct.Struct(f"<{rank}q"), "the tensor's shape")
    if any(extent < 0 for extent in shape):
        raise reader.fail("negative extent", found=str(list(shape)))
    (byte_count,) = reader.unpack(struct.Struct("<q"), "the tensor's size")
    expected = math.prod(shape) * element.itemsize
    if byte_count != expected:
        raise reader.fail(
            f"the size does not fit the shape {list(shape)} of {dtype}", expected=str(expected), found=str(byte_count)
        )
    data = reader.take(byte_count, "the tensor's data")
    try:
        array = np.frombuffer(data, dtype=element).reshape(shape).copy()
    except ValueError as error:  # an extent of 0 beside extents whose product numpy cannot count
        raise reader.fail(f"impossible shape {list(shape)}") from error
    return array, dtype


def write_ndarray(array: np.ndarray[Any, Any]) -> bytes:
    """`array` as TVM stores it. Raises ParseError for an element type that TVM does not have."""
    element = array.dtype
    if element == np.bool_:
        code, bits = 1, 1
    elif element.name == "bfloat16":
        code, bits = 4, 16
    elif element.kind in "iuf" and numpy_dtype(element.name) is not None:
        code, bits = {"i": 0, "u": 1, "f": 2}[element.kind], element.itemsize * 8
    else:
        raise ParseError(f"parameters cannot hold elements of type {element}")
    header = _HEADER.pack(_MAGIC, 0, _DEVICE_CPU, 0, array.ndim, code, bits, 1)
    data = np.ascontiguousarray(array, dtype=element.newbyteorder("<") if element.kind in "iuf" else element).tobytes()
    return header + struct.pack(f"<{array.ndim}qq", *array.shape, len(data)) + data
