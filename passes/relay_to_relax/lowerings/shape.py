"""Operators that give a tensor another shape, axis order or layout, and repeat its elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tvm import relax, te, topi

from nir.passes.relax_building.emitter import Value, constant, shape_of
from nir.passes.relay_to_relax.emitter import Lowering, Site


def _reshape(site: Site) -> Value:
    """To the shape that Relay inferred: it knows what 0, -1, -2, -3 and -4 stand for."""
    return site.emit(relax.op.reshape(site.args[0], site.result_shape()))


def _transpose(site: Site) -> Value:
    axes = site.attrs["axes"]
    rank = len(shape_of(site.args[0]))
    order = [axis % rank for axis in axes] if axes else list(reversed(range(rank)))
    return site.emit(relax.op.permute_dims(site.args[0], order))


def _broadcast(site: Site) -> Value:
    return site.emit(relax.op.broadcast_to(site.args[0], site.result_shape()))


def _tile(site: Site) -> Value:
    return site.emit(relax.op.tile(site.args[0], list(site.attrs["reps"])))


def _dyn_tile(site: Site) -> Value:
    return site.emit(relax.op.tile(site.args[0], site.static(1, "the number of repetitions").tolist()))


def _repeat(site: Site) -> Value:
    return site.emit(relax.op.repeat(site.args[0], site.attrs["repeats"], site.attrs["axis"]))


def _reverse(site: Site) -> Value:
    axis = site.attrs["axis"]
    return site.emit(relax.op.flip(site.args[0], axis if isinstance(axis, int) else axis[0]))


def _reverse_sequence(site: Site) -> Value:
    attrs = site.attrs
    return site.te(topi.reverse_sequence, *site.args, attrs["seq_axis"], attrs["batch_axis"])


def _blocks(function: Callable[..., Any]) -> Lowering:
    def lower(site: Site) -> Value:
        attrs = site.attrs
        arguments = [attrs["block_size"], attrs["layout"]]
        if function is topi.nn.depth_to_space:
            arguments.append(attrs["mode"])
        return site.te(function, site.args[0], *arguments)

    return lower


def _layout_transform(site: Site) -> Value:
    return site.te(topi.layout_transform, site.args[0], site.attrs["src_layout"], site.attrs["dst_layout"])


def _collapse_sum(site: Site) -> Value:
    shape = site.result_shape()
    return site.te(lambda x: topi.collapse_sum(x, shape), site.args[0], name="collapse_sum")


def _shape_of(site: Site) -> Value:
    return constant(shape_of(site.args[0]), site.result_type().dtype)


def _element_count(site: Site) -> Value:
    count = 1
    for extent in shape_of(site.args[0]):
        count *= extent
    return constant(count, site.result_type().dtype)


def _yolo_reorg(site: Site) -> Value:
    """Cells of stride x stride pixels become channels, in the order of Darknet's reorg layer; data is NCHW.

    Darknet reads the data as if it had c / stride² channels of (h stride) x (w stride) pixels.
    """
    stride = site.attrs["stride"]
    batch, channels, height, width = shape_of(site.args[0])
    coarse = channels // (stride * stride)

    def yolo_reorg(flat: te.Tensor) -> te.Tensor:
        def cell(b: Any, k: Any, j: Any, i: Any) -> Any:
            offset = k // coarse
            row, column = j * stride + offset // stride, i * stride + offset % stride
            channel = b * coarse + k % coarse
            return flat((channel * height * stride + row) * width * stride + column)

        return te.compute((batch, channels, height, width), cell)

    flat = site.emit(relax.op.reshape(site.args[0], [batch * channels * height * width]))
    return site.emit(relax.op.reshape(site.te(yolo_reorg, flat), site.result_shape()))


LOWERINGS: dict[str, Lowering] = {
    "broadcast_to": _broadcast,
    "broadcast_to_like": _broadcast,
    "collapse_sum_like": _collapse_sum,
    "collapse_sum_to": _collapse_sum,
    "contrib_reverse_reshape": _reshape,
    "dyn.broadcast_to": _broadcast,
    "dyn.expand_dims": _reshape,
    "dyn.reshape": _reshape,
    "dyn.squeeze": _reshape,
    "dyn.tile": _dyn_tile,
    "expand_dims": _reshape,
    "layout_transform": _layout_transform,
    "ndarray_size": _element_count,
    "nn.batch_flatten": _reshape,
    "nn.depth_to_space": _blocks(topi.nn.depth_to_space),
    "nn.space_to_depth": _blocks(topi.nn.space_to_depth),
    "repeat": _repeat,
    "reshape": _reshape,
    "reshape_like": _reshape,
    "reverse": _reverse,
    "reverse_sequence": _reverse_sequence,
    "shape_of": _shape_of,
    "squeeze": _reshape,
    "tile": _tile,
    "transpose": _transpose,
    "vision.yolo_reorg": _yolo_reorg,
}
