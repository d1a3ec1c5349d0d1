"""Rows for quantize and dequantize, which Relay's QNN dialect has with zero points of 32 bits."""

from __future__ import annotations

from nir.passes.relax_to_relay.site import RelaxCall, Row, RowTable
from nir.relay.ast import Constant, Expr


def converting(relay_name: str) -> Row:
    """Arguments: data, scales, zero points; the axis matters where there are several."""

    def row(call: RelaxCall) -> Expr:
        data = call.expr(0)
        scale, point = _parameter(call, 1, "float32"), _parameter(call, 2, "int32")
        rank = call.tensor_type(data).rank
        axis = call.axis(rank) if rank and max(scale.data.size, point.data.size) > 1 else 0
        return call.relay(relay_name, data, scale, point, axis=axis, out_dtype=call.result.dtype)

    return row


def _parameter(call: RelaxCall, index: int, dtype: str) -> Constant:
    """Scales or zero points: one for all as a scalar, as Relay has it."""
    given = call.expr(index)
    if not isinstance(given, Constant):
        call.refuse("scales and zero points must be constants")
    array = given.data.reshape(()) if given.data.size == 1 else given.data
    return given if array is given.data and array.dtype == dtype else call.constant(array.astype(dtype))


ROWS: RowTable = {"quantize": converting("qnn.quantize"), "dequantize": converting("qnn.dequantize")}
