"""Writing NIR as TensorFlow Lite files.

    nir.tflite.save(module, "model.tflite")

What is written runs `@main` with the operands, weights, scales and zero points it has here. Operators that the format
does not have, and functions that are called, are refused. Needs the extra `tflite`.
"""

from __future__ import annotations

import os

from nir.files import write_bytes
from nir.ir import Module
from nir.tflite.conversion import to_bytes


def save(module: Module, path: str | os.PathLike[str]) -> None:
    """Writes `@main` to a `.tflite` file, whole or not at all.

    Raises `ConvertError` for what the format cannot hold, `NirError` where the file cannot be written.
    """
    write_bytes(path, to_bytes(module))


__all__ = ["save", "to_bytes"]
