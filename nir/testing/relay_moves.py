"""Steps that move the elements of any tensor, and choose among them: no arithmetic."""

from __future__ import annotations

import math

from nir.testing.relay_draft import Draft, Tensor, image_shape, is_quantised, spatial


def _any(_tensor: Tensor) -> bool:
    return True


def _rank4(tensor: Tensor) -> bool:
    return len(tensor.shape) == 4


def numbers(values: tuple[int, ...] | list[int]) -> str:
    """A list of integers in Relay's text."""
    return "[" + ", ".join(map(str, values)) + "]"


def transpose(draft: Draft) -> None:
    """Permutes the axes behind the first."""
    x = draft.source(lambda tensor: len(tensor.shape) > 2)
    if x is not None:
        order = [0, *(1 + axis for axis in draft.choose(*_orders(len(x.shape) - 1)))]
        draft.result(x, f"transpose({x.name}, axes={numbers(order)})", x, shape=tuple(x.shape[axis] for axis in order))


def _orders(rank: int) -> list[tuple[int, ...]]:
    straight = tuple(range(rank))
    return [straight[shift:] + straight[:shift] for shift in range(1, rank)] + [straight[::-1]]


def reshape(draft: Draft) -> None:
    """Joins all axes behind the first, or gives them other extents."""
    x = draft.source(_any)
    if x is None:
        return
    rest = math.prod(x.shape[1:])
    half = rest // 2 if rest % 2 == 0 else rest
    shape = draft.choose((x.shape[0], rest), (x.shape[0], 1, rest, 1), (x.shape[0], rest // half, 1, half))
    written = draft.choose(shape, (*shape[:-1], -1))
    if len(shape) == 2 and draft.choose(True, False):
        draft.result(x, f"nn.batch_flatten({x.name})", x, shape=shape)
    else:
        draft.result(x, f"reshape({x.name}, newshape={numbers(written)})", x, shape=shape)


def strided_slice(draft: Draft) -> None:
    """Takes a part of one axis."""
    x = draft.source(lambda tensor: max(tensor.shape) > 1)
    if x is None:
        return
    axis = draft.choose(*(axis for axis, extent in enumerate(x.shape) if extent > 1))
    begin = draft.integer(0, x.shape[axis] - 1)
    end = draft.integer(begin + 1, x.shape[axis])
    stride = draft.choose(1, 2)
    shape = (*x.shape[:axis], -(-(end - begin) // stride), *x.shape[axis + 1 :])
    text = f"strided_slice({x.name}, begin=[{begin}], end=[{end}], strides=[{stride}], axes=[{axis}])"
    draft.result(x, text, x, shape=shape)


def split(draft: Draft) -> None:
    """Cuts an axis into two tensors, of which one or both are used."""
    x = draft.source(lambda tensor: any(extent % 2 == 0 for extent in tensor.shape[1:]))
    if x is None:
        return
    axis = draft.choose(*(axis for axis, extent in enumerate(x.shape) if axis and extent % 2 == 0))
    pair = draft.call(f"split({x.name}, indices_or_sections=2, axis={axis})", x)
    shape = (*x.shape[:axis], x.shape[axis] // 2, *x.shape[axis + 1 :])
    for index in draft.choose((0,), (1,), (1, 0)):
        draft.tensors.append(_named(x, f"{pair}.{index}", shape))


def _named(like: Tensor, name: str, shape: tuple[int, ...]) -> Tensor:
    return Tensor(name, shape, like.dtype, like.scale, like.zero_point, like.magnitude, like.error)


def concatenate(draft: Draft) -> None:
    """Puts two tensors with the same parameters, perhaps one tensor twice, behind each other."""
    x = draft.source(_any)
    if x is None:
        return
    axis = draft.integer(0 if len(x.shape) == 1 else 1, len(x.shape) - 1)
    y = draft.source(lambda tensor: _joinable(x, tensor, axis))
    if y is None:
        return
    shape = (*x.shape[:axis], x.shape[axis] + y.shape[axis], *x.shape[axis + 1 :])
    pair = draft.bind(f"({x.name}, {y.name})", x, y) if draft.choose(False, True) else f"({x.name}, {y.name})"
    bounds = {"magnitude": max(x.magnitude, y.magnitude), "error": max(x.error, y.error)}
    draft.result(x, f"concatenate({pair}, axis={axis})", x, y, shape=shape, **bounds)


def _joinable(x: Tensor, y: Tensor, axis: int) -> bool:
    return (
        (x.dtype, x.scale, x.zero_point) == (y.dtype, y.scale, y.zero_point)
        and len(x.shape) == len(y.shape)
        and all(a == b or index == axis for index, (a, b) in enumerate(zip(x.shape, y.shape, strict=True)))
    )


def pad(draft: Draft) -> None:
    """Puts zeros around an image, and behind its channels."""
    x = draft.source(_rank4)
    if x is not None:
        widths = [(0, 0), *((draft.integer(0, 1), draft.integer(0, 2)) for _ in range(3))]
        shape = tuple(extent + sum(width) for extent, width in zip(x.shape, widths, strict=True))
        written = "[" + ", ".join(numbers(width) for width in widths) + "]"
        draft.result(x, f"nn.pad({x.name}, {x.zero_point}f, pad_width={written})", x, shape=shape)


def squeeze(draft: Draft) -> None:
    """Takes out an axis of extent 1, or puts one in."""
    x = draft.source(_any)
    if x is None:
        return
    ones = [axis for axis, extent in enumerate(x.shape) if axis and extent == 1]
    if ones and len(x.shape) > 2 and draft.choose(True, False):
        axis = draft.choose(*ones)
        draft.result(x, f"squeeze({x.name}, axis=[{axis}])", x, shape=x.shape[:axis] + x.shape[axis + 1 :])
    elif len(x.shape) < 4:
        axis = draft.integer(1, len(x.shape))
        draft.result(x, f"expand_dims({x.name}, axis={axis})", x, shape=(*x.shape[:axis], 1, *x.shape[axis:]))


def max_pool(draft: Draft) -> None:
    """The greatest element of each window."""
    layout = draft.choose("NHWC", "NCHW")
    x = draft.source(lambda tensor: _rank4(tensor) and min(spatial(tensor, layout)[:2]) >= 2)
    if x is None:
        return
    rows, columns, channels = spatial(x, layout)
    step, padding = draft.choose(2, 1), draft.choose(0, 1)
    high, wide = ((side + 2 * padding - 2) // step + 1 for side in (rows, columns))
    text = f'nn.max_pool2d({x.name}, pool_size=[2, 2], strides=[{step}, {step}], padding=[{padding}, {padding}], layout="{layout}")'
    draft.result(x, text, x, shape=image_shape(x.shape[0], high, wide, channels, layout))


def extremum(draft: Draft) -> None:
    """The greater or lesser of two tensors with the same parameters, element by element; or along an axis."""
    x = draft.source(_any)
    if x is None:
        return
    if draft.choose(True, False) and len(x.shape) > 1:
        axis = draft.integer(1, len(x.shape) - 1)
        shape = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
        draft.result(x, f"{draft.choose('max', 'min')}({x.name}, axis=[{axis}], keepdims=True)", x, shape=shape)
        return
    y = draft.source(lambda tensor: tensor.shape == x.shape and _joinable(x, tensor, 0))
    if y is not None:
        bounds = {"magnitude": max(x.magnitude, y.magnitude), "error": max(x.error, y.error)}
        draft.result(x, f"{draft.choose('maximum', 'minimum')}({x.name}, {y.name})", x, y, **bounds)


def position(draft: Draft) -> None:
    """Where the greatest element is; of floats only where nobody can be in doubt which it is."""
    x = draft.source(lambda tensor: len(tensor.shape) > 1 and (is_quantised(tensor) or tensor.error == 0))
    if x is not None:
        axis = draft.integer(1, len(x.shape) - 1)
        shape = x.shape[:axis] + x.shape[axis + 1 :]
        draft.integers(shape, f"{draft.choose('argmax', 'argmin')}({x.name}, axis=[{axis}])", x)


STEPS = {
    transpose: 1,
    reshape: 1,
    strided_slice: 1,
    split: 1,
    concatenate: 1,
    pad: 1,
    squeeze: 1,
    max_pool: 1,
    extremum: 1,
    position: 1,
}
"""Every step, and how many operators it adds at most."""
