"""Steps that put the elements of any tensor into another shape or order, or join tensors: no arithmetic."""

from __future__ import annotations

import math

from nir.testing.relay_draft import Draft, Step, Tensor, alike, is_number, numbers, widest, with_axis


def _any(_tensor: Tensor) -> bool:
    return True


def transpose(draft: Draft) -> None:
    """Permutes the axes behind the first, or reverses all."""
    x = draft.source(lambda tensor: len(tensor.shape) > 2)
    if x is None:
        return
    if x.shape[0] == x.shape[-1] and draft.choose(False, True):
        draft.result(x, f"transpose({x.name}, axes=None)", x, shape=x.shape[::-1])
        return
    order = [0, *(1 + axis for axis in draft.choose(*_orders(len(x.shape) - 1)))]
    draft.result(x, f"transpose({x.name}, axes={numbers(order)})", x, shape=tuple(x.shape[axis] for axis in order))


def _orders(rank: int) -> list[tuple[int, ...]]:
    straight = tuple(range(rank))
    return [straight[shift:] + straight[:shift] for shift in range(1, rank)] + [straight[::-1]]


def layout_transform(draft: Draft) -> None:
    """From one layout of images to the other, or with blocks of channels behind."""
    x = draft.source(lambda tensor: len(tensor.shape) == 4)
    if x is None:
        return
    source, target = draft.choose(("NHWC", "NCHW"), ("NCHW", "NHWC"))
    order = [source.index(letter) for letter in target]
    shape = tuple(x.shape[axis] for axis in order)
    if shape[target.index("C")] % 2 == 0 and draft.choose(False, True):
        shape, target = (*with_axis(shape, target.index("C"), shape[target.index("C")] // 2), 2), target + "2c"
    draft.result(x, f'layout_transform({x.name}, src_layout="{source}", dst_layout="{target}")', x, shape=shape)


def reshape(draft: Draft) -> None:
    """Joins all axes behind the first, or gives them other extents."""
    x = draft.source(_any)
    if x is None:
        return
    first = x.shape[0] if x.shape else 1
    rest = math.prod(x.shape[1:])
    half = rest // 2 if rest % 2 == 0 else rest
    shape = draft.choose(
        (first, rest), (first, rest // half, half), (first, 1, rest, 1), (first, rest // half, 1, half)
    )
    written = draft.choose(shape, (*shape[:-1], -1))
    if len(shape) == 2 and len(x.shape) > 1 and draft.choose(True, False):
        draft.result(x, f"nn.batch_flatten({x.name})", x, shape=shape)
    else:
        draft.result(x, f"reshape({x.name}, newshape={numbers(written)})", x, shape=shape)


def reshape_like(draft: Draft) -> None:
    """The shape of another tensor of as many elements."""
    x = draft.source(_any)
    y = x and draft.source(lambda tensor: math.prod(tensor.shape) == math.prod(x.shape))
    if x is not None and y is not None:
        draft.result(x, f"reshape_like({x.name}, {y.name})", x, y, shape=y.shape)


def squeeze(draft: Draft) -> None:
    """Takes out an axis of extent 1, or all of them, or puts one or two in."""
    x = draft.source(_any)
    if x is None:
        return
    ones = [axis for axis, extent in enumerate(x.shape) if axis and extent == 1]
    if ones and len(x.shape) > 2 and draft.choose(True, False):
        axis = draft.choose(*ones)
        if draft.integer(0, 3) == 3:
            shape = tuple(extent for extent in x.shape if extent != 1)
            draft.result(x, f"squeeze({x.name})", x, shape=shape)
        else:
            draft.result(x, f"squeeze({x.name}, axis=[{axis}])", x, shape=with_axis(x.shape, axis))
    elif len(x.shape) < 4:
        axis = draft.integer(min(1, len(x.shape)), len(x.shape))
        count = draft.integer(1, min(2, 4 - len(x.shape)))
        shape = (*x.shape[:axis], *(1,) * count, *x.shape[axis:])
        draft.result(x, f"expand_dims({x.name}, axis={axis}, num_newaxis={count})", x, shape=shape)


def split(draft: Draft) -> None:
    """Cuts an axis into two tensors, equal or not, of which one or both are used."""
    x = draft.source(lambda tensor: max(tensor.shape[1:], default=1) > 1)
    if x is None:
        return
    axis = draft.choose(*(axis for axis, extent in enumerate(x.shape) if axis and extent > 1))
    extent = x.shape[axis]
    edge = draft.choose(extent // 2, draft.integer(1, extent - 1))
    equal = 2 * edge == extent and draft.choose(True, False)
    pair = draft.call(f"split({x.name}, indices_or_sections={2 if equal else [edge]}, axis={axis})", x)
    for index in draft.choose((0,), (1,), (1, 0)):
        shape = with_axis(x.shape, axis, (edge, extent - edge)[index])
        draft.tensors.append(_named(x, f"{pair}.{index}", shape))


def _named(like: Tensor, name: str, shape: tuple[int, ...]) -> Tensor:
    return Tensor(name, shape, like.dtype, like.scale, like.zero_point, like.magnitude, like.error)


def concatenate(draft: Draft) -> None:
    """Puts two tensors with the same parameters, perhaps one tensor twice, behind each other."""
    x = draft.source(lambda tensor: is_number(tensor) and bool(tensor.shape))
    if x is None:
        return
    axis = draft.integer(0 if len(x.shape) == 1 else 1, len(x.shape) - 1)
    y = draft.source(lambda tensor: _joinable(x, tensor, axis))
    if y is None:
        return
    shape = with_axis(x.shape, axis, x.shape[axis] + y.shape[axis])
    pair = draft.bind(f"({x.name}, {y.name})", x, y) if draft.choose(False, True) else f"({x.name}, {y.name})"
    written = draft.choose(axis, axis - len(x.shape))
    draft.result(x, f"concatenate({pair}, axis={written})", x, y, shape=shape, **widest(x, y))


def _joinable(x: Tensor, y: Tensor, axis: int) -> bool:
    return (
        alike(x, y)
        and len(x.shape) == len(y.shape)
        and all(a == b or index == axis for index, (a, b) in enumerate(zip(x.shape, y.shape, strict=True)))
    )


def stack(draft: Draft) -> None:
    """Joins tensors of one shape along a new axis."""
    x = draft.source(lambda tensor: is_number(tensor) and len(tensor.shape) < 4)
    y = x and draft.source(lambda tensor: alike(x, tensor) and tensor.shape == x.shape)
    if x is None or y is None:
        return
    axis = draft.integer(0, len(x.shape))
    shape = (*x.shape[:axis], 2, *x.shape[axis:])
    draft.result(x, f"stack(({x.name}, {y.name}), axis={axis})", x, y, shape=shape, **widest(x, y))


def tile(draft: Draft) -> None:
    """Repeats the whole, or each element, along one axis."""
    x = draft.source(lambda tensor: is_number(tensor) and bool(tensor.shape))
    if x is None:
        return
    axis = draft.integer(0, len(x.shape) - 1)
    times = draft.integer(1, 3)
    shape = with_axis(x.shape, axis, times * x.shape[axis])
    if draft.choose(True, False):
        repetitions = [times, *(1 for _ in x.shape[axis + 1 :])]  # fewer than there are axes
        draft.result(x, f"tile({x.name}, reps={numbers(repetitions)})", x, shape=shape)
    else:
        draft.result(x, f"repeat({x.name}, repeats={times}, axis={axis})", x, shape=shape)


def broadcast(draft: Draft) -> None:
    """Repeats an axis of extent 1, to a shape that is written or that of another tensor."""
    x = draft.source(lambda tensor: is_number(tensor) and 1 in tensor.shape)
    if x is None:
        return
    y = draft.source(lambda tensor: _repeats_to(x.shape, tensor.shape))
    if y is not None and draft.choose(True, False):
        draft.result(x, f"broadcast_to_like({x.name}, {y.name})", x, y, shape=y.shape)
        return
    shape = tuple(draft.integer(1, 3) if extent == 1 else extent for extent in x.shape)
    if len(shape) < 4 and draft.choose(False, True):
        shape = (2, *shape)
    draft.result(x, f"broadcast_to({x.name}, shape={numbers(shape)})", x, shape=shape)


def _repeats_to(given: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    ending = wanted[len(wanted) - len(given) :]
    return len(ending) == len(given) and all(a in (1, b) for a, b in zip(given, ending, strict=True))


def reverse(draft: Draft) -> None:
    """Turns one axis around."""
    x = draft.source(lambda tensor: is_number(tensor) and bool(tensor.shape))
    if x is not None:
        draft.result(x, f"reverse({x.name}, axis={draft.integer(0, len(x.shape) - 1)})", x)


def dropout(draft: Draft) -> None:
    """Drops nothing, since nothing is trained; its second result stays unused."""
    x = draft.source(lambda tensor: tensor.dtype == "float32")
    if x is not None and draft.fits(x.shape):
        made = draft.call(f"nn.dropout({x.name}, rate=0.5f)", x)
        draft.tensors.append(_named(x, f"{made}.0", x.shape))


def copy(draft: Draft) -> None:
    """The same once more."""
    x = draft.source(_any)
    if x is not None:
        draft.result(x, f"copy({x.name})", x)


STEPS = (
    Step(transpose, 1, ("transpose",)),
    Step(layout_transform, 1, ("layout_transform",)),
    Step(reshape, 1, ("reshape", "nn.batch_flatten")),
    Step(reshape_like, 1, ("reshape_like",)),
    Step(squeeze, 1, ("squeeze", "expand_dims")),
    Step(split, 1, ("split",)),
    Step(concatenate, 1, ("concatenate",)),
    Step(stack, 1, ("stack",)),
    Step(tile, 1, ("tile", "repeat")),
    Step(broadcast, 1, ("broadcast_to", "broadcast_to_like")),
    Step(reverse, 1, ("reverse",)),
    Step(copy, 1, ("copy",)),
    Step(dropout, 1, ("nn.dropout",)),
)
