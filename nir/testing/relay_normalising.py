"""Steps of floating-point programs that combine the numbers along axes: sums, means, norms, interpolation.

Bounds are those of forward error analysis; where a norm divides, its epsilon is large enough for a bound to say anything.
"""

from __future__ import annotations

import math

import numpy as np

from nir.testing.relay_draft import HALF_ULP, Draft, Step, Tensor, image_shape, is_float, spatial, with_axis
from nir.testing.relay_images import image, whole_windows, window_choices, windows
from nir.testing.relay_products import moderate, random_floats


def _with_axes(draft: Draft, magnitude: float, rank: int = 2) -> Tensor | None:
    return draft.source(lambda tensor: is_float(tensor) and tensor.magnitude <= magnitude and len(tensor.shape) >= rank)


def softmax(draft: Draft) -> None:
    """Softmax over one axis: its Jacobian's greatest row sum is 1/2; that of its logarithm is 2."""
    x = _with_axes(draft, 50, 1)
    if x is None:
        return
    axis = draft.choose(len(x.shape) - 1, draft.integer(0, len(x.shape) - 1))
    roundings = 2 * (x.shape[axis] + 20) * HALF_ULP
    written = draft.choose(axis, axis - len(x.shape))
    if draft.choose(True, False):
        error = 0.5 * x.error + roundings
        draft.result(x, f"nn.softmax({x.name}, axis={written})", x, magnitude=1.0, error=error)
    else:
        magnitude = 2 * x.magnitude + math.log(x.shape[axis]) + 1
        error = 2 * x.error + roundings * magnitude
        draft.result(x, f"nn.log_softmax({x.name}, axis={written})", x, magnitude=magnitude, error=error)


def average(draft: Draft) -> None:
    """Averages of windows, of parts side by side, or of whole images."""
    layout = draft.choose("NHWC", "NCHW")
    x = image(draft, layout, 2)
    if x is None or not is_float(x):
        return
    rows, columns, channels = spatial(x, layout)
    if draft.choose(True, False):
        step, padding, ceil = window_choices(draft)
        counts = draft.choose(False, True)
        text = (
            f"nn.avg_pool2d({x.name}, pool_size=[2, 2], strides=[{step}, {step}], padding=[{padding}, {padding}], "
            f'layout="{layout}", ceil_mode={ceil}, count_include_pad={counts})'
        )
        high, wide = (windows(side, 2, step, padding, ceil) for side in (rows, columns))
        shape = image_shape(x.shape[0], high, wide, channels, layout)
    else:
        text, shape = whole_windows(draft, x, layout, "avg")
    error = x.error + 2 * (rows * columns + 1) * HALF_ULP * x.magnitude
    draft.result(x, text, x, shape=shape, error=error)


def reduction(draft: Draft) -> None:
    """Sum or mean along axes, kept or not, named or excluded."""
    x = draft.source(lambda tensor: moderate(tensor) and len(tensor.shape) > 1)
    if x is None:
        return
    first = draft.integer(1, len(x.shape) - 1)
    axes = draft.choose((first,), tuple(range(first, len(x.shape))))
    keeps, excluded, operator = draft.choose(True, False), draft.choose(False, True), draft.choose("mean", "sum")
    terms = math.prod(x.shape[axis] for axis in axes)
    factor = terms if operator == "sum" else 1
    magnitude = factor * x.magnitude
    error = factor * x.error + 2 * (terms + 1) * HALF_ULP * magnitude
    others = [axis for axis in range(len(x.shape)) if axis not in axes]
    named = f"axis={others}, exclude=True" if excluded else f"axis={list(axes)}"
    text = f"{operator}({x.name}, {named}, keepdims={keeps})"
    draft.result(x, text, x, shape=_reduced(x.shape, axes, keeps), magnitude=magnitude, error=error)


def _reduced(shape: tuple[int, ...], axes: tuple[int, ...], keeps: bool) -> tuple[int, ...]:
    kept = ((1 if axis in axes else extent, axis in axes) for axis, extent in enumerate(shape))
    return tuple(extent for extent, gone in kept if keeps or not gone)


def product(draft: Draft) -> None:
    """The product along a short axis."""
    x = _with_axes(draft, 8)
    if x is None:
        return
    axes = [axis for axis, extent in enumerate(x.shape) if axis and x.magnitude**extent <= 1e4]
    if not axes:
        return
    axis = draft.choose(*axes)
    terms = x.shape[axis]
    magnitude = x.magnitude**terms
    error = terms * max(x.magnitude, 1) ** (terms - 1) * x.error + 2 * terms * HALF_ULP * magnitude
    shape = with_axis(x.shape, axis)
    draft.result(x, f"prod({x.name}, axis=[{axis}])", x, shape=shape, magnitude=magnitude, error=error)


def variance(draft: Draft) -> None:
    """The mean of squared distances from the mean, which is an operator of its own."""
    x = _with_axes(draft, 64)
    if x is None:
        return
    axis = draft.integer(1, len(x.shape) - 1)
    shape = with_axis(x.shape, axis, 1)
    middle = draft.call(f"mean({x.name}, axis=[{axis}], keepdims=True)", x)
    magnitude = 4 * x.magnitude**2
    doubt = 2 * x.error + 2 * (x.shape[axis] + 3) * HALF_ULP * x.magnitude  # of a distance, which is at most 2 M
    error = 4 * x.magnitude * doubt + 2 * (x.shape[axis] + 3) * HALF_ULP * magnitude
    text = f"variance({x.name}, {middle}, axis=[{axis}], keepdims=True)"
    draft.result(x, text, shape=shape, magnitude=magnitude, error=error)


def norm(draft: Draft) -> None:
    """Layer, instance and group norm: to mean 0 and variance 1, then scaled and shifted.

    With n numbers, c the distance from their mean and s the deviation, s^2 >= epsilon, |c| / s <= sqrt(n). The norm is
    2 (1 + sqrt(n)) / sqrt(epsilon) times as uncertain as its operand. The variance may be computed as a mean of
    squares minus the square of the mean, whose cancellation is a multiple of u M^2 (not of u s^2).
    """
    kind = draft.choose("layer_norm", "instance_norm", "group_norm")
    x = _with_axes(draft, 16, 2 if kind == "layer_norm" else 4)
    if x is None or (kind != "layer_norm" and len(x.shape) != 4):
        return
    axis = draft.integer(1, len(x.shape) - 1) if kind == "layer_norm" else draft.choose(1, 3)
    channels = x.shape[axis]
    count, more = math.prod(x.shape[1:]) // channels, ""
    if kind == "layer_norm":
        count = channels
    elif kind == "group_norm":
        groups = draft.choose(*(n for n in range(1, channels + 1) if channels % n == 0))
        count, more = count * channels // groups, f", num_groups={groups}"
    epsilon = draft.choose(1.0, 0.25)
    gamma, beta = (draft.weight(random_floats(draft, channels)) for _ in range(2))
    most = math.sqrt(count)
    doubt_of_square = 2 * (count + 3) * HALF_ULP * x.magnitude**2
    error = 2 * (1 + most) / math.sqrt(epsilon) * (x.error + (count + 3) * HALF_ULP * x.magnitude)
    error += most * doubt_of_square / (2 * epsilon) + 2 * 8 * HALF_ULP * (most + 1)
    text = f"nn.{kind}({x.name}, {gamma}, {beta}, axis={axis}, epsilon={epsilon}f{more})"
    draft.result(x, text, x, magnitude=most + 1, error=error)


def l2_normalize(draft: Draft) -> None:
    """Divides by the root of a sum of squares, in which nothing cancels: relative errors are halved by the root."""
    x = _with_axes(draft, 1e3)
    if x is None:
        return
    axis = draft.integer(1, len(x.shape) - 1)
    epsilon = draft.choose(1.0, 0.01)
    error = (1 + math.sqrt(x.shape[axis])) / math.sqrt(epsilon) * x.error + 2 * (x.shape[axis] + 6) * HALF_ULP
    text = f"nn.l2_normalize({x.name}, eps={epsilon}f, axis=[{axis}])"
    draft.result(x, text, x, magnitude=1.0, error=error)


def lrn(draft: Draft) -> None:
    """Divides by a power of b + a sum of squares of neighbours / size, which is at least b = 1.

    2 |x_i| sum |x_j| <= (size + 1) sum x_j^2 where j runs over the neighbours: the slope is at most 1 + beta (size + 1).
    """
    x = draft.source(lambda tensor: is_float(tensor) and tensor.magnitude <= 64 and len(tensor.shape) == 4)
    if x is None:
        return
    axis, size = draft.choose(1, 3), draft.choose(3, 5)
    alpha, beta = draft.choose(0.5, 0.0001), draft.choose(0.75, 0.5)
    error = (1 + beta * (size + 1)) * x.error + 2 * (beta * (size + 5) + 10) * HALF_ULP * x.magnitude
    text = f"nn.lrn({x.name}, size={size}, axis={axis}, bias=1f, alpha={alpha}f, beta={beta}f)"
    draft.result(x, text, x, error=error)


def interpolation(draft: Draft) -> None:
    """Bilinear resizing. A coordinate is off by a few roundings of the image's size, an element by that many times the
    difference of neighbours, which is at most twice the magnitude.
    """
    layout = draft.choose("NHWC", "NCHW")
    x = image(draft, layout)
    if x is None or not moderate(x):
        return
    rows, columns, channels = spatial(x, layout)
    if draft.choose(True, False):
        factor = draft.integer(1, 3)
        high, wide = factor * rows, factor * columns
        aligned = min(high, wide) > 1 and draft.choose(False, True)  # TVM divides by the number of rows less one
        text = (
            f"nn.upsampling({x.name}, scale_h={factor}f, scale_w={factor}f, "
            f'layout="{layout}", method="bilinear", align_corners={aligned})'
        )
    else:
        high, wide = draft.integer(1, 8), draft.integer(1, 8)
        modes = ("half_pixel", "asymmetric", "align_corners")
        mode = draft.choose(*(modes if min(high, wide) > 1 else modes[:2]))
        text = (
            f'image.resize2d({x.name}, size=[{high}, {wide}], roi=[0f, 0f, 0f, 0f], layout="{layout}", '
            f'method="linear", coordinate_transformation_mode="{mode}")'
        )
    error = x.error + 2 * (8 + 16 * max(rows, columns)) * HALF_ULP * x.magnitude
    draft.result(x, text, x, shape=image_shape(x.shape[0], high, wide, channels, layout), error=error)


def one_hot(draft: Draft) -> None:
    """One number where an index stands, another elsewhere."""
    x = draft.source(lambda tensor: tensor.dtype == "int32" and len(tensor.shape) < 4)
    if x is not None:
        depth, axis = draft.integer(1, 4), draft.integer(-1, len(x.shape))
        place = axis if axis >= 0 else len(x.shape)
        shape = (*x.shape[:place], depth, *x.shape[place:])
        on, off = draft.choose((1.0, 0.0), (2.5, -1.0))
        text = f'one_hot({x.name}, {on}f, {off}f, depth={depth}, axis={axis}, dtype="float32")'
        draft.floats(shape, text, x, magnitude=float(np.abs([on, off]).max()))


STEPS = (
    Step(softmax, 1, ("nn.softmax", "nn.log_softmax"), 2),
    Step(average, 1, ("nn.avg_pool2d", "nn.global_avg_pool2d", "nn.adaptive_avg_pool2d"), 3),
    Step(reduction, 1, ("mean", "sum")),
    Step(product, 1, ("prod",)),
    Step(variance, 2, ("mean", "variance")),
    Step(norm, 1, ("nn.layer_norm", "nn.instance_norm", "nn.group_norm"), 3),
    Step(l2_normalize, 1, ("nn.l2_normalize",)),
    Step(lrn, 1, ("nn.lrn",)),
    Step(interpolation, 1, ("nn.upsampling", "image.resize2d"), 2),
    Step(one_hot, 1, ("one_hot",)),
)
