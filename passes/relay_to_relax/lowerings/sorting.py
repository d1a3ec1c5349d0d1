"""Sorting, the largest elements, and the tail of detection networks."""

from __future__ import annotations

from tvm import topi

from nir.passes.relax_building.emitter import Value
from nir.passes.relay_to_relax.emitter import Lowering, Site


def _argsort(site: Site) -> Value:
    attrs = site.attrs
    dtype = site.result_type().dtype
    return site.te(topi.argsort, site.args[0], axis=attrs["axis"], is_ascend=attrs["is_ascend"], dtype=dtype)


def _sort(site: Site) -> Value:
    return site.te(topi.sort, site.args[0], axis=site.attrs["axis"], is_ascend=site.attrs["is_ascend"])


def _topk(site: Site) -> Value:
    """Values, indices or both, as `ret_type` says; a k of 0 or less means all."""
    attrs = site.attrs
    k = attrs["k"] if site.name == "topk" else int(site.static(1, "k"))
    return site.te(
        topi.topk,
        site.args[0],
        k=k,
        axis=attrs["axis"],
        ret_type=attrs["ret_type"],
        is_ascend=attrs["is_ascend"],
        dtype=attrs["dtype"] or "int32",
    )


def _roi_align(site: Site) -> Value:
    attrs = site.attrs
    function = topi.vision.roi_align_nchw if attrs["layout"] == "NCHW" else topi.vision.roi_align_nhwc
    return site.te(
        function,
        *site.args,
        pooled_size=attrs["pooled_size"],
        spatial_scale=attrs["spatial_scale"],
        mode={"avg": 0, "max": 1}.get(attrs["mode"], attrs["mode"]),
        sample_ratio=attrs["sample_ratio"],
    )


LOWERINGS: dict[str, Lowering] = {
    "argsort": _argsort,
    "dyn.topk": _topk,
    "sort": _sort,
    "topk": _topk,
    "vision.roi_align": _roi_align,
}
