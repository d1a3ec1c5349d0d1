"""Reading and writing elements at positions that are data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tvm import relax, te, tirx, topi

from nir.passes.relax_building.emitter import Value, dtype_of, shape_of
from nir.passes.relay_to_relax.emitter import Lowering, Site


def _take(site: Site) -> Value:
    attrs = site.attrs
    # "fast" promises indices within bounds; clipping them costs little, and a broken promise then does no harm.
    mode = "clip" if attrs["mode"] == "fast" else attrs["mode"]
    return site.te(topi.take, *site.args, axis=attrs["axis"], batch_dims=attrs["batch_dims"], mode=mode)


def _gather(site: Site) -> Value:
    return site.te(topi.gather, site.args[0], site.attrs["axis"], site.args[1])


def _gather_nd(site: Site) -> Value:
    return site.te(topi.gather_nd, *site.args, batch_dims=site.attrs["batch_dims"])


def _one_hot(site: Site) -> Value:
    attrs = site.attrs
    on, off = (site.static(index, "a value").item() for index in (1, 2))
    dtype = attrs["dtype"] or "int32"
    values = [tirx.const(value, dtype) for value in (on, off)]
    depth = attrs["depth"] if site.name == "one_hot" else int(site.static(3, "the depth"))
    return site.te(
        lambda indices: topi.one_hot(indices, *values, depth, attrs["axis"], dtype), site.args[0], name="one_hot"
    )


def _scatter_elements(reduction: str | None = None) -> Lowering:
    def lower(site: Site) -> Value:
        how = reduction or site.attrs["reduction"]
        # As an operator, which TVM lowers itself: it does not read its own TVMScript of the tensor program.
        return site.emit(relax.op.scatter_elements(*site.args, axis=site.attrs["axis"], reduction=how))

    return lower


def _scatter_nd(site: Site) -> Value:
    return site.te(topi.scatter_nd, *site.args, site.attrs["mode"])


def _sequence_mask(site: Site) -> Value:
    return site.te(topi.sequence_mask, *site.args, site.attrs["mask_value"], site.attrs["axis"])


def _trilu(site: Site) -> Value:
    k = int(site.static(1, "the diagonal"))
    return site.te(
        lambda x: topi.trilu(x, tirx.const(k, "int32"), bool(site.attrs["upper"])), site.args[0], name="trilu"
    )


def _matrix_set_diag(site: Site) -> Value:
    attrs = site.attrs
    sides = (attrs["super_diag_right_align"], attrs["sub_diag_right_align"])
    align = "_".join("RIGHT" if right else "LEFT" for right in sides)
    return site.te(topi.matrix_set_diag, *site.args, (attrs["k1"], attrs["k2"]), align)


def _program(function: Callable[..., Any]) -> Lowering:
    return lambda site: site.te(function, *site.args)


def _searchsorted(site: Site) -> Value:
    return site.te(topi.searchsorted, *site.args, bool(site.attrs["right"]), site.attrs["dtype"])


def _sparse_to_dense(site: Site) -> Value:
    """Arguments are indices, values and, optionally, what stands everywhere else."""
    indices, values, *default = site.args
    shape = list(site.result_shape())

    def sparse_to_dense(positions: te.Tensor, elements: te.Tensor, *rest: te.Tensor) -> te.Tensor:
        elsewhere = rest[0]() if rest else tirx.const(0, dtype_of(values))
        return topi.sparse_to_dense(positions, shape, elements, elsewhere)

    return site.te(sparse_to_dense, indices, values, *default)


def _sliding_window(site: Site) -> Value:
    attrs = site.attrs
    return site.te(
        topi.sliding_window, site.args[0], attrs["axis"], list(attrs["window_shape"]), list(attrs["strides"])
    )


def _fifo_buffer(site: Site) -> Value:
    """As many elements as the buffer has, the last ones of the buffer followed by the data."""
    data, buffer = site.args
    axis = site.attrs["axis"] % len(shape_of(data))
    joined = site.emit(relax.op.concat([buffer, data], axis))
    count, length = shape_of(data)[axis], shape_of(joined)[axis]
    return site.te(lambda x: topi.strided_slice(x, [count], [length], [1], [axis]), joined, name="fifo_buffer")


def _invert_permutation(site: Site) -> Value:
    """Position p of the result holds where p stands in the argument: found by counting, not by scattering."""

    def invert(x: te.Tensor) -> te.Tensor:
        k = te.reduce_axis((0, x.shape[0]), name="k")
        zero = tirx.const(0, dtype_of(site.args[0]))
        return te.compute(
            x.shape,
            lambda i: te.sum(tirx.Select(x(k) == i.astype(x.dtype), k.var.astype(x.dtype), zero), axis=k),
        )

    return site.te(invert, site.args[0], name="invert_permutation")


LOWERINGS: dict[str, Lowering] = {
    "adv_index": lambda site: site.te(
        lambda data, *indices: topi.adv_index(data, indices), *site.args[0], name="adv_index"
    ),
    "dyn.one_hot": _one_hot,
    "gather": _gather,
    "gather_nd": _gather_nd,
    "invert_permutation": _invert_permutation,
    "matrix_set_diag": _matrix_set_diag,
    "nn.fifo_buffer": _fifo_buffer,
    "one_hot": _one_hot,
    "scatter": _scatter_elements("update"),
    "scatter_add": _scatter_elements("add"),
    "scatter_elements": _scatter_elements(),
    "scatter_nd": _scatter_nd,
    "searchsorted": _searchsorted,
    "sequence_mask": _sequence_mask,
    "sliding_window": _sliding_window,
    "sparse_to_dense": _sparse_to_dense,
    "take": _take,
    "trilu": _trilu,
    "unravel_index": _program(topi.unravel_index),
}
