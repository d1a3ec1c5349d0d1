"""Layouts such as NCHW: which dimension is which, and windows that slide over the spatial ones."""

from __future__ import annotations

from nir.relay.infer.site import CallSite, CannotInfer, Shape
from nir.relay.types import Dimension

SPATIAL = "DHW"


class Layout:
    """The letters of a layout, one for each dimension. Blocked layouts (NCHW4c) are not modelled."""

    def __init__(self, text: str, site: CallSite, rank: int, index: int = 0) -> None:
        if not text.isalpha() or not text.isupper() or len(set(text)) != len(text):
            raise CannotInfer
        site.ranked(len(text), index) if len(text) != rank else site.ranked(rank, index)
        self.text = text

    def get(self, shape: Shape, letter: str) -> Dimension:
        """The extent that `letter` stands for."""
        return shape[self.text.index(letter)]

    def spatial(self, shape: Shape) -> Shape:
        """The extents of depth, height and width, as many as there are, in that order."""
        return tuple(shape[self.text.index(letter)] for letter in SPATIAL if letter in self.text)

    def arrange(self, extents: dict[str, Dimension]) -> Shape:
        """The shape whose dimensions are `extents`, by letter."""
        return tuple(extents[letter] for letter in self.text)


def spatial_letters(count: int) -> str:
    """The letters of `count` spatial dimensions: W, HW or DHW."""
    return SPATIAL[3 - count :]


def read_layout(site: CallSite, name: str, letters: str, index: int = 0) -> Layout:
    """The layout in attribute `name` of argument `index`, which must have just `letters` (in any order)."""
    text = site.attrs[name]
    if not isinstance(text, str):
        raise site.error(f"attribute '{name}' must be a layout", found=text)
    layout = Layout(text, site, len(letters), index)
    if set(text) != set(letters):
        raise site.error(f"attribute '{name}' is no layout for this operator", expected=letters, found=text)
    return layout


def read_padding(site: CallSite, count: int) -> list[tuple[int, int]]:
    """Padding before and after each of `count` spatial dimensions; written as 1, `count` or 2 * `count` numbers."""
    value = site.integers("padding", count) if type(site.attrs["padding"]) is int else site.integers("padding")
    if len(value) == 1:
        return [(value[0], value[0])] * count
    if len(value) == count:
        return [(extent, extent) for extent in value]
    if len(value) == 2 * count:
        return list(zip(value[:count], value[count:], strict=True))
    raise site.error("attribute 'padding' has the wrong length", expected=f"1, {count} or {2 * count}", found=value)


def window_extent(
    site: CallSite,
    extent: Dimension,
    kernel: int,
    stride: int,
    dilation: int,
    padding: tuple[int, int],
    ceil: bool = False,
) -> Dimension:
    """How often a window fits: (extent + padding - (kernel - 1) * dilation - 1) // stride + 1."""
    if stride < 1 or dilation < 1 or kernel < 1:
        raise site.error("kernel size, strides and dilation must be positive", found=(kernel, stride, dilation))
    if extent is None:
        return None
    room = extent + sum(padding) - (kernel - 1) * dilation - 1
    if room < 0:
        raise site.error("the window is larger than the padded input", expected=f"at most {extent + sum(padding)}")
    return (room + (stride - 1 if ceil else 0)) // stride + 1
