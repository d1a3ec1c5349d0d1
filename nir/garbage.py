"""Python's garbage collector, kept from slowing down the building of large graphs."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def collector_paused() -> Iterator[None]:
    """Without garbage collection inside, and as before afterwards.

    Building a graph only adds objects, and going through all of them again and again takes longer the more there
    are: time per operation would grow with the number of operations.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
