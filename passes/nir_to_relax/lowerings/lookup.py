"""Slices at indices and keys that are data, and tensors that are made."""

from __future__ import annotations

from typing import Any

import numpy as np
from tvm import relax, te, tirx

from nir.ir import Operation
from nir.ops.axes import normal_axis
from nir.ops.creation import Fill, Rank
from nir.ops.lookup import EmbeddingLookup, HashtableLookup
from nir.ops.slicing import Gather
from nir.passes.nir_to_relax.site import Lowering, Site
from nir.passes.relax_building.emitter import Value, constant, shape_of


def _gathered(site: Site, data: relax.Expr, indices: relax.Expr, axis: int) -> relax.Expr:
    """`data` at `indices` along `axis`; an index out of range, an error in the interpreter, is brought into it."""
    size, rank = shape_of(data)[axis], len(shape_of(indices))
    last = tirx.const(size - 1, "int32")

    def program(x: te.Tensor, places: te.Tensor) -> te.Tensor:
        def element(*index: Any) -> Any:
            place = places(*index[axis : axis + rank])
            inside = tirx.max(tirx.min(place, last), tirx.const(0, "int32"))
            return x(*index[:axis], inside, *index[axis + rank :])

        return te.compute(site.shape, element, name=site.op.name)

    return site.te(program, data, indices, name=site.op.name)


def _gather(site: Site) -> Value:
    data, indices = site.args
    return _gathered(site, data, indices, normal_axis(site.op.axis, len(shape_of(data))))


def _embedding(site: Site) -> Value:
    lookups, values = site.args
    return _gathered(site, values, lookups, 0)


def _hashtable(site: Site) -> Value:
    """The first of the keys that equals; stored zeros where none does."""
    lookups, keys, values = site.args
    count = shape_of(keys)[0]

    def places(wanted: te.Tensor, there: te.Tensor) -> te.Tensor:
        running = te.reduce_axis((0, count), name="key")

        def first(i: Any) -> Any:
            found = tirx.Select(there(running) == wanted(i), running.var.astype("int32"), tirx.const(count, "int32"))
            return te.min(found, axis=running)

        return te.compute(shape_of(lookups), first, name="places")

    found = site.te(places, lookups, keys, name="places")

    def rows(x: te.Tensor, place: te.Tensor) -> te.Tensor:
        def element(i: Any, *rest: Any) -> Any:
            value = x(tirx.min(place(i), tirx.const(count - 1, "int32")), *rest)
            return tirx.if_then_else(place(i) < count, value, tirx.const(0, site.dtype))

        return te.compute(site.shape, element, name="rows")

    def hits(place: te.Tensor) -> te.Tensor:
        return te.compute(shape_of(lookups), lambda i: (place(i) < count).astype("uint8"), name="hits")

    return site.te(rows, values, found, name="rows"), site.te(hits, found, name="hits")


def _fill(site: Site) -> Value:
    return site.emit(relax.op.full(list(site.shape), site.args[1]))


def _rank(site: Site) -> Value:
    return constant(np.asarray(site.operand_type(0).rank, np.int32))


LOWERINGS: dict[type[Operation], Lowering] = {
    EmbeddingLookup: _embedding,
    Fill: _fill,
    Gather: _gather,
    HashtableLookup: _hashtable,
    Rank: _rank,
}
