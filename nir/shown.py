"""What a notebook asks of an object, for every class that has something to show.

The protocol wants a method on the object itself, while what it shows (pictures, tables) is made by layers far above it.
So this is the one place where a lower layer calls a higher one: by name, when a notebook asks, and not before.
"""

from __future__ import annotations

import importlib
from typing import Any


class Shown:
    """Gives a class the method that IPython looks for; `nir.display` says what is shown of which class."""

    __slots__ = ()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """MIME type -> content: HTML, and plain text for where there is no page."""
        found: dict[str, str] = importlib.import_module("nir.display").bundle(self)
        return found
