"""Matrix products."""

from __future__ import annotations

from nir.ir import Operation

OPERATORS: tuple[type[Operation], ...] = ()
