"""Activations, softmax, clip, dropout, and the losses that stand behind them."""

from __future__ import annotations

from tvm import relax, topi

from nir.passes.relax_building.emitter import Value, constant, dtype_of, integer_limits, shape_of
from nir.passes.relay_to_relax.emitter import Lowering, Site
from nir.passes.relay_to_relax.lowerings.elementwise import direct


def _clip(site: Site) -> Value:
    return clipped(site, site.args[0], site.attrs["a_min"], site.attrs["a_max"])


def clipped(site: Site, value: relax.Expr, low: float, high: float) -> relax.Expr:
    """`value` between `low` and `high`; for integers the bounds are brought into the range of the element type."""
    limits = integer_limits(dtype_of(value))
    if limits is not None:
        low, high = (int(min(max(bound, limits[0]), limits[1])) for bound in (low, high))
    return site.emit(relax.op.clip(value, low, high))


def _leaky_relu(site: Site) -> Value:
    return site.emit(relax.op.nn.leakyrelu(site.args[0], site.attrs["alpha"]))


def _prelu(site: Site) -> Value:
    return site.emit(relax.op.nn.prelu(site.args[0], site.args[1], site.attrs["axis"]))


def _softmax(site: Site) -> Value:
    return site.emit(relax.op.nn.softmax(site.args[0], site.attrs["axis"]))


def _log_softmax(site: Site) -> Value:
    return site.emit(relax.op.nn.log_softmax(site.args[0], site.attrs["axis"]))


def _fast_softmax(site: Site) -> Value:
    return site.te(topi.nn.fast_softmax, site.args[0], site.attrs["axis"])


def _dropout(site: Site) -> Value:
    """Nothing is dropped when a model runs; the mask that training would use is all ones."""
    return site.args[0], site.emit(relax.op.ones_like(site.args[0]))


def _cross_entropy(site: Site) -> Value:
    """The mean over the batch of -sum(targets * log(predictions)); `with_logits` takes logarithms already."""
    predictions, targets = site.args
    logarithms = predictions if site.name.endswith("with_logits") else site.emit(relax.op.log(predictions))
    total = site.emit(relax.op.sum(site.emit(relax.op.multiply(logarithms, targets))))
    return site.emit(relax.op.divide(total, constant(-shape_of(predictions)[0], dtype_of(predictions))))


LOWERINGS: dict[str, Lowering] = {
    "clip": _clip,
    "nn.cross_entropy": _cross_entropy,
    "nn.cross_entropy_with_logits": _cross_entropy,
    "nn.dropout": _dropout,
    "nn.fast_softmax": _fast_softmax,
    "nn.leaky_relu": _leaky_relu,
    "nn.log_softmax": _log_softmax,
    "nn.prelu": _prelu,
    "nn.relu": direct(relax.op.nn.relu),
    "nn.softmax": _softmax,
}
