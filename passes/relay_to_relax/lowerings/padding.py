"""Padding, and other ways to put elements between and around those of a tensor."""

from __future__ import annotations

from tvm import topi

from nir.passes.relax_building.emitter import Value, shape_of
from nir.passes.relax_building.padding import batches_to_cells, cells_to_batches, padded
from nir.passes.relay_to_relax.emitter import Lowering, Site


def _pairs(widths: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
    return [(before, after) for before, after in widths]


def _pad(site: Site) -> Value:
    widths = _pairs(site.attrs["pad_width"])
    if site.attrs["pad_mode"] == "constant":
        # Until TVM 0.7 the value was an attribute, later it is the second argument.
        value = site.static(1, "the padding value").item() if len(site.args) > 1 else site.attrs["pad_value"]
        return padded(site.emitter, site.args[0], widths, value)
    program = {"edge": topi.nn.replicate_pad, "reflect": topi.nn.reflect_pad}[site.attrs["pad_mode"]]
    return site.te(program, site.args[0], *_before_and_after(widths))


def _dyn_pad(site: Site) -> Value:
    """Widths and value are arguments, which have to be constants."""
    widths = [(int(before), int(after)) for before, after in site.static(1, "the padding")]
    return padded(site.emitter, site.args[0], widths, site.static(2, "the padding value").item())


def _dilate(site: Site) -> Value:
    return site.te(topi.nn.dilate, site.args[0], list(site.attrs["strides"]), site.attrs["dilation_value"])


def _before_and_after(widths: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    return [before for before, _ in widths], [after for _, after in widths]


def _mirror_pad(site: Site) -> Value:
    before, after = _before_and_after(_pairs(site.attrs["pad_width"]))
    return site.te(topi.nn.mirror_pad, site.args[0], before, after, site.attrs["mode"])


def _space_to_batch(site: Site) -> Value:
    """Cells of block_shape elements, of the padded tensor, become batches."""
    blocks = list(site.attrs["block_shape"])
    behind = len(shape_of(site.args[0])) - 1 - len(blocks)
    widths = [(0, 0), *_pairs(site.attrs["paddings"]), *[(0, 0)] * behind]
    return cells_to_batches(site.emitter, padded(site.emitter, site.args[0], widths, site.attrs["pad_value"]), blocks)


def _batch_to_space(site: Site) -> Value:
    """The inverse of `_space_to_batch`; `crops` are what was padded."""
    blocks = list(site.attrs["block_shape"])
    result = batches_to_cells(site.emitter, site.args[0], blocks)
    crops = _pairs(site.attrs["crops"])
    if not any(before or after for before, after in crops):
        return result
    joined = shape_of(result)[1 : len(blocks) + 1]
    begin = [before for before, _ in crops]
    end = [extent - after for extent, (_, after) in zip(joined, crops, strict=True)]
    axes = list(range(1, len(blocks) + 1))
    return site.te(lambda x: topi.strided_slice(x, begin, end, [1] * len(blocks), axes), result, name="crop")


LOWERINGS: dict[str, Lowering] = {
    "dyn.nn.pad": _dyn_pad,
    "nn.batch_to_space_nd": _batch_to_space,
    "nn.dilate": _dilate,
    "nn.mirror_pad": _mirror_pad,
    "nn.pad": _pad,
    "nn.space_to_batch_nd": _space_to_batch,
}
