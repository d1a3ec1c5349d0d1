"""Dense layers, products of matrices and other sums of products, and adding a bias."""

from __future__ import annotations

from tvm import relax

from nir.passes.relax_building.emitter import Value, dtype_of, shape_of
from nir.passes.relay_to_relax.emitter import Lowering, Site


def _swapped(site: Site, value: relax.Expr) -> relax.Expr:
    """`value` with its last two axes exchanged."""
    axes = list(range(len(shape_of(value))))
    axes[-1], axes[-2] = axes[-2], axes[-1]
    return site.emit(relax.op.permute_dims(value, axes))


def multiplied(
    site: Site, left: relax.Expr, right: relax.Expr, out_dtype: str, *, transpose_a: bool, transpose_b: bool
) -> relax.Expr:
    """The product of the matrices in the last two axes of `left` and `right`, in elements of `out_dtype`."""
    left = _swapped(site, left) if transpose_a else left
    right = _swapped(site, right) if transpose_b else right
    return site.emit(relax.op.matmul(left, right, out_dtype))


def _dense(site: Site) -> Value:
    data, weight = site.args
    out_dtype = site.attrs["out_dtype"] or dtype_of(data)
    return multiplied(site, data, weight, out_dtype, transpose_a=False, transpose_b=True)


def _matmul(site: Site) -> Value:
    attrs = site.attrs
    left, right = site.args
    out_dtype = attrs["out_dtype"] or dtype_of(left)
    return multiplied(site, left, right, out_dtype, transpose_a=attrs["transpose_a"], transpose_b=attrs["transpose_b"])


def along_axis(site: Site, vector: relax.Expr, axis: int, rank: int) -> relax.Expr:
    """`vector` shaped so that it is broadcast along `axis` of a tensor with `rank` axes."""
    behind = rank - 1 - axis % rank
    if behind == 0:
        return vector
    return site.emit(relax.op.reshape(vector, (*shape_of(vector), *[1] * behind)))


def _bias_add(site: Site) -> Value:
    data, bias = site.args
    return site.emit(relax.op.add(data, along_axis(site, bias, site.attrs["axis"], len(shape_of(data)))))


def _einsum(site: Site) -> Value:
    return site.emit(relax.op.einsum(list(site.args[0]), site.attrs["equation"]))


LOWERINGS: dict[str, Lowering] = {
    "einsum": _einsum,
    "nn.batch_matmul": _matmul,
    "nn.bias_add": _bias_add,
    "nn.dense": _dense,
    "nn.matmul": _matmul,
}
