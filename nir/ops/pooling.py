"""2-D pooling."""

from __future__ import annotations

from nir.ir import Operation

OPERATORS: tuple[type[Operation], ...] = ()
