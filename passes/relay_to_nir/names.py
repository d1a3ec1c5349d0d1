"""Readable names for values, from what the producer of a model called things."""

from __future__ import annotations

import re

_COMPONENTS = 2
"""How many of the last parts of a path such as `model/block_1/conv/BiasAdd` a name keeps."""

_POSITION = re.compile(r"(:\d+){2}$")
"""What TVM appends to a name: line and column, in the text that it read."""

_NO_NAMES = frozenset({"from_string", "GeneratedSource"})
"""What TVM calls texts without a name."""

_NOT_PLAIN = re.compile(r"[^A-Za-z0-9_.$-]+")


def readable_name(origin: str | None) -> str | None:
    """A short plain name for a layer: of the first of several joined by `;`, the last parts of its path.

    >>> readable_name("net/block_1/conv_1/Relu6;net/block_1/conv_1/BiasAdd")
    'conv_1.Relu6'
    """
    source = _POSITION.sub("", (origin or "").split(";", 1)[0])
    if source in _NO_NAMES:
        return None
    parts = [part for part in source.split("/") if part]
    name = _NOT_PLAIN.sub("_", ".".join(parts[-_COMPONENTS:])).strip("_.")
    return name if name and not name[0].isdigit() else None
