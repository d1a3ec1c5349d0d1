"""Pooling. Averages of widened integers are taken before the widening, which gives the same integers."""

from __future__ import annotations

from nir.ir import ElementType, Operation, Value
from nir.ops.common import Layout
from nir.passes.relay_to_nir.call import HandlerTable, RelayCall
from nir.passes.relay_to_nir.parameters import layout_of, padding_attribute, padding_of, pair, spatial_axes

_EIGHT_BITS = (ElementType.I8, ElementType.U8)


def widened_operand(value: Value) -> Value | None:
    """What `value` is a copy of in 32-bit integers; None where it is no such copy of an 8-bit tensor.

    A truncated mean of 8-bit integers is an 8-bit integer, so means may be taken before the copy.
    """
    op: Operation | None = value.producer
    if op is None or op.name != "cast" or value.element is not ElementType.I32:
        return None
    source = op.operands[0]
    return source if source is not None and source.element in _EIGHT_BITS else None


def max_pool2d(call: RelayCall) -> Value:
    """The maximum over each window."""
    layout = layout_of(call)
    value, window = call.value(0), pair(call, "pool_size")
    return _pooled(call, "max_pool_2d", value, window, _window_padding(call, window, layout), layout)


def avg_pool2d(call: RelayCall) -> Value:
    """The average over each window."""
    return average_pool(call, call.value(0))


def average_pool(call: RelayCall, value: Value) -> Value:
    """The average of `value`, with the attributes of the call. Padding that counts is added as zeros before, since
    NIR's average leaves padding out of the count; what a last partial window lacks never counts.
    """
    layout = layout_of(call)
    window = pair(call, "pool_size")
    padding, stated = _window_padding(call, window, layout), padding_of(call)
    if call.flag("count_include_pad") and any(stated):
        rows, columns = spatial_axes(layout)
        pairs = [(0, 0)] * 4
        pairs[rows], pairs[columns] = stated[:2], stated[2:]
        value = call.emit("pad_v2", value, padding=tuple(pairs), value=0.0 if value.element.is_float else 0)
        padding = (0, padding[1] - stated[1], 0, padding[3] - stated[3])
    return averaged(call, value, window, padding, layout)


def averaged(
    call: RelayCall, value: Value, window: tuple[int, int], padding: tuple[int, int, int, int], layout: Layout
) -> Value:
    """The average pool of `value`, with any widening to 32 bits put behind it."""
    narrow = widened_operand(value)
    if narrow is not None:
        return call.emit("cast", _pooled(call, "average_pool_2d", narrow, window, padding, layout), element="i32")
    return _pooled(call, "average_pool_2d", value, window, padding, layout)


def _pooled(
    call: RelayCall,
    operator: str,
    value: Value,
    window: tuple[int, int],
    padding: tuple[int, int, int, int],
    layout: Layout,
) -> Value:
    strides = pair(call, "strides") if "strides" in call.attrs else (1, 1)
    if max(padding[:2]) >= window[0] or max(padding[2:]) >= window[1]:
        call.refuse("windows that lie in the padding alone have no counterpart in NIR")
    return call.emit(operator, value, window=window, strides=strides, layout=layout, **padding_attribute(padding))


def _window_padding(call: RelayCall, window: tuple[int, int], layout: Layout) -> tuple[int, int, int, int]:
    """Cells added on each side; `ceil_mode` adds at the end what a last partial window lacks."""
    if "dilation" in call.attrs and pair(call, "dilation") != (1, 1):
        call.refuse("pooling with dilation has no counterpart in NIR")
    if call.attrs.get("out_layout") not in (None, "", call.attrs["layout"]):
        call.refuse("out_layout differs from layout")
    top, bottom, left, right = padding_of(call)
    if not call.flag("ceil_mode"):
        return top, bottom, left, right
    given, made = call.input_shape(0), call.shape
    strides, axes = pair(call, "strides"), spatial_axes(layout)
    lacking = [
        (made[axis] - 1) * stride + size - (given[axis] + before + after)
        for axis, stride, size, before, after in zip(axes, strides, window, (top, left), (bottom, right), strict=True)
    ]
    return top, bottom + max(lacking[0], 0), left, right + max(lacking[1], 0)


def global_pool(operator: str, call: RelayCall) -> Value:
    """One window over the whole image."""
    layout = layout_of(call)
    rows, columns = spatial_axes(layout)
    window = (call.input_shape(0)[rows], call.input_shape(0)[columns])
    return _whole(call, operator, window, window, layout)


def adaptive_pool(operator: str, call: RelayCall) -> Value:
    """Windows side by side, where the result's size divides the image's."""
    layout = layout_of(call)
    rows, columns = spatial_axes(layout)
    given, made = call.input_shape(0), call.shape
    if given[rows] % made[rows] or given[columns] % made[columns]:
        call.refuse(f"windows of unequal size ({given} to {made}) have no counterpart in NIR")
    window = (given[rows] // made[rows], given[columns] // made[columns])
    return _whole(call, operator, window, window, layout)


def _whole(call: RelayCall, operator: str, window: tuple[int, int], strides: tuple[int, int], layout: Layout) -> Value:
    value = call.value(0)
    narrow = widened_operand(value) if operator == "average_pool_2d" else None
    source = value if narrow is None else narrow
    result = call.emit(operator, source, window=window, strides=strides, layout=layout)
    return result if narrow is None else call.emit("cast", result, element="i32")


def global_avg_pool2d(call: RelayCall) -> Value:
    """The average over the whole image."""
    return global_pool("average_pool_2d", call)


def global_max_pool2d(call: RelayCall) -> Value:
    """The maximum over the whole image."""
    return global_pool("max_pool_2d", call)


def adaptive_avg_pool2d(call: RelayCall) -> Value:
    """Averages over windows that fit a given size of the result."""
    return adaptive_pool("average_pool_2d", call)


def adaptive_max_pool2d(call: RelayCall) -> Value:
    """Maxima over windows that fit a given size of the result."""
    return adaptive_pool("max_pool_2d", call)


HANDLERS: HandlerTable = {
    "nn.max_pool2d": max_pool2d,
    "nn.avg_pool2d": avg_pool2d,
    "nn.global_max_pool2d": global_max_pool2d,
    "nn.global_avg_pool2d": global_avg_pool2d,
    "nn.adaptive_max_pool2d": adaptive_max_pool2d,
    "nn.adaptive_avg_pool2d": adaptive_avg_pool2d,
}
