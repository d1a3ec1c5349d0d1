"""Operators that join, split and pad tensors, and take parts of them."""

from __future__ import annotations

from nir.ir import Operation

OPERATORS: tuple[type[Operation], ...] = ()
