"""Pooling. Floats go to Relax; integers are summed and divided by a tensor program, rounding towards zero as in Relay.

TVM's own lowering of an integer average gives 64 bit integers where it said otherwise.
"""

from __future__ import annotations

from typing import Any

from tvm import relax, topi

from nir.passes.relax_building.emitter import Value, dtype_of, shape_of
from nir.passes.relay_to_relax.emitter import Lowering, Site

_POOLS = {
    ("avg", 1): (relax.op.nn.avg_pool1d, topi.nn.pool1d),
    ("avg", 2): (relax.op.nn.avg_pool2d, topi.nn.pool2d),
    ("avg", 3): (relax.op.nn.avg_pool3d, topi.nn.pool3d),
    ("max", 1): (relax.op.nn.max_pool1d, topi.nn.pool1d),
    ("max", 2): (relax.op.nn.max_pool2d, topi.nn.pool2d),
    ("max", 3): (relax.op.nn.max_pool3d, topi.nn.pool3d),
}

_ADAPTIVE = {1: topi.nn.adaptive_pool1d, 2: topi.nn.adaptive_pool, 3: topi.nn.adaptive_pool3d}

_AVERAGES = {1: relax.op.nn.adaptive_avg_pool1d, 2: relax.op.nn.adaptive_avg_pool2d, 3: relax.op.nn.adaptive_avg_pool3d}
"""Relax's operators for averages of floats, whose tensor programs are the same; maxima have none."""


def _full_padding(padding: tuple[int, ...], spatial: int) -> list[int]:
    """Elements before every axis, then behind every axis."""
    if len(padding) == 1:
        return list(padding) * (2 * spatial)
    return list(padding) * 2 if len(padding) == spatial else list(padding)


def pooled(site: Site, data: relax.Expr, kind: str) -> relax.Expr:
    """`data` pooled with the attributes of the call; `kind` is "avg" or "max"."""
    attrs = site.attrs
    spatial = len(attrs["pool_size"])
    operator, program = _POOLS[kind, spatial]
    padding = _full_padding(attrs["padding"], spatial)
    window, strides, dilation = (list(attrs[name]) for name in ("pool_size", "strides", "dilation"))
    layout, ceil_mode = attrs["layout"], attrs["ceil_mode"]
    count_include_pad = attrs.get("count_include_pad", False)
    if attrs["out_layout"] not in ("", layout):
        site.fail(f"'{site.name}' changes the layout", expected=layout, found=attrs["out_layout"])
    if kind == "avg" and "int" in dtype_of(data):
        averages = site.te(
            program,
            data,
            window,
            strides,
            dilation,
            padding,
            kind,
            ceil_mode=ceil_mode,
            layout=layout,
            count_include_pad=count_include_pad,
        )
        return site.emitter.cast(averages, dtype_of(data))  # counts are 64 bit integers, and so are quotients by them
    return site.emit(operator(data, window, strides, padding, dilation, ceil_mode, count_include_pad, layout=layout))


def _average(site: Site) -> Value:
    return pooled(site, site.args[0], "avg")


def _maximum(site: Site) -> Value:
    return pooled(site, site.args[0], "max")


def _global(kind: str) -> Lowering:
    return lambda site: _windows(site, 2, kind, [1, 1])


def _adaptive(kind: str, spatial: int) -> Lowering:
    return lambda site: _windows(site, spatial, kind, _output_size(site, spatial))


def _windows(site: Site, spatial: int, kind: str, size: list[int]) -> Value:
    """As many windows as `size` says, which cover the image."""
    data, layout = site.args[0], site.attrs["layout"]
    if kind == "avg" and dtype_of(data).startswith("float"):
        return site.emit(_AVERAGES[spatial](data, size, layout))
    if kind == "max" and all(extent == 1 for extent in size) and set(layout) <= set("NCDHW"):
        axes = [axis for axis, name in enumerate(layout) if name in "DHW"]
        return site.emit(relax.op.max(data, axes, keepdims=True))
    return site.emitter.cast(site.te(_ADAPTIVE[spatial], data, size, kind, layout), dtype_of(data))


def _output_size(site: Site, spatial: int) -> list[int]:
    """The extents asked for: none means those of the input, one means the same for all axes."""
    size: Any = site.attrs["output_size"]
    size = [size] if isinstance(size, int) else list(size or ())
    if len(size) == 1:
        return size * spatial
    if size:
        return size
    layout = site.attrs["layout"]
    return [extent for axis, extent in zip(layout, shape_of(site.args[0]), strict=True) if axis in "DHW"]


LOWERINGS: dict[str, Lowering] = {
    **{f"nn.avg_pool{spatial}d": _average for spatial in (1, 2, 3)},
    **{f"nn.max_pool{spatial}d": _maximum for spatial in (1, 2, 3)},
    **{
        f"nn.adaptive_{kind}_pool{spatial}d": _adaptive(kind, spatial)
        for kind in ("avg", "max")
        for spatial in (1, 2, 3)
    },
    "nn.global_avg_pool2d": _global("avg"),
    "nn.global_max_pool2d": _global("max"),
}
