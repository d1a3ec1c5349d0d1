"""Steps that move the elements of images: greatest of windows, nearest neighbours, blocks of pixels. No arithmetic."""

from __future__ import annotations

from nir.testing.relay_draft import Draft, Step, Tensor, image_shape, is_number, spatial


def image(draft: Draft, layout: str, least: int = 1) -> Tensor | None:
    """A tensor of numbers that can be an image of this layout, of at least so many rows and columns."""
    return draft.source(
        lambda tensor: is_number(tensor) and len(tensor.shape) == 4 and min(spatial(tensor, layout)[:2]) >= least
    )


def max_pool(draft: Draft) -> None:
    """The greatest element of each window."""
    layout = draft.choose("NHWC", "NCHW")
    x = image(draft, layout, 2)
    if x is None:
        return
    rows, columns, channels = spatial(x, layout)
    step, padding, ceil = window_choices(draft)
    high, wide = (windows(side, 2, step, padding, ceil) for side in (rows, columns))
    text = (
        f"nn.max_pool2d({x.name}, pool_size=[2, 2], strides=[{step}, {step}], padding=[{padding}, {padding}], "
        f'layout="{layout}", ceil_mode={ceil})'
    )
    draft.result(x, text, x, shape=image_shape(x.shape[0], high, wide, channels, layout))


def window_choices(draft: Draft) -> tuple[int, int, bool]:
    """Step, padding, and whether windows may be partial; not both of the latter: a window would lie in padding alone,
    which Relay counts and TVM does no more.
    """
    step, padding = draft.choose(2, 1), draft.choose(0, 1)
    return step, padding, padding == 0 and draft.choose(False, True)


def windows(side: int, size: int, step: int, padding: int, ceil: bool) -> int:
    """How many windows lie along a side of an image, with partial ones at the end where `ceil` is set."""
    room = side + 2 * padding - size
    return (-(-room // step) if ceil else room // step) + 1


def whole_max_pool(draft: Draft) -> None:
    """The greatest element of a whole channel, or of parts side by side."""
    layout = draft.choose("NHWC", "NCHW")
    x = image(draft, layout)
    if x is None:
        return
    text, shape = whole_windows(draft, x, layout, "max")
    draft.result(x, text, x, shape=shape)


def whole_windows(draft: Draft, x: Tensor, layout: str, kind: str) -> tuple[str, tuple[int, ...]]:
    """A global or adaptive pool that covers the image, and its shape."""
    rows, columns, channels = spatial(x, layout)
    if draft.choose(True, False):
        return f'nn.global_{kind}_pool2d({x.name}, layout="{layout}")', image_shape(x.shape[0], 1, 1, channels, layout)
    high, wide = (draft.choose(*(n for n in range(1, side + 1) if side % n == 0)) for side in (rows, columns))
    text = f'nn.adaptive_{kind}_pool2d({x.name}, output_size=[{high}, {wide}], layout="{layout}")'
    return text, image_shape(x.shape[0], high, wide, channels, layout)


def nearest(draft: Draft) -> None:
    """Pixels again or left out, so that the image gets another size."""
    layout = draft.choose("NHWC", "NCHW")
    x = image(draft, layout)
    if x is None:
        return
    rows, columns, channels = spatial(x, layout)
    if draft.choose(True, False):
        high, wide = draft.integer(1, 3), draft.integer(1, 3)
        text = (
            f"nn.upsampling({x.name}, scale_h={high}f, scale_w={wide}f, "
            f'layout="{layout}", method="nearest_neighbor", align_corners=False)'
        )
        draft.result(x, text, x, shape=image_shape(x.shape[0], rows * high, columns * wide, channels, layout))
        return
    high, wide = draft.integer(1, 8), draft.integer(1, 8)
    mode = draft.choose("half_pixel", "align_corners", "asymmetric")
    rounding = draft.choose("", "round", "floor", "ceil", "round_prefer_floor", "round_prefer_ceil")
    text = (
        f'image.resize2d({x.name}, size=[{high}, {wide}], roi=[0f, 0f, 0f, 0f], layout="{layout}", '
        f'method="nearest_neighbor", coordinate_transformation_mode="{mode}", rounding_method="{rounding}")'
    )
    draft.result(x, text, x, shape=image_shape(x.shape[0], high, wide, channels, layout))


def blocks(draft: Draft) -> None:
    """Blocks of pixels to channels, or channels to blocks of pixels."""
    layout = draft.choose("NHWC", "NCHW")
    x = image(draft, layout)
    if x is None:
        return
    rows, columns, channels = spatial(x, layout)
    if channels % 4 == 0:
        mode = draft.choose("DCR", "CRD")
        shape = image_shape(x.shape[0], 2 * rows, 2 * columns, channels // 4, layout)
        text = f'nn.depth_to_space({x.name}, block_size=2, layout="{layout}", mode="{mode}")'
        draft.result(x, text, x, shape=shape)
    elif rows % 2 == columns % 2 == 0:
        shape = image_shape(x.shape[0], rows // 2, columns // 2, 4 * channels, layout)
        draft.result(x, f'nn.space_to_depth({x.name}, block_size=2, layout="{layout}")', x, shape=shape)


def reorganisation(draft: Draft) -> None:
    """Blocks of pixels to channels in the order of Darknet."""
    x = draft.source(
        lambda tensor: (
            is_number(tensor)
            and len(tensor.shape) == 4
            and tensor.shape[1] % 4 == tensor.shape[2] % 2 == tensor.shape[3] % 2 == 0
        )
    )
    if x is not None:
        batch, channels, rows, columns = x.shape
        shape = (batch, 4 * channels, rows // 2, columns // 2)
        draft.result(x, f"vision.yolo_reorg({x.name}, stride=2)", x, shape=shape)


def batches(draft: Draft) -> None:
    """Blocks of pixels to images of a batch, or the images of a batch to blocks."""
    x = image(draft, "NHWC")
    if x is None:
        return
    batch, rows, columns, channels = x.shape
    if batch % 4 == 0:
        below, right = draft.integer(0, 1), draft.integer(0, 1)
        text = f"nn.batch_to_space_nd({x.name}, block_shape=[2, 2], crops=[[0, {below}], [{right}, 0]])"
        shape = (batch // 4, 2 * rows - below, 2 * columns - right, channels)
    else:
        below, right = rows % 2, columns % 2
        text = (
            f"nn.space_to_batch_nd({x.name}, block_shape=[2, 2], paddings=[[0, {below}], [{right}, 0]], "
            f"pad_value={x.zero_point}f)"
        )
        shape = (4 * batch, (rows + below) // 2, (columns + right) // 2, channels)
    draft.result(x, text, x, shape=shape)


STEPS = (
    Step(max_pool, 1, ("nn.max_pool2d",), 2),
    Step(whole_max_pool, 1, ("nn.global_max_pool2d", "nn.adaptive_max_pool2d"), 2),
    Step(nearest, 1, ("nn.upsampling", "image.resize2d"), 2),
    Step(blocks, 1, ("nn.depth_to_space", "nn.space_to_depth"), 3),
    Step(reorganisation, 1, ("vision.yolo_reorg",), 3),
    Step(batches, 1, ("nn.space_to_batch_nd", "nn.batch_to_space_nd"), 3),
)
