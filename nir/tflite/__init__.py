"""Writing NIR as TensorFlow Lite files.

    nir.tflite.save(module, "model.tflite")

What is written runs `@main` with the operands, weights, scales and zero points it has here. Operators that the format
does not have, and functions that are called, are refused. Needs the extra `tflite`.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from nir.errors import NirError
from nir.ir import Module
from nir.tflite.conversion import to_bytes


def save(module: Module, path: str | os.PathLike[str]) -> None:
    """Writes `@main` to a `.tflite` file, whole or not at all.

    Raises `ConvertError` for what the format cannot hold, `NirError` where the file cannot be written.
    """
    content = to_bytes(module)
    target = Path(path)
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            os.chmod(temporary, 0o644)
            os.replace(temporary, target)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise NirError(f"{target} cannot be written", found=error.strerror or str(error)) from None


__all__ = ["save", "to_bytes"]
