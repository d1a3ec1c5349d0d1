"""What every NIR operator becomes: one table, keyed by operator class, joined from one module per family."""

from __future__ import annotations

from collections.abc import Mapping

from nir.ir import Operation
from nir.passes.nir_to_relax.lowerings import (
    binary,
    comparison,
    conversion,
    lookup,
    moving,
    normalisation,
    recurrent,
    reduction,
    resizing,
    softmax,
    unary,
    windows,
)
from nir.passes.nir_to_relax.site import Lowering

_FAMILIES: tuple[Mapping[type[Operation], Lowering], ...] = (
    binary.LOWERINGS,
    comparison.LOWERINGS,
    conversion.LOWERINGS,
    lookup.LOWERINGS,
    moving.LOWERINGS,
    normalisation.LOWERINGS,
    recurrent.LOWERINGS,
    reduction.LOWERINGS,
    resizing.LOWERINGS,
    softmax.LOWERINGS,
    unary.LOWERINGS,
    windows.LOWERINGS,
)


def _joined() -> dict[type[Operation], Lowering]:
    joined: dict[type[Operation], Lowering] = {}
    for family in _FAMILIES:
        twice = joined.keys() & family.keys()
        if twice:
            raise ValueError(f"operators with two lowerings: {sorted(op.name for op in twice)}")
        joined.update(family)
    return joined


LOWERINGS: dict[type[Operation], Lowering] = _joined()
"""Operator class -> lowering."""
