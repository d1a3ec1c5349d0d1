"""Quantised operators that change the representation, and those that accumulate: convolution, dense, matrix product.

Sums of products are sums over (q - zero point): integers, so the order does not matter, and padding with the zero point
is padding the differences with 0.
"""

from __future__ import annotations

from tvm import relax

from nir.passes.relax_building.emitter import Value, dtype_of
from nir.passes.relay_to_relax.emitter import Lowering, Site
from nir.passes.relay_to_relax.lowerings.convolution import convolved, convolved_transposed
from nir.passes.relay_to_relax.lowerings.matmul import multiplied
from nir.passes.relay_to_relax.lowerings.rescaling import (
    Parameters,
    dequantised,
    distance_from_zero_point,
    quantised,
    requantised,
)


def _quantize(site: Site) -> Value:
    return quantised(site, site.args[0], Parameters.read(site, 1, 2), site.attrs["out_dtype"], site.attrs["axis"])


def _dequantize(site: Site) -> Value:
    real = dequantised(site, site.args[0], Parameters.read(site, 1, 2), site.attrs["axis"])
    return site.emitter.cast(real, site.attrs["out_dtype"] or "float32")


def _requantize(site: Site) -> Value:
    attrs = site.attrs
    return requantised(
        site,
        site.args[0],
        Parameters.read(site, 1, 2),
        Parameters.read(site, 3, 4),
        attrs["out_dtype"],
        attrs["axis"],
        attrs["rounding"],
        attrs["compute_dtype"],
    )


def _operands(site: Site, kernel_axis: int) -> tuple[relax.Expr, relax.Expr]:
    """Both operands as differences from their zero points; the kernel may have one per output channel."""
    data, kernel = site.args[:2]
    data_point = site.static(2, "the zero point of the data")
    kernel_point = site.static(3, "the zero point of the kernel")
    return (
        distance_from_zero_point(site, data, data_point),
        distance_from_zero_point(site, kernel, kernel_point, kernel_axis),
    )


def _accumulator(site: Site) -> str:
    return site.attrs["out_dtype"] or "int32"


def _conv2d(site: Site) -> Value:
    data, kernel = _operands(site, site.attrs["kernel_layout"].index("O"))
    return convolved(site, data, kernel, _accumulator(site))


def _conv2d_transpose(site: Site) -> Value:
    data, kernel = _operands(site, site.attrs["kernel_layout"].index("O"))
    return convolved_transposed(site, data, kernel, _accumulator(site))


def _same_width(site: Site, left: relax.Expr, right: relax.Expr) -> tuple[relax.Expr, relax.Expr]:
    """Both in one element type: Relax multiplies no matrices of different ones."""
    if dtype_of(left) == dtype_of(right):
        return left, right
    wide = "int32" if "int32" in (dtype_of(left), dtype_of(right)) else "int16"
    return site.emitter.cast(left, wide), site.emitter.cast(right, wide)


def _dense(site: Site) -> Value:
    data, weight = _same_width(site, *_operands(site, 0))
    return multiplied(site, data, weight, _accumulator(site), transpose_a=False, transpose_b=True)


def _batch_matmul(site: Site) -> Value:
    left, right = _same_width(site, *_operands(site, 0))
    transposed = {name: site.attrs[name] for name in ("transpose_a", "transpose_b")}
    return multiplied(site, left, right, _accumulator(site), **transposed)


LOWERINGS: dict[str, Lowering] = {
    "qnn.batch_matmul": _batch_matmul,
    "qnn.conv2d": _conv2d,
    "qnn.conv2d_transpose": _conv2d_transpose,
    "qnn.dense": _dense,
    "qnn.dequantize": _dequantize,
    "qnn.quantize": _quantize,
    "qnn.requantize": _requantize,
}
