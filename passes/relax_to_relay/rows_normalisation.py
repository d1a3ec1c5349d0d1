"""Rows for normalisations and dropout."""

from __future__ import annotations

from nir.passes.relax_to_relay.site import RelaxCall, RowTable
from nir.relay.ast import Expr


def batch_norm(call: RelaxCall) -> Expr:
    """With known statistics; while training Relax works them out anew."""
    if call.attrs.get("training"):
        call.refuse("statistics that are worked out in training have no counterpart")
    axis = call.axis(call.tensor_type(call.expr(0)).rank)
    attrs = {name: call.attrs[name] for name in ("center", "scale")}
    args = [call.expr(index) for index in range(5)]
    return call.relay("nn.batch_norm", *args, axis=axis, epsilon=float(call.attrs["epsilon"]), **attrs)


def layer_norm(call: RelaxCall) -> Expr:
    """Along one dimension by Relay's operator; several neighbouring ones at the end are made one before."""
    x = call.expr(0)
    shape = call.shape(x)
    axes = call.axes(len(shape), "axes") or ()
    if len(axes) == 1:
        return _layer_norm(call, x, call.expr(1), call.expr(2), axes[0])
    if tuple(sorted(axes)) != tuple(range(len(shape) - len(axes), len(shape))):
        call.refuse("dimensions that are not the last ones have no counterpart")
    size = 1
    for axis in axes:
        size *= shape[axis]
    lead = shape[: len(shape) - len(axes)]
    gamma, beta = (call.reshape(call.expr(index), (size,)) for index in (1, 2))
    flat = _layer_norm(call, call.reshape(x, (*lead, size)), gamma, beta, len(lead))
    return call.reshape(flat, shape)


def _layer_norm(call: RelaxCall, x: Expr, gamma: Expr, beta: Expr, axis: int) -> Expr:
    attrs = {name: call.attrs[name] for name in ("center", "scale")}
    return call.relay("nn.layer_norm", x, gamma, beta, axis=axis, epsilon=float(call.attrs["epsilon"]), **attrs)


def instance_norm(call: RelaxCall) -> Expr:
    """Over all dimensions but the batch and the channels."""
    rank = call.tensor_type(call.expr(0)).rank
    axis = call.axis(rank, "channel_axis")
    _check_axes(call, rank, axis)
    attrs = {name: call.attrs[name] for name in ("center", "scale")}
    args = [call.expr(index) for index in range(3)]
    return call.relay("nn.instance_norm", *args, axis=axis, epsilon=float(call.attrs["epsilon"]), **attrs)


def group_norm(call: RelaxCall) -> Expr:
    """Over groups of channels and all dimensions but the batch."""
    rank = call.tensor_type(call.expr(0)).rank
    axis = call.axis(rank, "channel_axis")
    _check_axes(call, rank, axis)
    attrs = {name: call.attrs[name] for name in ("center", "scale", "num_groups")}
    args = [call.expr(index) for index in range(3)]
    return call.relay("nn.group_norm", *args, axis=axis, epsilon=float(call.attrs["epsilon"]), **attrs)


def _check_axes(call: RelaxCall, rank: int, channel: int) -> None:
    axes = call.axes(rank, "axes") or ()
    if sorted(axes) != [d for d in range(1, rank) if d != channel]:
        call.refuse(f"axes {axes} are not all but those of batch and channels")


def rms_norm(call: RelaxCall) -> Expr:
    """x / sqrt(mean(x^2) + epsilon) * weight."""
    x = call.expr(0)
    axes = call.axes(call.tensor_type(x).rank, "axes")
    mean = call.relay("mean", call.multiply(x, x), axis=axes, keepdims=True)
    root = call.relay("sqrt", call.add(mean, call.like(float(call.attrs["epsilon"]), x)))
    return call.multiply(call.divide(x, root), call.expr(1))


def dropout(call: RelaxCall) -> Expr:
    """Nothing at inference: the data, and a mask of ones."""
    return call.relay("nn.dropout", call.expr(), rate=float(call.attrs["rate"]))


ROWS: RowTable = {
    "nn.batch_norm": batch_norm,
    "nn.dropout": dropout,
    "nn.group_norm": group_norm,
    "nn.instance_norm": instance_norm,
    "nn.layer_norm": layer_norm,
    "nn.rms_norm": rms_norm,
}
