"""Rows for sums of products and pooling. One-dimensional images are images of height 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from nir.passes.relax_to_relay.site import RelaxCall, Row, RowTable
from nir.relay.ast import Expr
from nir.relay.types import TensorType

_WINDOW = ("strides", "padding", "dilation")


def _attributes(call: RelaxCall, *names: str) -> dict[str, Any]:
    """Attributes that both languages have under one name."""
    return {name: call.attrs[name] for name in names}


def _out_dtype(call: RelaxCall) -> str:
    """The type of the sums where it is not that of the factors."""
    return call.result.dtype if call.result.dtype != call.dtype(call.expr(0)) else ""


def conv2d(call: RelaxCall) -> Expr:
    """A convolution of images, of any layout that Relay knows."""
    attrs = _attributes(call, *_WINDOW, "groups", "data_layout", "kernel_layout")
    return call.relay(
        "nn.conv2d",
        call.expr(0),
        call.expr(1),
        **attrs,
        out_layout=call.attrs["out_layout"] or "",
        out_dtype=_out_dtype(call),
        **_filter(call, call.expr(1), call.attrs["kernel_layout"], "O"),
    )


def conv2d_transpose(call: RelaxCall) -> Expr:
    """A transposed convolution of images."""
    attrs = _attributes(call, *_WINDOW, "output_padding", "groups", "data_layout", "kernel_layout")
    return call.relay(
        "nn.conv2d_transpose",
        call.expr(0),
        call.expr(1),
        **attrs,
        out_layout=call.attrs["out_layout"] or "",
        out_dtype=_out_dtype(call),
        **_filter(call, call.expr(1), call.attrs["kernel_layout"], "O"),
    )


def _filter(call: RelaxCall, weight: Expr, layout: str, channels: str) -> dict[str, Any]:
    """The attributes in which Relay repeats the filter's shape."""
    sizes = dict(zip(layout, call.shape(weight), strict=False))
    if not {"H", "W", channels} <= set(sizes):
        call.refuse(f"kernel_layout {layout} is none of images")
    count = sizes[channels] * (sizes["I"] if layout == "HWOI" else 1)
    return {"kernel_size": (sizes["H"], sizes["W"]), "channels": count}


def one_dimensional(row: Row) -> Row:
    """A row for lines, by the one for images: a height of 1 is put before the width in everything."""

    def lines(call: RelaxCall) -> Expr:
        attrs = dict(call.attrs)
        for name in ("strides", "dilation", "pool_size", "output_size"):
            if attrs.get(name) is not None:
                attrs[name] = (1, *_numbers(attrs[name]))
        if "output_padding" in attrs:
            attrs["output_padding"] = (0, *_numbers(attrs["output_padding"]))
        if "padding" in attrs:
            before, after = (*_numbers(attrs["padding"]), *_numbers(attrs["padding"]))[:2]
            attrs["padding"] = (0, before, 0, after)
        args: list[Any] = list(call.args)
        for index, key in enumerate(("data_layout", "kernel_layout") if "kernel_layout" in attrs else ("layout",)):
            layout = str(attrs[key])
            if "W" not in layout or "H" in layout:
                call.refuse(f"{key} {layout} is none of lines")
            args[index] = _with_height(call, call.expr(index), layout.index("W"))
            attrs[key] = layout.replace("W", "HW")
        if attrs.get("out_layout"):
            attrs["out_layout"] = attrs["out_layout"].replace("W", "HW")
        place = str(attrs.get("data_layout") or attrs["layout"]).index("H")
        shape = (*call.result_shape[:place], 1, *call.result_shape[place:])
        wide = RelaxCall(call.name, args, attrs, TensorType(shape, call.result.dtype), call.origin)
        return call.reshape(row(wide), call.result_shape)

    return lines


def _numbers(value: Any) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, tuple) else (value,)


def _with_height(call: RelaxCall, value: Expr, width: int) -> Expr:
    shape = call.shape(value)
    return call.reshape(value, (*shape[:width], 1, *shape[width:]))


# --- pooling ---


def pool2d(kind: str) -> Row:
    """Maxima or averages over windows."""

    def row(call: RelaxCall) -> Expr:
        attrs = _attributes(call, "pool_size", *_WINDOW, "ceil_mode", "layout")
        if kind == "avg":
            attrs["count_include_pad"] = call.attrs["count_include_pad"]
        return call.relay(f"nn.{kind}_pool2d", call.expr(), **attrs, out_layout=call.attrs["out_layout"] or "")

    return row


def average_of_planes(call: RelaxCall) -> Expr:
    """A three-dimensional average whose window is one pixel wide along two neighbouring dimensions: those are one.

    Normalisation across channels arrives like this.
    """
    layout, size, strides = str(call.attrs["layout"]), call.attrs["pool_size"], call.attrs["strides"]
    shape, padding = call.shape(call.expr()), call.attrs["padding"]
    if layout != "NCDHW" or size[1:] != (1, 1) or strides[1:] != (1, 1):
        call.refuse("windows of three dimensions have no counterpart")
    if tuple(padding[1:3]) + tuple(padding[4:6]) != (0, 0, 0, 0) or tuple(call.attrs["dilation"]) != (1, 1, 1):
        call.refuse("windows of three dimensions have no counterpart")
    flat = call.reshape(call.expr(), (*shape[:3], shape[3] * shape[4]))
    average = call.relay(
        "nn.avg_pool2d",
        flat,
        pool_size=(size[0], 1),
        strides=(strides[0], 1),
        padding=(padding[0], 0, padding[3], 0),
        ceil_mode=call.attrs["ceil_mode"],
        count_include_pad=call.attrs["count_include_pad"],
        layout="NCHW",
    )
    return call.reshape(average, call.result_shape)


def adaptive_average(call: RelaxCall) -> Expr:
    """Averages over windows that fit a given size of the result; none given means that of the image."""
    layout = str(call.attrs["layout"])
    size = call.attrs["output_size"] or tuple(call.result_shape[layout.index(letter)] for letter in "HW")
    return call.relay("nn.adaptive_avg_pool2d", call.expr(), output_size=tuple(size), layout=layout)


# --- matrices ---


def matmul(call: RelaxCall) -> Expr:
    """Products of matrices with numpy's broadcasting of what stands before them.

    A known right matrix is a layer's weights: `nn.dense`, which has them the other way round.
    """
    left, right = call.expr(0), call.expr(1)
    left_shape, right_shape = call.shape(left), call.shape(right)
    if len(left_shape) == 1:
        left, left_shape = call.reshape(left, (1, *left_shape)), (1, *left_shape)
    if len(right_shape) == 1:
        right, right_shape = call.reshape(right, (*right_shape, 1)), (*right_shape, 1)
    out_dtype = _out_dtype(call)
    if len(right_shape) == 2:
        rows = call.reshape(left, (_product(left_shape[:-1]), left_shape[-1]))
        units = right_shape[1]
        made: Expr = call.relay("nn.dense", rows, call.transpose(right, (1, 0)), units=units, out_dtype=out_dtype)
    else:
        made = _batched(call, left, right, out_dtype)
    return call.reshape(made, call.result_shape)


def _batched(call: RelaxCall, left: Expr, right: Expr, out_dtype: str) -> Expr:
    """One product per index of the dimensions before, which both sides are brought to have."""
    left_shape, right_shape = call.shape(left), call.shape(right)
    batch = _broadcast(call, left_shape[:-2], right_shape[:-2])
    count = _product(batch)
    sides = []
    for side, shape in ((left, left_shape), (right, right_shape)):
        if shape[:-2] != batch and _product(shape[:-2]) != 1:
            side = call.relay("broadcast_to", side, shape=(*batch, *shape[-2:]))
            shape = (*batch, *shape[-2:])
        sides.append(call.reshape(side, (_product(shape[:-2]), *shape[-2:])))
    if count == 0:
        call.refuse("products of no matrices have no counterpart")
    return call.relay("nn.batch_matmul", *sides, out_dtype=out_dtype)


def _broadcast(call: RelaxCall, left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, ...]:
    rank = max(len(left), len(right))
    pairs = zip((1,) * (rank - len(left)) + left, (1,) * (rank - len(right)) + right, strict=True)
    return tuple(mine if other == 1 else other for mine, other in pairs)


def _product(sizes: tuple[int, ...]) -> int:
    count = 1
    for size in sizes:
        count *= size
    return count


def outer(call: RelaxCall) -> Expr:
    """All products of the elements of two vectors."""
    (rows,), (columns,) = call.shape(call.expr(0)), call.shape(call.expr(1))
    return call.multiply(call.reshape(call.expr(0), (rows, 1)), call.reshape(call.expr(1), (1, columns)))


def attention(call: RelaxCall) -> Expr:
    """softmax(query key^T * scale + bias) value for every head; operands are [batch, length, heads, size]."""
    query, key, value = (_heads(call, call.expr(index)) for index in range(3))
    batch, length, heads, size = call.shape(call.expr(0))
    other = call.shape(call.expr(1))[1]
    if call.attrs["window_size"] is not None:
        call.refuse("attention to a window has no counterpart")
    scale = call.attrs["scale"]
    factor = float(scale) if scale is not None else size**-0.5
    products = call.relay("nn.batch_matmul", query, key, transpose_b=True)
    scores: Expr = call.multiply(products, call.like(factor, products))
    if len(call.args) > 3:
        grid = call.reshape(scores, (batch, heads, length, other))
        scores = call.reshape(call.add(grid, call.expr(3)), (batch * heads, length, other))
    if call.attrs["causal_mask"] is not None:
        later = other - length if call.attrs["causal_mask"] == "BottomRight" else 0
        hidden = np.where(np.tri(length, other, later, dtype=bool), 0, -np.inf)
        scores = call.add(scores, call.constant(hidden, call.dtype(scores)))
    weights = call.relay("nn.softmax", scores, axis=2)
    mixed = call.relay("nn.batch_matmul", weights, value, transpose_b=False)
    width = call.shape(call.expr(2))[3]
    return call.transpose(call.reshape(mixed, (batch, heads, length, width)), (0, 2, 1, 3))


def _heads(call: RelaxCall, value: Expr) -> Expr:
    batch, length, heads, size = call.shape(value)
    return call.reshape(call.transpose(value, (0, 2, 1, 3)), (batch * heads, length, size))


ROWS: RowTable = {
    "matmul": matmul,
    "nn.adaptive_avg_pool1d": one_dimensional(adaptive_average),
    "nn.adaptive_avg_pool2d": adaptive_average,
    "nn.attention": attention,
    "nn.attention_bias": attention,
    "nn.avg_pool1d": one_dimensional(pool2d("avg")),
    "nn.avg_pool2d": pool2d("avg"),
    "nn.avg_pool3d": average_of_planes,
    "nn.conv1d": one_dimensional(conv2d),
    "nn.conv1d_transpose": one_dimensional(conv2d_transpose),
    "nn.conv2d": conv2d,
    "nn.conv2d_transpose": conv2d_transpose,
    "nn.max_pool1d": one_dimensional(pool2d("max")),
    "nn.max_pool2d": pool2d("max"),
    "outer": outer,
}
