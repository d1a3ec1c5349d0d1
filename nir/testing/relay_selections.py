"""Steps that choose among the elements of any tensor: by place, by index, by size, by condition. No arithmetic."""

from __future__ import annotations

import numpy as np

from nir.testing.relay_draft import (
    Draft,
    Step,
    Tensor,
    alike,
    is_certain,
    is_exact,
    is_float,
    is_number,
    is_truth,
    numbers,
    widest,
    with_axis,
)


def _has_axes(tensor: Tensor) -> bool:
    return is_number(tensor) and bool(tensor.shape)


def strided_slice(draft: Draft) -> None:
    """Takes a part of one axis, every element or every other, from the front or from the back."""
    x = draft.source(lambda tensor: is_number(tensor) and max(tensor.shape, default=1) > 1)
    if x is None:
        return
    axis = draft.choose(*(axis for axis, extent in enumerate(x.shape) if extent > 1))
    begin = draft.integer(0, x.shape[axis] - 1)
    end = draft.integer(begin + 1, x.shape[axis])
    stride = draft.choose(1, 2, -1)
    shape = with_axis(x.shape, axis, -(-(end - begin) // abs(stride)))
    if stride < 0:
        begin, end = end - 1, begin - 1 - (x.shape[axis] if begin == 0 else 0)
    text = f"strided_slice({x.name}, begin=[{begin}], end=[{end}], strides=[{stride}], axes=[{axis}])"
    draft.result(x, text, x, shape=shape)


def slice_like(draft: Draft) -> None:
    """The first elements along each axis, as many as another tensor has."""
    x = draft.source(_has_axes)
    y = x and draft.source(lambda tensor: _within(tensor.shape, x.shape))
    if x is not None and y is not None:
        draft.result(x, f"slice_like({x.name}, {y.name}, axes=[])", x, y, shape=y.shape)


def _within(small: tuple[int, ...], large: tuple[int, ...]) -> bool:
    return len(small) == len(large) and all(a <= b for a, b in zip(small, large, strict=True))


def take(draft: Draft) -> None:
    """Elements of one axis by constant indices, or by indices that are computed; some are out of range."""
    x = draft.source(_has_axes)
    if x is None:
        return
    axis = draft.integer(0, len(x.shape) - 1)
    indices = draft.source(lambda tensor: tensor.dtype == "int32" and len(x.shape) - 1 + len(tensor.shape) <= 4)
    mode = draft.choose("clip", "wrap")
    if indices is not None and draft.choose(True, False):
        shape = with_axis(x.shape, axis, *indices.shape)
        draft.result(x, f'take({x.name}, {indices.name}, axis={axis}, mode="{mode}")', x, indices, shape=shape)
        return
    count = draft.integer(1, 4)
    chosen = draft.weight(draft.seed().integers(-2, x.shape[axis] + 2, count).astype(np.int32))
    shape = with_axis(x.shape, axis, count)
    draft.result(x, f'take({x.name}, {chosen}, axis={axis}, mode="{mode}")', x, shape=shape)


def gather(draft: Draft) -> None:
    """One element for each element of the indices."""
    x = draft.source(_has_axes)
    if x is None:
        return
    axis = draft.integer(0, len(x.shape) - 1)
    shape = with_axis(x.shape, axis, draft.integer(1, 3))
    if draft.fits(shape):
        indices = draft.weight(draft.seed().integers(0, x.shape[axis], shape).astype(np.int32))
        draft.result(x, f"gather({x.name}, {indices}, axis={axis})", x, shape=shape)


def gather_nd(draft: Draft) -> None:
    """Elements, or rows of them, by positions along the first axes."""
    x = draft.source(_has_axes)
    if x is None:
        return
    depth, count = draft.integer(1, len(x.shape)), draft.integer(1, 4)
    seed = draft.seed()
    places = np.stack([seed.integers(0, extent, count) for extent in x.shape[:depth]]).astype(np.int32)
    text = f"gather_nd({x.name}, {draft.weight(places)}, index_rank={depth})"
    draft.result(x, text, x, shape=(count, *x.shape[depth:]))


def pad(draft: Draft) -> None:
    """Puts zeros around an image and behind its channels, or repeats or mirrors its edges."""
    x = draft.source(lambda tensor: is_number(tensor) and len(tensor.shape) == 4)
    if x is None:
        return
    kind = draft.choose("constant", "edge", "reflect", "mirror_pad")
    reach = [0, *(2 if kind in ("constant", "edge") else min(2, extent - 1) for extent in x.shape[1:])]
    widths = [(draft.integer(0, min(1, most)), draft.integer(0, most)) for most in reach]
    shape = tuple(extent + sum(width) for extent, width in zip(x.shape, widths, strict=True))
    written = "[" + ", ".join(numbers(width) for width in widths) + "]"
    if kind == "mirror_pad":
        mode = draft.choose("SYMMETRIC", "REFLECT")
        draft.result(x, f'nn.mirror_pad({x.name}, mode="{mode}", pad_width={written})', x, shape=shape)
        return
    filling = x.zero_point if x.dtype != "float32" else draft.choose(0.0, -1.5)
    text = f'nn.pad({x.name}, {float(filling)}f, pad_width={written}, pad_mode="{kind}")'
    draft.result(x, text, x, shape=shape, magnitude=max(x.magnitude, 1.5 if is_float(x) else 0))


def extremum(draft: Draft) -> None:
    """The greater or lesser of two tensors with the same parameters, element by element; or along axes."""
    x = draft.source(is_number)
    if x is None:
        return
    if draft.choose(True, False) and len(x.shape) > 1:
        axis = draft.integer(1, len(x.shape) - 1)
        operator, keeps = draft.choose("max", "min"), draft.choose(True, False)
        shape = with_axis(x.shape, axis, *(1,) * keeps)
        draft.result(x, f"{operator}({x.name}, axis=[{axis}], keepdims={keeps})", x, shape=shape)
        return
    y = draft.source(lambda tensor: tensor.shape == x.shape and alike(x, tensor))
    if y is not None:
        draft.result(x, f"{draft.choose('maximum', 'minimum')}({x.name}, {y.name})", x, y, **widest(x, y))


def position(draft: Draft) -> None:
    """Where the greatest element is; of floats only where nobody can be in doubt which it is."""
    x = draft.source(lambda tensor: is_certain(tensor) and len(tensor.shape) > 1)
    if x is not None:
        axis = draft.integer(1, len(x.shape) - 1)
        shape, extent = with_axis(x.shape, axis), x.shape[axis]
        draft.integers(shape, f"{draft.choose('argmax', 'argmin')}({x.name}, axis=[{axis}])", x, magnitude=extent)


def sort(draft: Draft) -> None:
    """Elements in order, their places, or the first few of both; of floats that nobody doubts."""
    x = draft.source(lambda tensor: is_exact(tensor) and bool(tensor.shape))
    if x is None:
        return
    axis = draft.integer(0, len(x.shape) - 1)
    upwards, extent = draft.choose(True, False), x.shape[axis]
    options = f"axis={axis}, is_ascend={upwards}"
    operator = draft.choose("sort", "argsort", "values", "indices", "both")
    if operator == "sort":
        draft.result(x, f"sort({x.name}, {options})", x)
    elif operator == "argsort":
        draft.integers(x.shape, f'argsort({x.name}, {options}, dtype="int32")', x, magnitude=extent)
    else:
        count = draft.integer(1, extent)
        text = f'topk({x.name}, k={count}, {options}, ret_type="{operator}", dtype="int32")'
        _topk(draft, x, text, operator, with_axis(x.shape, axis, count), extent)


def _topk(draft: Draft, x: Tensor, text: str, wanted: str, shape: tuple[int, ...], extent: int) -> None:
    if wanted == "values":
        draft.result(x, text, x, shape=shape)
    elif wanted == "indices":
        draft.integers(shape, text, x, magnitude=extent)
    else:
        pair = draft.call(text, x)
        draft.tensors.append(Tensor(f"{pair}.0", shape, x.dtype, magnitude=x.magnitude))
        draft.tensors.append(Tensor(f"{pair}.1", shape, "int32", magnitude=extent))


def where(draft: Draft) -> None:
    """Elements of one tensor or of another with the same parameters, by a tensor of booleans."""
    x = draft.source(lambda tensor: is_number(tensor) and bool(tensor.shape))
    y = x and draft.source(lambda tensor: tensor.shape == x.shape and alike(x, tensor))
    chosen = x and draft.source(lambda tensor: is_truth(tensor) and _spreads(tensor.shape, x.shape))
    if x is not None and y is not None and chosen is not None:
        text = f"where({chosen.name}, {x.name}, {y.name})"
        draft.result(x, text, chosen, x, y, **widest(x, y))


def _spreads(given: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether a tensor is repeated to a shape of the same rank by numpy's rules."""
    return len(given) == len(wanted) and all(a in (1, b) for a, b in zip(given, wanted, strict=True))


STEPS = (
    Step(strided_slice, 1, ("strided_slice",)),
    Step(slice_like, 1, ("slice_like",)),
    Step(take, 1, ("take",)),
    Step(gather, 1, ("gather",)),
    Step(gather_nd, 1, ("gather_nd",)),
    Step(pad, 1, ("nn.pad", "nn.mirror_pad")),
    Step(extremum, 1, ("max", "min", "maximum", "minimum"), 2),
    Step(position, 1, ("argmax", "argmin"), 2),
    Step(sort, 1, ("sort", "argsort", "topk"), 3),
    Step(where, 1, ("where",), 2),
)
