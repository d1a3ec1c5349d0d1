"""Tensors that are made, not computed. They are filled when the model runs, so that a short text makes no large module."""

from __future__ import annotations

from tvm import relax, te, tirx, topi

from nir.passes.relax_building.emitter import Value, constant
from nir.passes.relay_to_relax.emitter import Lowering, Site


def _filled(value: int) -> Lowering:
    """zeros and ones, `_like` or with a shape: Relay knows the shape."""

    def lower(site: Site) -> Value:
        return site.emit(relax.op.full(site.result_shape(), constant(value, site.result_type().dtype)))

    return lower


def _full(site: Site) -> Value:
    value = site.args[0] if site.name != "full_like" else site.args[1]
    dtype = site.result_type().dtype
    return site.emit(relax.op.full(site.result_shape(), site.emitter.cast(value, dtype)))


def _arange(site: Site) -> Value:
    """The bounds are arguments, which have to be constants; attributes only repeat them."""
    start, _, step = (site.static(index, "a bound").item() for index in range(3))
    shape, dtype = site.result_shape(), site.result_type().dtype

    def arange() -> te.Tensor:
        first, distance = tirx.const(start, dtype), tirx.const(step, dtype)
        return te.compute(shape, lambda i: first + i.astype(dtype) * distance)

    return site.te(arange)


def _meshgrid(site: Site) -> Value:
    return site.te(
        lambda *tensors: list(topi.meshgrid(list(tensors), site.attrs["indexing"])), *site.args[0], name="meshgrid"
    )


LOWERINGS: dict[str, Lowering] = {
    "arange": _arange,
    "dyn.full": _full,
    "dyn.ones": _filled(1),
    "dyn.zeros": _filled(0),
    "full": _full,
    "full_like": _full,
    "meshgrid": _meshgrid,
    "ones": _filled(1),
    "ones_like": _filled(1),
    "zeros": _filled(0),
    "zeros_like": _filled(0),
}
