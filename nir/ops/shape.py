"""Operators that change the shape or the dimensions' order."""

from __future__ import annotations

from nir.ir import Operation

OPERATORS: tuple[type[Operation], ...] = ()
