"""What float and quantised convolutions share: drawn sizes, strides, dilation, groups, and how Relay writes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nir.testing.relay_draft import Draft, Tensor, image_shape, spatial

_LETTERS = {"OIHW": (0, 1, 2, 3), "HWIO": (2, 3, 1, 0), "HWOI": (2, 3, 0, 1), "OHWI": (0, 2, 3, 1)}
"""Kernel layouts, and where each of their axes is in OIHW."""


@dataclass(frozen=True)
class Window:
    """A convolution of `x`: the shape of its filter as OIHW, that of its result, and its attributes in Relay's text."""

    x: Tensor
    filter_shape: tuple[int, int, int, int]
    order: tuple[int, ...]
    shape: tuple[int, ...]
    attributes: str
    axis: int

    @property
    def channels(self) -> int:
        """How many channels the result has."""
        return self.shape[self.axis]


def convolution_window(draft: Draft, wanted: Callable[[Tensor], bool]) -> Window | None:
    """A convolution of a tensor that is `wanted`: ordinary, depthwise or in groups, dilated or not."""
    layout = draft.choose("NHWC", "NCHW")
    size, dilation = draft.choose((1, 1), (3, 1), (2, 1), (2, 2))
    reach = (size - 1) * dilation + 1
    x = _image(draft, wanted, layout, reach)
    if x is None:
        return None
    rows, columns, channels = spatial(x, layout)
    stride, padding = draft.choose(1, 2), draft.choose(0, reach // 2)
    groups, made = _groups(draft, channels)
    kernel_layout = draft.choose("OIHW", "OHWI") if layout == "NCHW" else ("HWOI" if groups == channels > 1 else "HWIO")
    high, wide = ((side + 2 * padding - reach) // stride + 1 for side in (rows, columns))
    attributes = (
        f"strides=[{stride}, {stride}], padding=[{padding}, {padding}, {padding}, {padding}], "
        f"dilation=[{dilation}, {dilation}], groups={groups}, channels={made}, kernel_size=[{size}, {size}], "
        f'data_layout="{layout}", kernel_layout="{kernel_layout}"'
    )
    shape = image_shape(x.shape[0], high, wide, made, layout)
    filter_shape = (made, channels // groups, size, size)
    return Window(x, filter_shape, _LETTERS[kernel_layout], shape, attributes, _axis(layout))


def _groups(draft: Draft, channels: int) -> tuple[int, int]:
    """How many groups there are, and output channels."""
    kind = draft.choose("ordinary", "depthwise", "grouped") if channels > 1 else "ordinary"
    if kind == "depthwise":
        return channels, channels
    divisors = [n for n in range(2, channels) if channels % n == 0]
    if kind == "grouped" and divisors:
        groups = draft.choose(*divisors)
        return groups, groups * draft.integer(1, 2)
    return 1, draft.integer(1, 5)


def transposed_window(draft: Draft, wanted: Callable[[Tensor], bool]) -> Window | None:
    """A transposed convolution of a tensor that is `wanted`."""
    layout = draft.choose("NHWC", "NCHW")
    x = _image(draft, wanted, layout, 1)
    if x is None:
        return None
    rows, columns, channels = spatial(x, layout)
    size, stride = draft.integer(1, 3), draft.integer(1, 2)
    padding = draft.integer(0, (size - 1) // 2)
    more = draft.integer(0, stride - 1)
    made = draft.integer(1, 4)
    kernel_layout = "IOHW" if layout == "NCHW" else "HWIO"
    order = (1, 0, 2, 3) if layout == "NCHW" else (2, 3, 1, 0)
    high, wide = ((side - 1) * stride + size - 2 * padding + more for side in (rows, columns))
    attributes = (
        f"strides=[{stride}, {stride}], padding=[{padding}, {padding}, {padding}, {padding}], "
        f"output_padding=[{more}, {more}], channels={made}, kernel_size=[{size}, {size}], "
        f'data_layout="{layout}", kernel_layout="{kernel_layout}"'
    )
    shape = image_shape(x.shape[0], high, wide, made, layout)
    return Window(x, (made, channels, size, size), order, shape, attributes, _axis(layout))


def _image(draft: Draft, wanted: Callable[[Tensor], bool], layout: str, least: int) -> Tensor | None:
    return draft.source(
        lambda tensor: wanted(tensor) and len(tensor.shape) == 4 and min(spatial(tensor, layout)[:2]) >= least
    )


def _axis(layout: str) -> int:
    return 3 if layout == "NHWC" else 1


@dataclass(frozen=True)
class Product:
    """A product of two stacks of matrices: the tensors, which of them lie transposed, and the result's shape."""

    x: Tensor
    y: Tensor
    transposed: tuple[bool, bool]
    shape: tuple[int, int, int]
    terms: int


def matrix_product(draft: Draft, wanted: Callable[[Tensor], bool]) -> Product | None:
    """Two tensors of rank 3 that fit each other, perhaps one and the same."""
    x = draft.of_rank(3, wanted)
    if x is None:
        return None
    left = draft.choose(False, True)
    terms = x.shape[1 if left else 2]
    y = draft.source(
        lambda tensor: (
            wanted(tensor)
            and len(tensor.shape) == 3
            and (tensor.shape[0] == x.shape[0] or 1 in (x.shape[0], tensor.shape[0]))
            and terms in tensor.shape[1:]
        )
    )
    if y is None:
        return None
    right = draft.choose(*(flag for flag in (True, False) if y.shape[2 if flag else 1] == terms))
    shape = (max(x.shape[0], y.shape[0]), x.shape[2 if left else 1], y.shape[1 if right else 2])
    return Product(x, y, (left, right), shape, terms)
