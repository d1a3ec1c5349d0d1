"""Steps on integers that stand for themselves, on booleans, and on constants that an operator makes.

Magnitudes of integers stay far from those of int32, and from 2^24, up to which float32 has every integer.
"""

from __future__ import annotations

import math

from nir.testing.relay_draft import (
    Draft,
    Step,
    Tensor,
    alike,
    is_exact,
    is_integer,
    is_number,
    is_truth,
    numbers,
    with_axis,
)

_GREATEST = 1e6
_COMPARISONS = ("equal", "not_equal", "greater", "greater_equal", "less", "less_equal")
_DIVISIONS = ("divide", "floor_divide", "floor_mod", "mod", "trunc_divide", "trunc_mod")


def _small(tensor: Tensor) -> bool:
    return is_integer(tensor) and tensor.magnitude <= _GREATEST


def arithmetic(draft: Draft) -> None:
    """Sums, differences and products of integers."""
    x = draft.source(_small)
    y = x and draft.source(lambda tensor: _small(tensor) and tensor.shape == x.shape)
    if x is None or y is None:
        return
    operator = draft.choose("add", "subtract", "multiply")
    magnitude = x.magnitude * y.magnitude if operator == "multiply" else x.magnitude + y.magnitude
    if magnitude <= _GREATEST:
        draft.integers(x.shape, f"{operator}({x.name}, {y.name})", x, y, magnitude=magnitude)


def division(draft: Draft) -> None:
    """Quotients and what they leave, rounded down or cut off."""
    x = draft.source(_small)
    if x is not None:
        text = f"{draft.choose(*_DIVISIONS)}({x.name}, {draft.choose(3, -3, 1, 7)})"
        draft.integers(x.shape, text, x, magnitude=max(x.magnitude, 7))


def part(draft: Draft) -> None:
    """Magnitude, sign, the opposite, and what is within bounds."""
    x = draft.source(_small)
    if x is not None:
        operator = draft.choose("abs({})", "negative({})", "sign({})", "clip({}, a_min=-5f, a_max=9f)", "nn.relu({})")
        draft.integers(x.shape, operator.format(x.name), x, magnitude=max(x.magnitude, 1))


def reduction(draft: Draft) -> None:
    """Sums, products and means along an axis."""
    x = draft.source(lambda tensor: _small(tensor) and len(tensor.shape) > 1)
    if x is None:
        return
    axis, operator = draft.integer(1, len(x.shape) - 1), draft.choose("sum", "prod", "mean")
    terms = x.shape[axis]
    magnitude = {"sum": terms * x.magnitude, "prod": max(x.magnitude, 1) ** terms}.get(operator, x.magnitude)
    if terms * magnitude <= _GREATEST:
        draft.integers(with_axis(x.shape, axis), f"{operator}({x.name}, axis=[{axis}])", x, magnitude=magnitude)


def comparison(draft: Draft) -> None:
    """Two tensors with the same parameters compared, of floats those that nobody doubts."""
    x = draft.source(lambda tensor: is_number(tensor) and tensor.error == 0)
    y = x and draft.source(lambda tensor: tensor.error == 0 and alike(x, tensor) and tensor.shape == x.shape)
    if x is not None and y is not None:
        draft.truths(x.shape, f"{draft.choose(*_COMPARISONS)}({x.name}, {y.name})", x, y)


def threshold(draft: Draft) -> None:
    """Floats or integers compared with a number, or asked whether they are finite."""
    x = draft.source(lambda tensor: is_exact(tensor) or is_integer(tensor))
    if x is None:
        return
    if is_exact(x) and draft.choose(False, True):
        draft.truths(x.shape, f"{draft.choose('isnan', 'isinf', 'isfinite')}({x.name})", x)
    else:
        number = draft.choose("0f", "1.5f") if is_exact(x) else draft.choose("0", "2")
        draft.truths(x.shape, f"{draft.choose(*_COMPARISONS)}({x.name}, {number})", x)


def logic(draft: Draft) -> None:
    """Two truths joined, or one turned around."""
    x = draft.source(is_truth)
    y = x and draft.source(lambda tensor: is_truth(tensor) and tensor.shape == x.shape)
    if x is None or y is None:
        return
    operator = draft.choose("logical_and", "logical_or", "logical_xor", "logical_not")
    both = "" if operator == "logical_not" else f", {y.name}"
    draft.truths(x.shape, f"{operator}({x.name}{both})", x, *((y,) if both else ()))


def verdict(draft: Draft) -> None:
    """Whether any, or all, along an axis are true."""
    x = draft.source(lambda tensor: is_truth(tensor) and len(tensor.shape) > 1)
    if x is not None:
        axis, keeps = draft.integer(1, len(x.shape) - 1), draft.choose(True, False)
        shape = with_axis(x.shape, axis, *(1,) * keeps)
        draft.truths(shape, f"{draft.choose('any', 'all')}({x.name}, axis=[{axis}], keepdims={keeps})", x)


def cast(draft: Draft) -> None:
    """Truths to numbers, whole numbers to floats, floats to integers by cutting off, and integers to few bits."""
    x = draft.source(lambda tensor: is_truth(tensor) or is_exact(tensor) or _small(tensor))
    if x is None or x.magnitude > _GREATEST:
        return
    kind = draft.choose("float32", "int32", "narrow")
    if kind == "narrow" and is_integer(x) and draft.fits(x.shape):
        narrow = draft.call(f'cast({x.name}, dtype="{draft.choose("int8", "uint8", "int16")}")', x)  # bits are lost
        draft.integers(x.shape, f'cast({narrow}, dtype="int32")', magnitude=2**16)
    elif kind == "float32":
        draft.floats(x.shape, f'cast({x.name}, dtype="float32")', x, magnitude=x.magnitude + 1)
    else:
        draft.integers(x.shape, f'cast({x.name}, dtype="int32")', x, magnitude=x.magnitude + 1)


def cast_like(draft: Draft) -> None:
    """The type of another tensor."""
    x = draft.source(lambda tensor: is_exact(tensor) and tensor.magnitude <= _GREATEST)
    y = x and draft.source(is_integer)
    if x is not None and y is not None:
        draft.integers(x.shape, f"cast_like({x.name}, {y.name})", x, y, magnitude=x.magnitude + 1)


def creation(draft: Draft) -> None:
    """Constants that operators make."""
    shape = (1, *(draft.integer(1, 3) for _ in range(draft.integer(1, 3))))
    kind, number = draft.choose("float32", "int32"), draft.choose(2, -3)
    written = f'shape={numbers(shape)}, dtype="{kind}"'
    operator = draft.choose("full", "zeros", "ones", "arange")
    if operator == "arange":
        suffix = "f" if kind == "float32" else ""
        text, shape = f'arange(0{suffix}, {2 * number}{suffix}, {number}{suffix}, dtype="{kind}")', (2,)
    elif operator == "full":
        text = f"full({number}{'f' if kind == 'float32' else ''}, {written})"
    else:
        text = f"{operator}({written})"
    draft.result(Tensor("", shape, kind, magnitude=3), text)


def creation_like(draft: Draft) -> None:
    """Constants of the shape and type of a tensor."""
    x = draft.source(lambda tensor: is_exact(tensor) or is_integer(tensor))
    if x is not None:
        operator = draft.choose("zeros_like({})", "ones_like({})", f"full_like({{}}, {'2f' if is_exact(x) else '2'})")
        draft.result(x, operator.format(x.name), x, magnitude=2.0)


def extents(draft: Draft) -> None:
    """What is known of a tensor without its elements."""
    x = draft.source(lambda tensor: bool(tensor.shape))
    if x is None:
        return
    if draft.choose(True, False):
        draft.integers((len(x.shape),), f'shape_of({x.name}, dtype="int32")', x, magnitude=max(x.shape))
    else:
        draft.integers((), f'ndarray_size({x.name}, dtype="int32")', x, magnitude=math.prod(x.shape))


STEPS = (
    Step(arithmetic, 1, ("add", "subtract", "multiply")),
    Step(division, 1, _DIVISIONS, 3),
    Step(part, 1, ("abs", "negative", "sign", "clip", "nn.relu"), 2),
    Step(reduction, 1, ("sum", "prod", "mean")),
    Step(comparison, 1, _COMPARISONS, 3),
    Step(threshold, 1, (*_COMPARISONS, "isnan", "isinf", "isfinite"), 4),
    Step(logic, 1, ("logical_and", "logical_or", "logical_xor", "logical_not"), 6),
    Step(verdict, 1, ("any", "all"), 3),
    Step(cast, 2, ("cast",)),
    Step(cast_like, 1, ("cast_like",)),
    Step(creation, 1, ("full", "zeros", "ones", "arange"), 2),
    Step(creation_like, 1, ("full_like", "zeros_like", "ones_like"), 2),
    Step(extents, 1, ("shape_of", "ndarray_size")),
)
