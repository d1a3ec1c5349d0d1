"""What every Relay operator becomes: one table, joined from one module per family."""

from __future__ import annotations

from collections.abc import Mapping

from nir.passes.relay_to_relax.emitter import Lowering
from nir.passes.relay_to_relax.lowerings import (
    activation,
    convolution,
    creation,
    elementwise,
    image,
    indexing,
    joining,
    matmul,
    normalisation,
    padding,
    pooling,
    qnn,
    qnn_elementwise,
    reduction,
    shape,
    sorting,
)

_FAMILIES: tuple[Mapping[str, Lowering], ...] = (
    activation.LOWERINGS,
    convolution.LOWERINGS,
    creation.LOWERINGS,
    elementwise.LOWERINGS,
    image.LOWERINGS,
    indexing.LOWERINGS,
    joining.LOWERINGS,
    matmul.LOWERINGS,
    normalisation.LOWERINGS,
    padding.LOWERINGS,
    pooling.LOWERINGS,
    qnn.LOWERINGS,
    qnn_elementwise.LOWERINGS,
    reduction.LOWERINGS,
    shape.LOWERINGS,
    sorting.LOWERINGS,
)


def _joined() -> dict[str, Lowering]:
    joined: dict[str, Lowering] = {}
    for family in _FAMILIES:
        twice = joined.keys() & family.keys()
        if twice:
            raise ValueError(f"operators with two lowerings: {sorted(twice)}")
        joined.update(family)
    return joined


LOWERINGS: dict[str, Lowering] = _joined()
"""Operator name -> lowering."""
