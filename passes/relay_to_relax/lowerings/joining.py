"""Joining tensors, and cutting them into parts."""

from __future__ import annotations

from tvm import relax, topi

from nir.passes.relax_building.emitter import Value, shape_of
from nir.passes.relay_to_relax.emitter import Lowering, Site


def _concatenate(site: Site) -> Value:
    return site.emit(relax.op.concat(list(site.args[0]), site.attrs["axis"]))


def _stack(site: Site) -> Value:
    return site.emit(relax.op.stack(list(site.args[0]), site.attrs["axis"]))


def _split(site: Site) -> Value:
    sections = site.attrs["indices_or_sections"]
    axis = site.attrs["axis"] % len(shape_of(site.args[0]))
    parts = site.emit(relax.op.split(site.args[0], sections if isinstance(sections, int) else list(sections), axis))
    count = len(parts.ty.fields)
    return tuple(site.emit(relax.TupleGetItem(parts, index)) for index in range(count))


def _strided_slice(site: Site) -> Value:
    attrs = site.attrs
    return sliced(site, list(attrs["begin"]), list(attrs["end"]), list(attrs["strides"] or ()))


def _dyn_strided_slice(site: Site) -> Value:
    begin, end, strides = (site.static(index, "a bound").tolist() for index in (1, 2, 3))
    return sliced(site, begin, end, strides)


def sliced(site: Site, begin: list[int], end: list[int], strides: list[int]) -> relax.Expr:
    """Elements `begin`, `begin` + stride, ... before `end` of the axes that the call names, or of the first ones.

    In the mode "size", `end` holds how many elements to take (-1: all that follow) and strides are 1.
    """
    shape = shape_of(site.args[0])
    named = site.attrs["axes"]
    axes = [axis % len(shape) for axis in named] if named is not None else list(range(len(begin)))
    if site.attrs["slice_mode"] == "size":
        strides = [1] * len(begin)
        bounds = []
        for axis, first, count in zip(axes, begin, end, strict=True):
            start = first + shape[axis] if first < 0 else first
            bounds.append(shape[axis] if count < 0 else start + count)
        end = bounds
    elif len(strides) < len(begin):
        fill = strides[0] if len(strides) == 1 else 1
        strides = [*strides, *[fill] * (len(begin) - len(strides))]

    def strided_slice(x: object) -> object:
        return topi.strided_slice(x, begin, end, strides, axes, assume_inbound=False)

    return site.te(strided_slice, site.args[0])


def _slice_like(site: Site) -> Value:
    """The first elements, as many as the second argument has, along the axes named (all where none are)."""
    target = shape_of(site.args[1])
    axes = [axis % len(target) for axis in site.attrs["axes"] or range(len(target))]
    end = [target[axis] for axis in axes]
    return site.te(
        lambda x: topi.strided_slice(x, [0] * len(axes), end, [1] * len(axes), axes), site.args[0], name="slice_like"
    )


LOWERINGS: dict[str, Lowering] = {
    "concatenate": _concatenate,
    "dyn.strided_slice": _dyn_strided_slice,
    "slice_like": _slice_like,
    "split": _split,
    "stack": _stack,
    "strided_slice": _strided_slice,
}
