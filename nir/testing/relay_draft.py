"""A Relay function that grows line by line while Hypothesis draws it. Which operators there are is said elsewhere.

What is known of every tensor: its type, its quantisation, and for floats two bounds that hold for all inputs that a
program may get: the greatest magnitude, and by how much two correct implementations may differ. The bounds are those of
forward error analysis (Higham, Accuracy and Stability of Numerical Algorithms, chapters 2 and 3): what comes in is
amplified by the operator's Lipschitz constant, and each rounding adds at most half a unit in the last place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from hypothesis import strategies as st

Array: TypeAlias = "np.ndarray[Any, Any]"

HALF_ULP = 2.0**-24
"""By how much, relatively, one rounding to float32 may be off."""

SCALES = (0.5, 0.25, 0.023529412, 0.007843138, 0.1234, 1.5, 0.003921569)
LIMITS = {"int8": (-128, 127), "uint8": (0, 255)}
"""The integer types of quantised tensors, and their range."""


@dataclass(frozen=True)
class Tensor:
    """A tensor of a program; quantised where it has a scale.

    `magnitude` bounds the values of floats and of plain integers; `error` is the greatest absolute difference of two
    correct results, 0 where both must be the same number.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float | None = None
    zero_point: int = 0
    magnitude: float = 0.0
    error: float = 0.0

    @property
    def parameters(self) -> str:
        """Scale and zero point as arguments of a qnn operator."""
        return f"{self.scale}f, {self.zero_point}"

    @property
    def relay_type(self) -> str:
        """The type in Relay's text."""
        return tensor_type(self.shape, self.dtype)


def tensor_type(shape: Sequence[int], dtype: str) -> str:
    """A tensor type in Relay's text."""
    return f"Tensor[({', '.join(map(str, shape))}{',' * (len(shape) == 1)}), {dtype}]"


class Step(NamedTuple):
    """One way to let a program grow: it adds at most `cost` operators, all of them among `operators`.

    A step that finds no tensor to its liking adds nothing; one that has many operators, or seldom finds a tensor, has
    a greater `weight`, and is tried more often.
    """

    grow: Callable[[Draft], None]
    cost: int
    operators: tuple[str, ...]
    weight: int = 1


@dataclass
class Draft:
    """The function so far. `draw` is Hypothesis's; weights are constants by the name of the parameter they replace."""

    draw: st.DrawFn
    max_elements: int
    lines: list[str] = field(default_factory=list)
    inputs: list[Tensor] = field(default_factory=list)
    tensors: list[Tensor] = field(default_factory=list)
    weights: dict[str, Array] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    operators: int = 0

    # --- drawing ---

    def choose(self, *items: Any) -> Any:
        """One of `items`."""
        return self.draw(st.sampled_from(items))

    def integer(self, low: int, high: int) -> int:
        """An integer from `low` to `high`, both included."""
        return self.draw(st.integers(low, high))

    def source(self, wanted: Callable[[Tensor], bool]) -> Tensor | None:
        """A tensor drawn from those that are `wanted`, or None where there is none; late ones are the simplest."""
        fitting = [tensor for tensor in reversed(self.tensors) if wanted(tensor)]
        return self.draw(st.sampled_from(fitting)) if fitting else None

    def of_rank(self, rank: int, wanted: Callable[[Tensor], bool]) -> Tensor | None:
        """A tensor of rank 2 or 3 that is `wanted`; where there is none, another is reshaped."""
        found = self.source(lambda tensor: wanted(tensor) and len(tensor.shape) == rank)
        other = found or self.source(lambda tensor: wanted(tensor) and len(tensor.shape) > 1)
        if found is not None or other is None:
            return found
        shape = (other.shape[0], *other.shape[1 : rank - 1], math.prod(other.shape[max(rank - 1, 1) :]))
        if len(shape) < rank:
            shape = (*shape[:1], 1, *shape[1:])
        return self.result(other, f"reshape({other.name}, newshape={numbers(shape)})", other, shape=shape)

    def parameters(self, shape: tuple[int, ...], dtype: str | None = None) -> Tensor:
        """A quantised type for a result, without a name yet."""
        dtype = dtype if dtype is not None else self.choose(*LIMITS)
        centre = sum(LIMITS[dtype]) // 2 + 1
        return Tensor("", shape, dtype, self.choose(*SCALES), centre + self.integer(-20, 20))

    def seed(self) -> np.random.Generator:
        """A source of weights, which Hypothesis need not know one by one."""
        return np.random.default_rng(self.integer(0, 999))

    # --- growing ---

    def call(self, text: str, *read: Tensor) -> str:
        """Adds one operator that reads these tensors; returns the name of its result."""
        self.operators += 1
        return self.bind(text, *read)

    def bind(self, text: str, *read: Tensor, let: bool = False) -> str:
        """Adds a line that is no operator, such as a tuple; returns its name. Some lines become lets, or all."""
        self.used.update(tensor.name for tensor in read)
        count = len(self.lines)
        bound = let or self.integer(0, 7) == 7
        self.lines.append(f"let %v{count} = {text};" if bound else f"%{count} = {text};")
        return f"%v{count}" if bound else f"%{count}"

    def result(self, like: Tensor, text: str, *read: Tensor, **changes: Any) -> Tensor | None:
        """Adds an operator whose result is `like` another tensor but for `changes`; None where it would be too large."""
        made = replace(like, **changes)
        if not self.fits(made.shape):
            return None
        made = replace(made, name=self.call(text, *read))
        self.tensors.append(made)
        return made

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether a tensor of this shape is not too large."""
        return math.prod(shape) <= self.max_elements

    def integers(self, shape: tuple[int, ...], text: str, *read: Tensor, magnitude: float = 0) -> Tensor | None:
        """Adds an operator whose result is int32 without a scale, of at most this magnitude."""
        return self.result(Tensor("", shape, "int32", magnitude=magnitude), text, *read)

    def truths(self, shape: tuple[int, ...], text: str, *read: Tensor) -> Tensor | None:
        """Adds an operator whose result is booleans."""
        return self.result(Tensor("", shape, "bool"), text, *read)

    def floats(
        self, shape: tuple[int, ...], text: str, *read: Tensor, magnitude: float, error: float = 0
    ) -> Tensor | None:
        """Adds an operator whose result is float32, with these bounds."""
        return self.result(Tensor("", shape, "float32", magnitude=magnitude, error=error), text, *read)

    def weight(self, array: Array) -> str:
        """The name under which the program knows a constant."""
        name = f"w{len(self.weights)}"
        self.weights[name] = array
        return f"%{name}"


def is_quantised(tensor: Tensor) -> bool:
    """Whether it holds quantised integers."""
    return tensor.scale is not None


def is_float(tensor: Tensor) -> bool:
    """Whether it holds floats."""
    return tensor.dtype == "float32"


def is_exact(tensor: Tensor) -> bool:
    """Whether it holds floats that are the same wherever they are computed."""
    return is_float(tensor) and tensor.error == 0


def is_integer(tensor: Tensor) -> bool:
    """Whether it holds integers that stand for themselves."""
    return tensor.dtype == "int32"


def is_truth(tensor: Tensor) -> bool:
    """Whether it holds booleans."""
    return tensor.dtype == "bool"


def is_certain(tensor: Tensor) -> bool:
    """Whether it holds numbers that are the same wherever they are computed."""
    return tensor.error == 0 and not is_truth(tensor)


def is_number(tensor: Tensor) -> bool:
    """Whether it holds anything but booleans."""
    return not is_truth(tensor)


def alike(x: Tensor, y: Tensor) -> bool:
    """Whether equal elements mean equal numbers."""
    return (x.dtype, x.scale, x.zero_point) == (y.dtype, y.scale, y.zero_point)


def widest(x: Tensor, y: Tensor) -> dict[str, float]:
    """Bounds of what is now an element of `x`, now one of `y`."""
    return {"magnitude": max(x.magnitude, y.magnitude), "error": max(x.error, y.error)}


def numbers(values: Sequence[int]) -> str:
    """A list of integers in Relay's text."""
    return "[" + ", ".join(map(str, values)) + "]"


def with_axis(shape: tuple[int, ...], axis: int, *extents: int) -> tuple[int, ...]:
    """`shape` with other extents, or none, in the place of one axis."""
    return (*shape[:axis], *extents, *shape[axis + 1 :])


def spatial(tensor: Tensor, layout: str) -> tuple[int, int, int]:
    """Rows, columns and channels of a tensor of rank 4."""
    _, first, second, third = tensor.shape
    return (first, second, third) if layout == "NHWC" else (second, third, first)


def image_shape(batch: int, rows: int, columns: int, channels: int, layout: str) -> tuple[int, ...]:
    """The shape of an image in `layout`."""
    return (batch, rows, columns, channels) if layout == "NHWC" else (batch, channels, rows, columns)
