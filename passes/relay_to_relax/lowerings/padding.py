"""Padding, and other ways to put elements between and around those of a tensor."""

from __future__ import annotations

from tvm import relax, te, topi

from nir.passes.relay_to_relax.emitter import Lowering, Site, Value, dtype_of, shape_of


def padded(site: Site, data: relax.Expr, widths: list[tuple[int, int]], value: float) -> relax.Expr:
    """`data` with `value` around it; `widths` holds elements before and behind, per axis."""
    if not any(before or after for before, after in widths):
        return data
    dtype = dtype_of(data)

    def pad(x: te.Tensor) -> te.Tensor:
        fill = te.const(int(value) if "int" in dtype else value, dtype)
        return topi.nn.pad(x, [before for before, _ in widths], [after for _, after in widths], fill)

    return site.te(pad, data)


def _pairs(widths: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
    return [(before, after) for before, after in widths]


def _pad(site: Site) -> Value:
    widths = _pairs(site.attrs["pad_width"])
    if site.attrs["pad_mode"] == "constant":
        # Until TVM 0.7 the value was an attribute, later it is the second argument.
        value = site.static(1, "the padding value").item() if len(site.args) > 1 else site.attrs["pad_value"]
        return padded(site, site.args[0], widths, value)
    program = {"edge": topi.nn.replicate_pad, "reflect": topi.nn.reflect_pad}[site.attrs["pad_mode"]]
    return site.te(program, site.args[0], *_before_and_after(widths))


def _dyn_pad(site: Site) -> Value:
    """Widths and value are arguments, which have to be constants."""
    widths = [(int(before), int(after)) for before, after in site.static(1, "the padding")]
    return padded(site, site.args[0], widths, site.static(2, "the padding value").item())


def _dilate(site: Site) -> Value:
    return site.te(topi.nn.dilate, site.args[0], list(site.attrs["strides"]), site.attrs["dilation_value"])


def _before_and_after(widths: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    return [before for before, _ in widths], [after for _, after in widths]


def _mirror_pad(site: Site) -> Value:
    before, after = _before_and_after(_pairs(site.attrs["pad_width"]))
    return site.te(topi.nn.mirror_pad, site.args[0], before, after, site.attrs["mode"])


def _space_to_batch(site: Site) -> Value:
    """Cells of block_shape elements, of the padded tensor, become batches.

    Built of reshapes: TVM's own program ends the process.
    """
    blocks = list(site.attrs["block_shape"])
    data = site.args[0]
    rank, cells = len(shape_of(data)), len(blocks)
    widths = [(0, 0), *_pairs(site.attrs["paddings"]), *[(0, 0)] * (rank - 1 - cells)]
    padded_data = padded(site, data, widths, site.attrs["pad_value"])
    batch, *extents = shape_of(padded_data)
    split = [batch]
    for extent, block in zip(extents[:cells], blocks, strict=True):
        split += [extent // block, block]
    order = [
        *(2 + 2 * cell for cell in range(cells)),
        0,
        *(1 + 2 * cell for cell in range(cells)),
        *range(1 + 2 * cells, rank + cells),
    ]
    apart = site.emit(relax.op.reshape(padded_data, [*split, *extents[cells:]]))
    moved = site.emit(relax.op.permute_dims(apart, order))
    return site.emit(relax.op.reshape(moved, site.result_shape()))


def _batch_to_space(site: Site) -> Value:
    """The inverse of `_space_to_batch`; `crops` are what was padded."""
    blocks = list(site.attrs["block_shape"])
    batch, *extents = shape_of(site.args[0])
    cells = len(blocks)
    rest = batch
    for block in blocks:
        rest //= block
    apart = site.emit(relax.op.reshape(site.args[0], [*blocks, rest, *extents]))
    order = [cells]
    for cell in range(cells):
        order += [cells + 1 + cell, cell]
    order += range(2 * cells + 1, cells + 1 + len(extents))
    moved = site.emit(relax.op.permute_dims(apart, order))
    joined = [extent * block for extent, block in zip(extents[:cells], blocks, strict=True)]
    result = site.emit(relax.op.reshape(moved, [rest, *joined, *extents[cells:]]))
    crops = _pairs(site.attrs["crops"])
    if not any(before or after for before, after in crops):
        return result
    begin = [before for before, _ in crops]
    end = [extent - after for extent, (_, after) in zip(joined, crops, strict=True)]
    axes = list(range(1, cells + 1))
    return site.te(lambda x: topi.strided_slice(x, begin, end, [1] * cells, axes), result, name="crop")


LOWERINGS: dict[str, Lowering] = {
    "dyn.nn.pad": _dyn_pad,
    "nn.batch_to_space_nd": _batch_to_space,
    "nn.dilate": _dilate,
    "nn.mirror_pad": _mirror_pad,
    "nn.pad": _pad,
    "nn.space_to_batch_nd": _space_to_batch,
}
