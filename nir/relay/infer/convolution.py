"""Typing rules of convolutions, pooling and resizing: operators that know heights and widths."""

from __future__ import annotations

from functools import partial

from nir.relay.infer.layout import Layout, read_layout, read_padding, spatial_letters, window_extent
from nir.relay.infer.site import CallSite, Rule, product
from nir.relay.types import Dimension, TensorType, Type


def _out_layout(site: CallSite, data_layout: Layout, rank: int) -> Layout:
    text = site.attrs.get("out_layout") or data_layout.text
    return Layout(text, site, rank)


def _kernel(site: CallSite, layout: Layout, weight: TensorType, count: int) -> tuple[int, ...]:
    """The kernel's spatial extents, from the attribute or else from the weight; both must agree."""
    from_weight = layout.spatial(weight.shape)
    if site.attrs["kernel_size"] is not None:
        stated = site.integers("kernel_size", count)
        for one, other in zip(stated, from_weight, strict=True):
            site.same_extent(one, other, "'kernel_size' and the weight's shape")
        return stated
    if any(extent is None for extent in from_weight):
        raise site.error("the weight's spatial extents must be known", found=weight)
    return tuple(extent for extent in from_weight if extent is not None)


def _groups(site: CallSite, channels: Dimension) -> int:
    groups = site.attrs["groups"]
    if groups < 1 or (channels is not None and channels % groups):
        raise site.error("'groups' does not divide the channels", expected=f"a divisor of {channels}", found=groups)
    return int(groups)


def convolution(site: CallSite, count: int) -> Type:
    """A convolution over `count` spatial dimensions."""
    letters = spatial_letters(count)
    data, weight = site.tensor(0), site.tensor(1)
    layout = read_layout(site, "data_layout", "NC" + letters)
    kernel_layout = read_layout(site, "kernel_layout", "OI" + letters, 1)
    kernel = _kernel(site, kernel_layout, weight, count)
    inputs = layout.get(data.shape, "C")
    groups = _groups(site, inputs)
    weights = product((kernel_layout.get(weight.shape, "O"), kernel_layout.get(weight.shape, "I")))
    channels: Dimension = site.attrs["channels"]
    if channels is None:
        channels = kernel_layout.get(weight.shape, "O")
    if inputs is not None and weights is not None and channels is not None and weights * groups != channels * inputs:
        raise site.error(
            "the weight does not fit the data's channels",
            expected=f"{channels} output channels from {inputs} in {groups} groups",
            found=weight,
        )
    strides, dilation = site.integers("strides", count), site.integers("dilation", count)
    padding = read_padding(site, count)
    extents: dict[str, Dimension] = {"N": layout.get(data.shape, "N"), "C": channels}
    for position, letter in enumerate(letters):
        extents[letter] = window_extent(
            site,
            layout.get(data.shape, letter),
            kernel[position],
            strides[position],
            dilation[position],
            padding[position],
        )
    out = _out_layout(site, layout, data.rank)
    return TensorType(out.arrange(extents), site.dtype("out_dtype", data.dtype))


def transposed_convolution(site: CallSite, count: int) -> Type:
    """A transposed convolution; without `channels`, the weight's O times the groups are the output channels."""
    letters = spatial_letters(count)
    data, weight = site.tensor(0), site.tensor(1)
    layout = read_layout(site, "data_layout", "NC" + letters)
    kernel_layout = read_layout(site, "kernel_layout", "OI" + letters, 1)
    kernel = _kernel(site, kernel_layout, weight, count)
    groups = _groups(site, layout.get(data.shape, "C"))
    channels: Dimension = site.attrs["channels"]
    if channels is None:
        channels = product((kernel_layout.get(weight.shape, "O"), groups))
    strides, dilation = site.integers("strides", count), site.integers("dilation", count)
    extra = site.integers("output_padding", count)
    extents: dict[str, Dimension] = {"N": layout.get(data.shape, "N"), "C": channels}
    for position, (letter, padding) in enumerate(zip(letters, read_padding(site, count), strict=True)):
        extent = layout.get(data.shape, letter)
        if extent is not None:
            reach = (kernel[position] - 1) * dilation[position] + 1 + extra[position]
            extent = strides[position] * (extent - 1) + reach - sum(padding)
            if extent < 1:
                raise site.error("the padding leaves nothing of the output", found=padding)
        extents[letter] = extent
    out = _out_layout(site, layout, data.rank)
    return TensorType(out.arrange(extents), site.dtype("out_dtype", data.dtype))


def pool(site: CallSite, count: int) -> Type:
    """Pooling over windows of `count` spatial dimensions."""
    data = site.tensor()
    letters = spatial_letters(count)
    layout = read_layout(site, "layout", "NC" + letters)
    size, strides = site.integers("pool_size", count), site.integers("strides", count)
    dilation, padding = site.integers("dilation", count), read_padding(site, count)
    extents = {letter: layout.get(data.shape, letter) for letter in layout.text}
    for position, letter in enumerate(letters):
        extents[letter] = window_extent(
            site,
            extents[letter],
            size[position],
            strides[position],
            dilation[position],
            padding[position],
            site.attrs["ceil_mode"],
        )
    return TensorType(_out_layout(site, layout, data.rank).arrange(extents), data.dtype)


def _adaptive_pool(site: CallSite, count: int) -> Type:
    data = site.tensor()
    letters = spatial_letters(count)
    layout = read_layout(site, "layout", "NC" + letters)
    extents = {letter: layout.get(data.shape, letter) for letter in layout.text}
    sizes = site.integers("output_size") if type(site.attrs["output_size"]) is not int else ()
    if type(site.attrs["output_size"]) is int or len(sizes) == 1:
        sizes = (site.attrs["output_size"] if not sizes else sizes[0],) * count
    if len(sizes) not in (0, count):
        raise site.error("'output_size' has the wrong length", expected=f"0, 1 or {count}", found=sizes)
    extents.update(zip(letters, sizes, strict=False))
    return TensorType(_out_layout(site, layout, data.rank).arrange(extents), data.dtype)


def _global_pool(site: CallSite) -> Type:
    data = site.tensor()
    layout = read_layout(site, "layout", "NCHW")
    extents: dict[str, Dimension] = {letter: layout.get(data.shape, letter) for letter in "NC"}
    return TensorType(_out_layout(site, layout, data.rank).arrange({**extents, "H": 1, "W": 1}), data.dtype)


def _resize(site: CallSite, count: int) -> Type:
    data = site.tensor()
    letters = spatial_letters(count)
    layout = read_layout(site, "layout", "NC" + letters)
    extents = {letter: layout.get(data.shape, letter) for letter in layout.text}
    extents.update(zip(letters, site.integers("size", count), strict=True))
    return TensorType(layout.arrange(extents), site.dtype("out_dtype", data.dtype))


def _upsampling(site: CallSite, count: int) -> Type:
    data = site.tensor()
    letters = spatial_letters(count)
    layout = read_layout(site, "layout", "NC" + letters)
    extents = {letter: layout.get(data.shape, letter) for letter in layout.text}
    for letter in letters:
        extent = extents[letter]
        if extent is not None:
            extents[letter] = round(extent * site.attrs["scale_" + letter.lower()])
    return TensorType(layout.arrange(extents), data.dtype)


def _depth_and_space(site: CallSite, to_space: bool) -> Type:
    """`depth_to_space` and `space_to_depth`: blocks of pixels become channels, or the other way round."""
    data = site.tensor()
    layout = read_layout(site, "layout", "NCHW")
    block = site.attrs["block_size"]
    if block < 1:
        raise site.error("'block_size' must be positive", found=block)
    channels, height, width = (layout.get(data.shape, letter) for letter in "CHW")
    area = block * block
    if to_space:
        changed = {"C": _divided(site, channels, area), "H": _times(height, block), "W": _times(width, block)}
    else:
        changed = {
            "C": _times(channels, area),
            "H": _divided(site, height, block),
            "W": _divided(site, width, block),
        }
    return TensorType(layout.arrange({"N": layout.get(data.shape, "N"), **changed}), data.dtype)


def _times(extent: Dimension, factor: int) -> Dimension:
    return None if extent is None else extent * factor


def _divided(site: CallSite, extent: Dimension, divisor: int) -> Dimension:
    if extent is None:
        return None
    if extent % divisor:
        raise site.error("'block_size' does not divide the input", expected=f"a multiple of {divisor}", found=extent)
    return extent // divisor


def _space_to_batch(site: CallSite) -> Type:
    data = site.tensor()
    blocks = site.integers("block_shape")
    paddings = _pairs(site, "paddings", len(blocks), data.rank)
    shape: list[Dimension] = list(data.shape)
    for position, (block, pair) in enumerate(zip(blocks, paddings, strict=True), start=1):
        extent = shape[position]
        shape[position] = None if extent is None else _divided(site, extent + sum(pair), block)
    shape[0] = product((shape[0], *blocks))
    return TensorType(tuple(shape), data.dtype)


def _batch_to_space(site: CallSite) -> Type:
    data = site.tensor()
    blocks = site.integers("block_shape")
    crops = _pairs(site, "crops", len(blocks), data.rank)
    shape: list[Dimension] = list(data.shape)
    for position, (block, pair) in enumerate(zip(blocks, crops, strict=True), start=1):
        extent = shape[position]
        shape[position] = None if extent is None else extent * block - sum(pair)
        if extent is not None and extent * block < sum(pair):
            raise site.error("'crops' cuts off more than there is", found=pair)
    shape[0] = None if shape[0] is None else _divided(site, shape[0], product(blocks) or 1)
    return TensorType(tuple(shape), data.dtype)


def _pairs(site: CallSite, name: str, count: int, rank: int) -> tuple[tuple[int, int], ...]:
    value = site.attrs[name]
    if (
        not isinstance(value, tuple)
        or len(value) != count
        or count >= rank
        or any(not isinstance(pair, tuple) or len(pair) != 2 for pair in value)
        or any(type(number) is not int for pair in value for number in pair)
    ):
        raise site.error(f"attribute '{name}' must be {count} pairs, fewer than dimensions", found=value)
    return value


def _yolo_reorg(site: CallSite) -> Type:
    data = site.ranked(4)
    batch, channels, height, width = data.shape
    stride = site.attrs["stride"]
    if type(stride) is not int or stride < 1:
        raise site.error("'stride' must be positive", found=stride)
    shape = (
        batch,
        _times(channels, stride * stride),
        _divided(site, height, stride),
        _divided(site, width, stride),
    )
    return TensorType(shape, data.dtype)


RULES: dict[str, Rule] = {
    **{f"nn.conv{count}d": partial(convolution, count=count) for count in (1, 2, 3)},
    **{f"nn.conv{count}d_transpose": partial(transposed_convolution, count=count) for count in (1, 2, 3)},
    **{f"nn.{kind}_pool{count}d": partial(pool, count=count) for kind in ("avg", "max") for count in (1, 2, 3)},
    **{
        f"nn.adaptive_{kind}_pool{count}d": partial(_adaptive_pool, count=count)
        for kind in ("avg", "max")
        for count in (1, 2, 3)
    },
    "nn.global_avg_pool2d": _global_pool,
    "nn.global_max_pool2d": _global_pool,
    **{f"image.resize{count}d": partial(_resize, count=count) for count in (1, 2, 3)},
    "image.resize": partial(_resize, count=2),
    "nn.upsampling": partial(_upsampling, count=2),
    "nn.upsampling3d": partial(_upsampling, count=3),
    "nn.depth_to_space": partial(_depth_and_space, to_space=True),
    "nn.space_to_depth": partial(_depth_and_space, to_space=False),
    "nn.space_to_batch_nd": _space_to_batch,
    "nn.batch_to_space_nd": _batch_to_space,
    "vision.yolo_reorg": _yolo_reorg,
}
