"""Convolutions over one to three axes, transposed and deformable ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tvm import relax, topi

from nir.passes.relax_building.emitter import Value, dtype_of, shape_of
from nir.passes.relay_to_relax.emitter import Lowering, Site

_PLAIN_LAYOUTS = {1: ("NCW", "IOW"), 2: ("NCHW", "IOHW"), 3: ("NCDHW", "IODHW")}
"""By number of spatial axes: the layouts of data and kernel in which TVM can compute a transposed convolution."""


def permuted(site: Site, value: relax.Expr, source: str, target: str) -> relax.Expr:
    """`value`, whose axes are the letters of `source`, with its axes in the order of `target`."""
    if source == target:
        return value
    if sorted(source) != sorted(target):
        site.fail(f"'{site.name}' has a layout that is not supported", expected=f"the axes {target}", found=source)
    return site.emit(relax.op.permute_dims(value, [source.index(axis) for axis in target]))


def _depthwise_kernel(site: Site, weight: relax.Expr, layout: str, groups: int, channels: int) -> relax.Expr:
    """The kernel with one input channel per group.

    Relay writes a depthwise kernel with several outputs per channel as O = channels and I = outputs per channel; the
    outputs of a channel stand together in the result, so both axes are one.
    """
    extents = dict(zip(layout, shape_of(weight), strict=True))
    if groups == 1 or groups != channels or extents["I"] == 1:
        return weight
    together = layout.replace("I", "").replace("O", "OI")
    weight = permuted(site, weight, layout, together)
    extents["O"], extents["I"] = extents["O"] * extents["I"], 1
    merged = site.emit(relax.op.reshape(weight, [extents[axis] for axis in together]))
    return permuted(site, merged, together, layout)


def convolved(site: Site, data: relax.Expr, weight: relax.Expr, out_dtype: str) -> relax.Expr:
    """The convolution of `data` and `weight` with the attributes of the call."""
    attrs = site.attrs
    spatial = len(attrs["data_layout"]) - 2
    function: Callable[..., Any] = {1: relax.op.nn.conv1d, 2: relax.op.nn.conv2d, 3: relax.op.nn.conv3d}[spatial]
    if attrs["out_layout"] not in ("", attrs["data_layout"]):
        site.fail(f"'{site.name}' changes the layout", expected=attrs["data_layout"], found=attrs["out_layout"])
    channels = shape_of(data)[attrs["data_layout"].index("C")]
    weight = _depthwise_kernel(site, weight, attrs["kernel_layout"], attrs["groups"], channels)
    return site.emit(
        function(
            data,
            weight,
            strides=list(attrs["strides"]),
            padding=list(attrs["padding"]),
            dilation=list(attrs["dilation"]),
            groups=attrs["groups"],
            data_layout=attrs["data_layout"],
            kernel_layout=attrs["kernel_layout"],
            out_dtype=out_dtype,
        )
    )


def convolved_transposed(site: Site, data: relax.Expr, weight: relax.Expr, out_dtype: str) -> relax.Expr:
    """The transposed convolution of `data` and `weight` with the attributes of the call."""
    attrs = site.attrs
    layout = attrs["data_layout"]
    spatial = len(layout) - 2
    plain, plain_kernel = _PLAIN_LAYOUTS[spatial]
    function = {
        1: relax.op.nn.conv1d_transpose,
        2: relax.op.nn.conv2d_transpose,
        3: relax.op.nn.conv3d_transpose,
    }[spatial]
    result = function(
        permuted(site, data, layout, plain),
        permuted(site, weight, attrs["kernel_layout"], plain_kernel),
        strides=list(attrs["strides"]),
        padding=list(attrs["padding"]),
        output_padding=list(attrs["output_padding"]),
        dilation=list(attrs["dilation"]),
        groups=attrs["groups"],
        data_layout=plain,
        kernel_layout=plain_kernel,
        out_dtype=out_dtype,
    )
    return permuted(site, site.emit(result), plain, layout)


def _convolution(site: Site) -> Value:
    data, weight = site.args
    return convolved(site, data, weight, site.attrs["out_dtype"] or dtype_of(data))


def _transposed_convolution(site: Site) -> Value:
    data, weight = site.args
    return convolved_transposed(site, data, weight, site.attrs["out_dtype"] or dtype_of(data))


def _deformable(site: Site) -> Value:
    attrs = site.attrs
    if attrs["data_layout"] != "NCHW" or attrs["kernel_layout"] != "OIHW":
        site.fail(f"'{site.name}' has a layout that is not supported", expected="NCHW and OIHW")
    return site.te(
        topi.nn.deformable_conv2d_nchw,
        *site.args,
        list(attrs["strides"]),
        list(attrs["padding"]),
        list(attrs["dilation"]),
        attrs["deformable_groups"],
        attrs["groups"],
        attrs["out_dtype"] or dtype_of(site.args[0]),
    )


LOWERINGS: dict[str, Lowering] = {
    "nn.conv1d": _convolution,
    "nn.conv1d_transpose": _transposed_convolution,
    "nn.conv2d": _convolution,
    "nn.conv2d_transpose": _transposed_convolution,
    "nn.conv3d": _convolution,
    "nn.conv3d_transpose": _transposed_convolution,
    "nn.deformable_conv2d": _deformable,
}
