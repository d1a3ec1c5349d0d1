"""Typing rules of operators that rearrange dimensions: reshape, transpose, concatenate, split, tile and the like."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from nir.relay.infer.site import CallSite, Rule, Shape, product
from nir.relay.types import Dimension, TensorType, TupleType, Type


def _reshape(site: CallSite) -> Type:
    data = site.tensor()
    codes = site.integers("newshape")
    shape = _ReshapeCodes(site, data.shape, codes).result()
    have, want = product(data.shape), product(shape)
    if have is not None and want is not None and have != want:
        raise site.error("'newshape' has another number of elements", expected=f"{have}", found=f"{shape}: {want}")
    return TensorType(shape, data.dtype)


class _ReshapeCodes:
    """The special numbers in `newshape`.

    0 keeps an extent; -1 is what remains; -2 keeps all further extents; -3 joins two; -4 splits one into the next
    two numbers, of which one may be -1.
    """

    def __init__(self, site: CallSite, shape: Shape, codes: tuple[int, ...]) -> None:
        self.site = site
        self.shape = shape
        self.codes = codes
        self.used = 0
        self.out: list[Dimension] = []
        self.rest: int | None = None

    def result(self) -> Shape:
        """The new shape."""
        codes = list(self.codes)
        while codes:
            code = codes.pop(0)
            if code > 0 or (code == 0 and self.site.attrs.get("allowzero")):
                self.out.append(code)
                self.used += 1
            elif code == 0:
                self.out.append(self._next())
            elif code == -1:
                if self.rest is not None:
                    raise self.site.error("'newshape' has more than one -1", found=self.codes)
                self.rest = len(self.out)
                self.out.append(1)
                self.used += 1
            elif code == -2:
                self.out += self.shape[self.used :]
                self.used = len(self.shape)
            elif code == -3:
                self.out.append(product((self._next(), self._next())))
            elif code == -4 and len(codes) >= 2:
                self._split(codes.pop(0), codes.pop(0))
            else:
                raise self.site.error("'newshape' has a number without meaning", found=self.codes)
        if self.rest is not None:
            self._fill()
        return tuple(self.out)

    def _next(self) -> Dimension:
        if self.used >= len(self.shape):
            raise self.site.error("'newshape' refers to more dimensions than there are", found=self.codes)
        self.used += 1
        return self.shape[self.used - 1]

    def _split(self, first: int, second: int) -> None:
        extent = self._next()
        if extent is not None and -1 in (first, second):
            known = second if first == -1 else first
            if known < 1 or extent % known:
                raise self.site.error("'newshape' splits a dimension unevenly", expected=extent, found=known)
            first, second = (extent // known, known) if first == -1 else (known, extent // known)
        self.out += [first if first > 0 else None, second if second > 0 else None]

    def _fill(self) -> None:
        assert self.rest is not None
        total, others = product(self.shape), product(self.out)
        if total is None or others is None:
            self.out[self.rest] = None
        elif others == 0 or total % others:
            raise self.site.error("'newshape' does not divide the elements evenly", expected=total, found=self.codes)
        else:
            self.out[self.rest] = total // others


def _reshape_like(site: CallSite) -> Type:
    data, like = site.tensor(0), site.tensor(1)
    begin, end = _range(site, "lhs", data.rank)
    like_begin, like_end = _range(site, "rhs", like.rank)
    shape = (*data.shape[:begin], *like.shape[like_begin:like_end], *data.shape[end:])
    have, want = product(data.shape), product(shape)
    if have is not None and want is not None and have != want:
        raise site.error("the shapes have different numbers of elements", expected=data, found=like)
    return TensorType(shape, data.dtype)


def _range(site: CallSite, side: str, rank: int) -> tuple[int, int]:
    begin, end = site.attrs[side + "_begin"], site.attrs[side + "_end"]
    bounds = []
    for value in (begin, rank if end is None else end):
        bound = value + rank if value < 0 else value
        if not 0 <= bound <= rank:
            raise site.error(f"'{side}_begin' or '{side}_end' lies outside", expected=f"0 to {rank}", found=value)
        bounds.append(bound)
    if bounds[0] > bounds[1]:
        raise site.error(f"'{side}_begin' lies behind '{side}_end'", found=bounds)
    return bounds[0], bounds[1]


def _transpose(site: CallSite) -> Type:
    data = site.tensor()
    if not site.attrs["axes"]:
        return TensorType(data.shape[::-1], data.dtype)
    axes = [site.axis(axis, data.rank, "axes") for axis in site.integers("axes")]
    if sorted(axes) != list(range(data.rank)):
        raise site.error("'axes' must name each dimension once", expected=f"{data.rank} axes", found=axes)
    return TensorType(tuple(data.shape[axis] for axis in axes), data.dtype)


def _expand_dims(site: CallSite) -> Type:
    data = site.tensor()
    count = site.attrs["num_newaxis"]
    if not 0 <= count <= 64:
        raise site.error("'num_newaxis' must be a small number", found=count)
    axis = site.axis(site.attrs["axis"], data.rank + 1)
    return TensorType((*data.shape[:axis], *(1,) * count, *data.shape[axis:]), data.dtype)


def _squeeze(site: CallSite) -> Type:
    data = site.tensor()
    if site.attrs["axis"] is None:
        return TensorType(tuple(extent for extent in data.shape if extent != 1), data.dtype)
    axes = {site.axis(axis, data.rank) for axis in site.integers("axis")}
    for axis in axes:
        site.same_extent(1, data.shape[axis], f"1 and the extent at axis {axis}")
    return TensorType(tuple(extent for axis, extent in enumerate(data.shape) if axis not in axes), data.dtype)


def _batch_flatten(site: CallSite) -> Type:
    data = site.tensor()
    if data.rank == 0:
        raise site.error("the data must have a dimension", found=data)
    return TensorType((data.shape[0], product(data.shape[1:])), data.dtype)


def concatenate(site: CallSite) -> Type:
    """Tensors joined along an axis; they must agree in everything else."""
    fields = site.tensors()
    first = fields[0]
    axis = site.axis(site.attrs["axis"], first.rank)
    total: Dimension = 0
    shape = list(first.shape)
    for field in fields:
        if field.rank != first.rank or field.dtype != first.dtype:
            raise site.error("the tensors differ in rank or element type", expected=first, found=field)
        for position, extent in enumerate(field.shape):
            if position != axis:
                shape[position] = site.same_extent(shape[position], extent, f"the extents at axis {position}")
        extent = field.shape[axis]
        total = None if total is None or extent is None else total + extent
    shape[axis] = total
    return TensorType(tuple(shape), first.dtype)


def _stack(site: CallSite) -> Type:
    fields = site.tensors()
    first = fields[0]
    for field in fields:
        if field != first:
            raise site.error("the tensors have different types", expected=first, found=field)
    axis = site.axis(site.attrs["axis"], first.rank + 1)
    return TensorType((*first.shape[:axis], len(fields), *first.shape[axis:]), first.dtype)


def _split(site: CallSite) -> Type:
    data = site.tensor()
    axis = site.axis(site.attrs["axis"], data.rank)
    extent = data.shape[axis]
    how: Any = site.attrs["indices_or_sections"]
    parts: list[Dimension]
    if type(how) is int:
        if how < 1 or how > 100_000 or (extent is not None and extent % how):
            raise site.error("the axis cannot be split evenly", expected=f"a divisor of {extent}", found=how)
        parts = [None if extent is None else extent // how] * how
    else:
        bounds: list[Dimension] = [0, *site.integers("indices_or_sections"), extent]
        parts = []
        for begin, end in pairwise(bounds):
            if begin is not None and end is not None and begin > end:
                raise site.error("the indices must increase and lie within the axis", expected=extent, found=how)
            parts.append(None if begin is None or end is None else end - begin)
    return TupleType(
        tuple(TensorType((*data.shape[:axis], part, *data.shape[axis + 1 :]), data.dtype) for part in parts)
    )


def _tile(site: CallSite) -> Type:
    data = site.tensor()
    reps = site.integers("reps")
    rank = max(len(reps), data.rank)
    shape: Shape = (1,) * (rank - data.rank) + data.shape
    reps = (1,) * (rank - len(reps)) + reps
    return TensorType(tuple(product(pair) for pair in zip(shape, reps, strict=True)), data.dtype)


def _repeat(site: CallSite) -> Type:
    data = site.tensor()
    repeats = site.attrs["repeats"]
    if site.attrs["axis"] is None:
        return TensorType((product((*data.shape, repeats)),), data.dtype)
    axis = site.axis(site.attrs["axis"], data.rank)
    extent = product((data.shape[axis], repeats))
    return TensorType((*data.shape[:axis], extent, *data.shape[axis + 1 :]), data.dtype)


def _reverse(site: CallSite) -> Type:
    site.axis(site.attrs["axis"], site.tensor().rank)
    return site.tensor()


def _first(site: CallSite) -> Type:
    return site.tensor()


def _broadcast_to(site: CallSite) -> Type:
    data = site.tensor()
    shape = site.integers("shape")
    if site.broadcast(data.shape, shape) != shape:
        raise site.error("the data does not stretch to 'shape'", expected=shape, found=data)
    return TensorType(shape, data.dtype)


def _like(site: CallSite) -> Type:
    """The shape of the second argument with the elements of the first."""
    return TensorType(site.tensor(1).shape, site.tensor(0).dtype)


def _pad(site: CallSite) -> Type:
    data = site.tensor()
    widths = site.attrs["pad_width"]
    if not isinstance(widths, tuple) or len(widths) != data.rank:
        raise site.error("'pad_width' must be one pair for each dimension", expected=data.rank, found=widths)
    shape: list[Dimension] = []
    for extent, pair in zip(data.shape, widths, strict=True):
        if not isinstance(pair, tuple) or len(pair) != 2 or any(type(width) is not int for width in pair):
            raise site.error("'pad_width' must consist of pairs", found=pair)
        padded = None if extent is None else extent + pair[0] + pair[1]
        if padded is not None and padded < 0:
            raise site.error("'pad_width' cuts off more than there is", found=pair)
        shape.append(padded)
    return TensorType(tuple(shape), data.dtype)


def _layout_transform(site: CallSite) -> Type:
    data = site.tensor()
    source, target = (_layout_axes(site, name) for name in ("src_layout", "dst_layout"))
    if len(source) != data.rank:
        raise site.error("'src_layout' has another rank than the data", expected=data, found=site.attrs["src_layout"])
    whole: dict[str, Dimension] = {}
    for (letter, block), extent in zip(source, data.shape, strict=True):
        if block is not None:
            site.same_extent(block, extent, f"'src_layout' and the extent of {letter}")
        whole[letter] = product((whole.get(letter, 1), extent))
    if {letter for letter, _ in target} != set(whole):
        raise site.error("the layouts have different letters", expected=sorted(whole), found=site.attrs["dst_layout"])
    shape = tuple(
        block if block is not None else _outer(site, whole[letter], letter, target) for letter, block in target
    )
    return TensorType(shape, data.dtype)


def _layout_axes(site: CallSite, name: str) -> list[tuple[str, int | None]]:
    """`NCHW4c` as [("N", None), ("C", None), ("H", None), ("W", None), ("C", 4)]."""
    axes: list[tuple[str, int | None]] = []
    digits = ""
    for character in site.attrs[name]:
        if character.isascii() and character.isdigit() and len(digits) < 9:
            digits += character
        elif character.isupper() and not digits:
            axes.append((character, None))
        elif character.islower() and digits:
            axes.append((character.upper(), int(digits)))
            digits = ""
        else:
            raise site.error(f"attribute '{name}' is no layout", found=site.attrs[name])
    if digits or len({axis for axis in axes if axis[1] is None}) != len({letter for letter, _ in axes}):
        raise site.error(f"attribute '{name}' is no layout", found=site.attrs[name])
    return axes


def _outer(site: CallSite, extent: Dimension, letter: str, axes: list[tuple[str, int | None]]) -> Dimension:
    """What is left of `extent` for the outer axis when blocks of the layout take their part."""
    blocks = product([block for name, block in axes if name == letter and block is not None]) or 1
    if extent is None:
        return None
    if extent % blocks:
        raise site.error(f"the extent of {letter} is no multiple of its block", expected=blocks, found=extent)
    return extent // blocks


def _meshgrid(site: CallSite) -> Type:
    fields = site.tensors()
    shape = [field.shape[0] if field.rank == 1 else 1 for field in fields]
    if site.attrs["indexing"] == "xy" and len(shape) >= 2:
        shape[0], shape[1] = shape[1], shape[0]
    return TupleType(tuple(TensorType(tuple(shape), field.dtype) for field in fields))


def _fill(site: CallSite) -> Type:
    """`zeros`, `ones`, `full`: all is in the attributes, but for the element type of `full`."""
    default = site.tensor().dtype if site.types else "float32"
    shape = site.integers("shape")
    if any(extent < 0 for extent in shape):
        raise site.error("negative extent", found=shape)
    return TensorType(shape, site.dtype("dtype", default))


def _shape_of(site: CallSite) -> Type:
    return TensorType((site.tensor().rank,), site.dtype("dtype", "int32"))


def _size_of(site: CallSite) -> Type:
    site.tensor()
    return TensorType((), site.dtype("dtype", "int32"))


RULES: dict[str, Rule] = {
    "broadcast_to": _broadcast_to,
    "broadcast_to_like": _like,
    "collapse_sum_like": _like,
    "concatenate": concatenate,
    "expand_dims": _expand_dims,
    "full": _fill,
    "full_like": _first,
    "layout_transform": _layout_transform,
    "meshgrid": _meshgrid,
    "ndarray_size": _size_of,
    "nn.batch_flatten": _batch_flatten,
    "nn.mirror_pad": _pad,
    "nn.pad": _pad,
    "ones": _fill,
    "repeat": _repeat,
    "reshape": _reshape,
    "reshape_like": _reshape_like,
    "reverse": _reverse,
    "reverse_sequence": _first,
    "sequence_mask": _first,
    "shape_of": _shape_of,
    "split": _split,
    "squeeze": _squeeze,
    "stack": _stack,
    "tile": _tile,
    "transpose": _transpose,
    "trilu": _first,
    "zeros": _fill,
}
