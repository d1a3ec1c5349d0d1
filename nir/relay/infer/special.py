"""Typing rules of rare operators: sampling of images, losses, einsum, ranges, and what depends on constant arguments."""

from __future__ import annotations

import math

from nir.relay.expr import Constant
from nir.relay.infer.convolution import convolution
from nir.relay.infer.layout import read_layout, read_padding, window_extent
from nir.relay.infer.site import CallSite, CannotInfer, Rule
from nir.relay.types import Dimension, TensorType, TupleType, Type

_LONGEST_RANGE = 2**31


def _constant(site: CallSite, index: int) -> float:
    """The value of argument `index`, if it is a known scalar."""
    argument = site.call.args[index]
    if not isinstance(argument, Constant) or argument.data.size != 1:
        raise CannotInfer
    return float(argument.data.item())


def _arange(site: CallSite) -> Type:
    start, stop, step = (_constant(site, index) for index in range(3))
    if step == 0 or not all(map(math.isfinite, (start, stop, step))):
        raise site.error("a range needs finite ends and a step", found=(start, stop, step))
    length = max(0, math.ceil((stop - start) / step))
    if length > _LONGEST_RANGE:
        raise site.error("the range is absurdly long", found=length)
    return TensorType((length,), site.dtype("dtype", site.tensor().dtype))


def _argwhere(site: CallSite) -> Type:
    return TensorType((None, site.tensor().rank), "int32")


def _unravel_index(site: CallSite) -> Type:
    indices, shape = site.tensor(0), site.ranked(1, 1)
    return TensorType((*shape.shape, *indices.shape), indices.dtype)


def _searchsorted(site: CallSite) -> Type:
    return TensorType(site.tensor(1).shape, site.dtype("dtype", "int32"))


def _cross_entropy(site: CallSite) -> Type:
    left, right = site.tensor(0), site.tensor(1)
    if left != right:
        raise site.error("the arguments have different types", expected=left, found=right)
    return TensorType((), left.dtype)


def _nll_loss(site: CallSite) -> Type:
    predictions, targets = site.tensor(0), site.tensor(1)
    return TensorType(targets.shape if site.attrs["reduction"] == "none" else (), predictions.dtype)


def _affine_grid(site: CallSite) -> Type:
    data = site.ranked(3)
    return TensorType((data.shape[0], 2, *site.integers("target_shape", 2)), data.dtype)


def _grid_sample(site: CallSite) -> Type:
    data, grid = site.tensor(0), site.tensor(1)
    site.ranked(data.rank, 1)
    if site.attrs["layout"] not in ("NCHW", "NCDHW") or data.rank != len(site.attrs["layout"]):
        raise site.error("unknown layout", expected="NCHW or NCDHW", found=site.attrs["layout"])
    return TensorType((*data.shape[:2], *grid.shape[2:]), data.dtype)


def _crop_and_resize(site: CallSite) -> Type:
    data, boxes = site.tensor(0), site.ranked(2, 1)
    layout = read_layout(site, "layout", "NCHW")
    height, width = site.integers("crop_size", 2)
    extents = {"N": boxes.shape[0], "C": layout.get(data.shape, "C"), "H": height, "W": width}
    return TensorType(layout.arrange(extents), site.dtype("out_dtype", data.dtype))


def _dilation2d(site: CallSite) -> Type:
    data, weight = site.tensor(0), site.ranked(3, 1)
    layout = read_layout(site, "data_layout", "NCHW")
    kernel_layout = site.attrs["kernel_layout"]
    if sorted(kernel_layout) != sorted("IHW"):
        raise site.error("unknown layout", expected="IHW", found=kernel_layout)
    strides, dilations = site.integers("strides", 2), site.integers("dilations", 2)
    extents = {letter: layout.get(data.shape, letter) for letter in layout.text}
    for position, (letter, padding) in enumerate(zip("HW", read_padding(site, 2), strict=True)):
        kernel = weight.shape[kernel_layout.index(letter)]
        if kernel is None:
            raise CannotInfer
        extents[letter] = window_extent(site, extents[letter], kernel, strides[position], dilations[position], padding)
    return TensorType(layout.arrange(extents), site.dtype("out_dtype", data.dtype))


def _deformable_convolution(site: CallSite) -> Type:
    plain = CallSite(site.call, (site.types[0], site.types[2]))
    return convolution(plain, 2)


def _dilate(site: CallSite) -> Type:
    data = site.tensor()
    strides = site.integers("strides", data.rank)
    shape = tuple(
        None if extent is None else (extent - 1) * stride + 1
        for extent, stride in zip(data.shape, strides, strict=True)
    )
    return TensorType(shape, data.dtype)


def _einsum(site: CallSite) -> Type:
    fields = site.tensors()
    left, arrow, right = str(site.attrs["equation"]).replace(" ", "").partition("->")
    subscripts = left.split(",")
    letters = left.replace(",", "")
    if not letters.isalpha() or not (right + "a").isalpha():
        raise CannotInfer
    if not arrow:
        right = "".join(sorted(letter for letter in set(letters) if letters.count(letter) == 1))
    if len(subscripts) != len(fields) or not set(right) <= set(letters):
        raise site.error("the equation does not fit the arguments", found=site.attrs["equation"])
    extents: dict[str, Dimension] = {}
    for subscript, field in zip(subscripts, fields, strict=True):
        if len(subscript) != field.rank:
            raise site.error("the equation does not fit an argument", expected=subscript, found=field)
        for letter, extent in zip(subscript, field.shape, strict=True):
            extents[letter] = site.broadcast((extents.get(letter, 1),), (extent,))[0]
    return TensorType(tuple(extents[letter] for letter in right), fields[0].dtype)


def _sliding_window(site: CallSite) -> Type:
    data = site.tensor()
    axis = site.axis(site.attrs["axis"], data.rank)
    window, strides = site.integers("window_shape"), site.integers("strides")
    if len(window) != data.rank - axis or len(strides) != len(window):
        raise site.error("'window_shape' and 'strides' must cover the axes from 'axis' on", found=window)
    counts = tuple(
        window_extent(site, extent, size, stride, 1, (0, 0))
        for extent, size, stride in zip(data.shape[axis:], window, strides, strict=True)
    )
    return TensorType((*data.shape[:axis], *counts, *window), data.dtype)


def _advanced_index(site: CallSite) -> Type:
    data, *indices = site.tensors()
    if not indices or len(indices) > data.rank:
        raise site.error("the number of indices does not fit the data", expected=data, found=len(indices))
    shape = indices[0].shape
    for index in indices[1:]:
        shape = site.broadcast(shape, index.shape)
    return TensorType((*shape, *data.shape[len(indices) :]), data.dtype)


def _sparse_to_dense(site: CallSite) -> Type:
    return TensorType(site.integers("output_shape"), site.tensor(1).dtype)


def _region(site: CallSite) -> Type:
    data, regions = site.tensor(0), site.ranked(2, 1)
    layout = read_layout(site, "layout", "NCHW")
    height, width = site.integers("pooled_size", 2)
    extents = {"N": regions.shape[0], "C": layout.get(data.shape, "C"), "H": height, "W": width}
    return TensorType(layout.arrange(extents), data.dtype)


def _valid_counts(site: CallSite) -> Type:
    data = site.ranked(3)
    return TupleType((TensorType(data.shape[:1], "int32"), data, TensorType(data.shape[:2], "int32")))


def _buffer(site: CallSite) -> Type:
    return site.tensor(1)


def _simulated(site: CallSite) -> Type:
    return TensorType(site.tensor().shape, "float32")


RULES: dict[str, Rule] = {
    "adv_index": _advanced_index,
    "arange": _arange,
    "argwhere": _argwhere,
    "einsum": _einsum,
    "image.affine_grid": _affine_grid,
    "image.crop_and_resize": _crop_and_resize,
    "image.dilation2d": _dilation2d,
    "image.grid_sample": _grid_sample,
    "nn.cross_entropy": _cross_entropy,
    "nn.cross_entropy_with_logits": _cross_entropy,
    "nn.deformable_conv2d": _deformable_convolution,
    "nn.dilate": _dilate,
    "nn.fifo_buffer": _buffer,
    "nn.nll_loss": _nll_loss,
    "qnn.simulated_dequantize": _simulated,
    "qnn.simulated_quantize": _simulated,
    "searchsorted": _searchsorted,
    "sliding_window": _sliding_window,
    "sparse_to_dense": _sparse_to_dense,
    "unravel_index": _unravel_index,
    "vision.get_valid_counts": _valid_counts,
    "vision.roi_align": _region,
    "vision.roi_pool": _region,
}
