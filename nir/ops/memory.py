"""How much memory there is, so that what cannot fit is refused before the system runs out of it."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from typing import Any

import numpy as np


def physical_memory() -> int:
    """Bytes of memory, or 2^40 where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 2**40


def check_allocation(shape: Iterable[int], dtype: Any) -> None:
    """Raises `MemoryError` for an array that is larger than memory. Systems may grant it, and end the process later."""
    if math.prod(shape) * np.dtype(dtype).itemsize > physical_memory():
        raise MemoryError
