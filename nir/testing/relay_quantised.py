"""Steps of quantised programs but for sums of products: rescaling, arithmetic, functions by table, averages."""

from __future__ import annotations

from nir.testing.relay_draft import LIMITS, Draft, Step, Tensor, image_shape, is_exact, is_quantised, spatial
from nir.testing.relay_images import window_choices, windows
from nir.testing.relay_quantised_products import MODES

_FUNCTIONS = ("tanh", "sigmoid", "hardswish", "abs", "erf", "exp")
_OF_POSITIVE_NUMBERS = ("sqrt", "rsqrt", "log")


def _rank(tensor: Tensor, rank: int) -> bool:
    return is_quantised(tensor) and len(tensor.shape) == rank


def clip(draft: Draft) -> None:
    """Bounds on the stored integers, among them those of fused activations."""
    x = draft.source(is_quantised)
    if x is not None:
        least, greatest = LIMITS[x.dtype]
        low, high = sorted((draft.integer(least, greatest), draft.integer(least, greatest)))
        if draft.choose(True, False):
            low, high = x.zero_point, greatest
        draft.result(x, f"clip({x.name}, a_min={low}f, a_max={high}f)", x)


def rescale(draft: Draft) -> None:
    """Other parameters for the same numbers."""
    x = draft.source(is_quantised)
    if x is not None:
        out = draft.parameters(x.shape)
        text = (
            f"qnn.requantize({x.name}, {x.parameters}, {out.parameters}, "
            f'rounding="{draft.choose(*MODES)}", compute_dtype="int64", out_dtype="{out.dtype}")'
        )
        draft.result(out, text, x)


def arithmetic(draft: Draft) -> None:
    """Two quantised tensors of one shape and type, added, subtracted or multiplied."""
    x = draft.source(is_quantised)
    if x is None:
        return
    y = draft.source(lambda tensor: is_quantised(tensor) and (tensor.shape, tensor.dtype) == (x.shape, x.dtype)) or x
    out = draft.parameters(x.shape, x.dtype)
    operator = draft.choose("add", "subtract", "mul")
    text = f"qnn.{operator}({x.name}, {y.name}, {x.parameters}, {y.parameters}, {out.parameters})"
    draft.result(out, text, x, y)


def join(draft: Draft) -> None:
    """Tensors of different parameters behind each other."""
    x = draft.source(lambda tensor: is_quantised(tensor) and len(tensor.shape) > 1)
    if x is None:
        return
    y = draft.source(lambda tensor: is_quantised(tensor) and (tensor.shape, tensor.dtype) == (x.shape, x.dtype)) or x
    axis = draft.integer(1, len(x.shape) - 1)
    out = draft.parameters((*x.shape[:axis], 2 * x.shape[axis], *x.shape[axis + 1 :]), x.dtype)
    scales, points = f"({x.scale}f, {y.scale}f)", f"({x.zero_point}, {y.zero_point})"
    text = f"qnn.concatenate(({x.name}, {y.name}), {scales}, {points}, {out.parameters}, axis={axis})"
    draft.result(out, text, x, y)


def average(draft: Draft) -> None:
    """Averages of windows in int32, as front ends write it."""
    layout = draft.choose("NHWC", "NCHW")
    x = draft.source(lambda tensor: _rank(tensor, 4) and min(spatial(tensor, layout)[:2]) >= 2)
    if x is None:
        return
    rows, columns, channels = spatial(x, layout)
    wide = draft.call(f'cast({x.name}, dtype="int32")', x)
    pooled = draft.call(f'nn.avg_pool2d({wide}, pool_size=[2, 2], strides=[2, 2], layout="{layout}")')
    shape = image_shape(x.shape[0], rows // 2, columns // 2, channels, layout)
    draft.result(x, f'cast({pooled}, dtype="{x.dtype}")', shape=shape)


def mean(draft: Draft) -> None:
    """The mean of every channel in int32, requantised."""
    x = draft.source(lambda tensor: _rank(tensor, 4))
    if x is None:
        return
    wide = draft.call(f'cast({x.name}, dtype="int32")', x)
    axes = draft.choose((1, 2), (2, 3))
    total = draft.call(f"mean({wide}, axis={list(axes)}, keepdims=True)")
    out = draft.parameters(tuple(1 if axis in axes else extent for axis, extent in enumerate(x.shape)))
    draft.result(
        out,
        f'qnn.requantize({total}, {x.parameters}, {out.parameters}, compute_dtype="int64", out_dtype="{out.dtype}")',
    )


def lookup(draft: Draft) -> None:
    """A function of every element, by table."""
    x = draft.source(lambda tensor: is_quantised(tensor))
    if x is not None:
        operator = draft.choose(*_FUNCTIONS)
        out = draft.parameters(x.shape, x.dtype)
        draft.result(out, f"qnn.{operator}({x.name}, {x.parameters}, {out.parameters})", x)


def lookup_positive(draft: Draft) -> None:
    """Functions of what is not negative: the operand is first brought to parameters that have no negative numbers."""
    x = draft.source(is_quantised)
    if x is None or x.scale is None or not draft.fits(x.shape):
        return
    least, out = LIMITS[x.dtype][0], draft.parameters(x.shape, x.dtype)
    text = (
        f'qnn.requantize({x.name}, {x.parameters}, {x.scale}f, {least}, compute_dtype="int64", out_dtype="{x.dtype}")'
    )
    positive = draft.call(text, x)
    draft.result(out, f"qnn.{draft.choose(*_OF_POSITIVE_NUMBERS)}({positive}, {x.scale}f, {least}, {out.parameters})")


def softmax(draft: Draft) -> None:
    """Softmax in integers, whose operand must not have a scale above 1."""
    x = draft.source(lambda tensor: tensor.scale is not None and tensor.scale <= 1 and bool(tensor.shape))
    if x is not None:
        out = draft.parameters(x.shape, x.dtype)
        axis = draft.integer(0, len(x.shape) - 1)
        draft.result(out, f"qnn.softmax({x.name}, {x.parameters}, {out.parameters}, axis={axis})", x)


def average_pool(draft: Draft) -> None:
    """Averages of windows with parameters of their own, or with the same."""
    layout = draft.choose("NHWC", "NCHW")
    x = draft.source(lambda tensor: _rank(tensor, 4) and min(spatial(tensor, layout)[:2]) >= 2)
    if x is None:
        return
    rows, columns, channels = spatial(x, layout)
    (step, padding, ceil), counts = window_choices(draft), draft.choose(False, True)
    high, wide = (windows(side, 2, step, padding, ceil) for side in (rows, columns))
    shape = image_shape(x.shape[0], high, wide, channels, layout)
    out = draft.parameters(shape, x.dtype) if draft.choose(True, False) else x
    text = (
        f"qnn.avg_pool2d({x.name}, {x.parameters}, {out.parameters}, pool_size=[2, 2], strides=[{step}, {step}], "
        f'padding=[{padding}, {padding}, {padding}, {padding}], layout="{layout}", ceil_mode={ceil}, '
        f"count_include_pad={counts})"
    )
    draft.result(out, text, x, shape=shape)


def real_function(draft: Draft) -> None:
    """A function in floating point between a dequantize and a quantize: exact rounding is left to a lookup."""
    x = draft.source(is_quantised)
    if x is None or not draft.fits(x.shape):
        return
    out = draft.parameters(x.shape, draft.choose(x.dtype, *LIMITS))
    real = draft.call(f'qnn.dequantize({x.name}, {x.parameters}, out_dtype="float32")', x)
    applied = draft.call(f"{draft.choose('abs', 'nn.relu', 'negative')}({real})")
    draft.result(out, f'qnn.quantize({applied}, {out.parameters}, out_dtype="{out.dtype}")')


def leaky_relu(draft: Draft) -> None:
    """Negative numbers times a small factor."""
    x = draft.source(is_quantised)
    if x is not None:
        out = draft.parameters(x.shape, x.dtype)
        alpha = draft.choose(0.1, 0.25, 0.01)
        draft.result(out, f"qnn.leaky_relu({x.name}, {x.parameters}, {out.parameters}, alpha={alpha}f)", x)


def quantize(draft: Draft) -> None:
    """Floats to integers; only of floats that nobody doubts, since a rounding may turn on the last bit."""
    x = draft.source(is_exact)
    if x is not None:
        out = draft.parameters(x.shape)
        draft.result(out, f'qnn.quantize({x.name}, {out.parameters}, out_dtype="{out.dtype}")', x)


def dequantize(draft: Draft) -> None:
    """Integers to floats."""
    x = draft.source(is_quantised)
    if x is not None and x.scale is not None:
        made = Tensor("", x.shape, "float32", magnitude=256 * x.scale)
        draft.result(made, f'qnn.dequantize({x.name}, {x.parameters}, out_dtype="float32")', x)


STEPS = (
    Step(clip, 1, ("clip",)),
    Step(rescale, 1, ("qnn.requantize",)),
    Step(arithmetic, 1, ("qnn.add", "qnn.subtract", "qnn.mul"), 3),
    Step(join, 1, ("qnn.concatenate",)),
    Step(average, 3, ("cast", "nn.avg_pool2d")),
    Step(average_pool, 1, ("qnn.avg_pool2d",), 2),
    Step(mean, 3, ("cast", "mean", "qnn.requantize")),
    Step(lookup, 1, tuple(f"qnn.{name}" for name in _FUNCTIONS), 4),
    Step(lookup_positive, 2, ("qnn.requantize", *(f"qnn.{name}" for name in _OF_POSITIVE_NUMBERS)), 2),
    Step(leaky_relu, 1, ("qnn.leaky_relu",), 2),
    Step(softmax, 1, ("qnn.softmax",), 2),
    Step(dequantize, 1, ("qnn.dequantize",)),
)
"""Steps of programs that may have no floats."""

CROSSING = (
    Step(quantize, 1, ("qnn.quantize",)),
    Step(real_function, 3, ("qnn.dequantize", "abs", "nn.relu", "negative", "qnn.quantize")),
)
"""What needs floats; the first has an effect only where there is a tensor of them."""
