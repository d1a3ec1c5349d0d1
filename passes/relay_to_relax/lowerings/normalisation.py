"""Normalisations."""

from __future__ import annotations

from tvm import relax, te, topi

from nir.passes.relax_building.emitter import Value, shape_of
from nir.passes.relay_to_relax.emitter import Lowering, Site


def _batch_norm(site: Site) -> Value:
    """With the stored mean and variance; these are also the second and third result, as in Relay."""
    attrs = site.attrs
    result = relax.op.nn.batch_norm(
        *site.args,
        axis=attrs["axis"],
        epsilon=attrs["epsilon"],
        center=attrs["center"],
        scale=attrs["scale"],
        training=False,
    )
    normalised = site.emit(relax.TupleGetItem(site.emit(result), 0))
    return normalised, site.args[3], site.args[4]


def _layer_norm(site: Site) -> Value:
    attrs = site.attrs
    return site.emit(
        relax.op.nn.layer_norm(
            *site.args,
            axes=[attrs["axis"]],
            epsilon=attrs["epsilon"],
            center=attrs["center"],
            scale=attrs["scale"],
        )
    )


def _spatial_axes(site: Site) -> tuple[int, list[int]]:
    """The axis of the channels, and all others but the batch."""
    rank = len(shape_of(site.args[0]))
    channel = site.attrs["axis"] % rank
    return channel, [axis for axis in range(1, rank) if axis != channel]


def _instance_norm(site: Site) -> Value:
    attrs = site.attrs
    channel, axes = _spatial_axes(site)
    return site.emit(
        relax.op.nn.instance_norm(
            *site.args,
            channel_axis=channel,
            axes=axes,
            epsilon=attrs["epsilon"],
            center=attrs["center"],
            scale=attrs["scale"],
        )
    )


def _group_norm(site: Site) -> Value:
    attrs = site.attrs
    channel, axes = _spatial_axes(site)
    return site.emit(
        relax.op.nn.group_norm(
            *site.args,
            num_groups=attrs["num_groups"],
            channel_axis=channel,
            axes=axes,
            epsilon=attrs["epsilon"],
            center=attrs["center"],
            scale=attrs["scale"],
        )
    )


def _l2_normalize(site: Site) -> Value:
    """x / sqrt(max(sum(x * x), eps)), the sum over `axis`."""
    axes = list(site.attrs["axis"])
    eps = site.attrs["eps"]

    def l2_normalize(x: te.Tensor) -> te.Tensor:
        total = topi.sum(topi.multiply(x, x), axes, keepdims=True)
        norm = te.compute(total.shape, lambda *index: te.sqrt(te.max(total(*index), te.const(eps, x.dtype))))
        return topi.divide(x, topi.broadcast_to(norm, x.shape))

    return site.te(l2_normalize, site.args[0])


def _lrn(site: Site) -> Value:
    attrs = site.attrs
    return site.te(
        topi.nn.lrn, site.args[0], attrs["size"], attrs["axis"], attrs["alpha"], attrs["beta"], attrs["bias"]
    )


LOWERINGS: dict[str, Lowering] = {
    "nn.batch_norm": _batch_norm,
    "nn.group_norm": _group_norm,
    "nn.instance_norm": _instance_norm,
    "nn.l2_normalize": _l2_normalize,
    "nn.layer_norm": _layer_norm,
    "nn.lrn": _lrn,
}
