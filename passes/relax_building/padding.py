"""Padding, and cells of an image that become batches: what both ways to Relax build of simpler operators."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tvm import relax, te, topi

from nir.passes.relax_building.emitter import Emitter, dtype_of, shape_of

Widths = Sequence[tuple[int, int]]
"""Elements before and behind, per axis."""


def padded(emitter: Emitter, data: relax.Expr, widths: Widths, value: float) -> relax.Expr:
    """`data` with `value` around it."""
    if not any(before or after for before, after in widths):
        return data
    dtype = dtype_of(data)

    def pad(x: te.Tensor) -> te.Tensor:
        fill = te.const(int(value) if "int" in dtype else value, dtype)
        return topi.nn.pad(x, [before for before, _ in widths], [after for _, after in widths], fill)

    return emitter.te(pad, data)


def cells_to_batches(emitter: Emitter, data: relax.Expr, blocks: Sequence[int]) -> relax.Expr:
    """Cells of `blocks` elements, along the axes behind the first, become batches.

    Built of reshapes: TVM's own program ends the process.
    """
    batch, *extents = shape_of(data)
    cells = len(blocks)
    split = [batch]
    for extent, block in zip(extents[:cells], blocks, strict=True):
        split += [extent // block, block]
    order = [
        *(2 + 2 * cell for cell in range(cells)),
        0,
        *(1 + 2 * cell for cell in range(cells)),
        *range(1 + 2 * cells, len(extents) + 1 + cells),
    ]
    apart = emitter.emit(relax.op.reshape(data, [*split, *extents[cells:]]))
    moved = emitter.emit(relax.op.permute_dims(apart, order))
    smaller = [extent // block for extent, block in zip(extents[:cells], blocks, strict=True)]
    return emitter.emit(relax.op.reshape(moved, [batch * math.prod(blocks), *smaller, *extents[cells:]]))


def batches_to_cells(emitter: Emitter, data: relax.Expr, blocks: Sequence[int]) -> relax.Expr:
    """The inverse of `cells_to_batches`."""
    batch, *extents = shape_of(data)
    cells = len(blocks)
    rest = batch // math.prod(blocks)
    apart = emitter.emit(relax.op.reshape(data, [*blocks, rest, *extents]))
    order = [cells]
    for cell in range(cells):
        order += [cells + 1 + cell, cell]
    order += range(2 * cells + 1, cells + 1 + len(extents))
    moved = emitter.emit(relax.op.permute_dims(apart, order))
    joined = [extent * block for extent, block in zip(extents[:cells], blocks, strict=True)]
    return emitter.emit(relax.op.reshape(moved, [rest, *joined, *extents[cells:]]))
