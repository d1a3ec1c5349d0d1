"""Operators of two or more operands with broadcasting: arithmetic, comparison, logic, selection."""

from __future__ import annotations

from nir.ir import Operation

OPERATORS: tuple[type[Operation], ...] = ()
