"""NASNet-A (mobile). Zoph and others 2018, "Learning transferable architectures for scalable image recognition"."""

from __future__ import annotations

from examples.networks.layers import Layers, Tensor

FILTERS, REPETITIONS, STEM = 44, 4, 32
"""4 @ 1056: the last cells have 6 * 4 * 44 channels."""


def nasnet_mobile(layers: Layers[Tensor], size: int = 224, classes: int = 1000) -> None:
    """Three groups of normal cells, with reduction cells before, between, and two in the stem."""
    value = layers.conv(layers.image(size, size, 3), STEM, 3, 2, "valid", activation="none")
    value, previous = reduction_cell(layers, value, value, FILTERS // 4)
    value, previous = reduction_cell(layers, value, previous, FILTERS // 2)
    for group in range(3):
        if group:
            value, previous = reduction_cell(layers, value, previous, FILTERS << group)
        for _ in range(REPETITIONS):
            value, previous = normal_cell(layers, value, previous, FILTERS << group)
    value = layers.relu(value)
    layers.classify(value, classes, gain=20)


def normal_cell(layers: Layers[Tensor], value: Tensor, previous: Tensor, filters: int) -> tuple[Tensor, Tensor]:
    """The cell's result, and what the next cell takes as its previous one."""
    p = adjusted(layers, previous, value, filters)
    h = layers.conv(layers.relu(value), filters, activation="none")
    parts = [
        p,
        layers.add(separable(layers, h, filters, 5), separable(layers, p, filters, 3)),
        layers.add(separable(layers, p, filters, 5), separable(layers, p, filters, 3)),
        layers.add(layers.average_pool(h, 3, 1, "same"), p),
        layers.add(layers.average_pool(p, 3, 1, "same"), layers.average_pool(p, 3, 1, "same")),
        layers.add(separable(layers, h, filters, 3), h),
    ]
    return layers.concatenate(parts), value


def reduction_cell(layers: Layers[Tensor], value: Tensor, previous: Tensor, filters: int) -> tuple[Tensor, Tensor]:
    """Like a normal cell, with half the height and width."""
    p = adjusted(layers, previous, value, filters)
    h = layers.conv(layers.relu(value), filters, activation="none")
    first = layers.add(separable(layers, h, filters, 5, 2), separable(layers, p, filters, 7, 2))
    largest = layers.max_pool(h, 3, 2, "same")
    second = layers.add(largest, separable(layers, p, filters, 7, 2))
    third = layers.add(layers.average_pool(h, 3, 2, "same"), separable(layers, p, filters, 5, 2))
    fourth = layers.add(second, layers.average_pool(first, 3, 1, "same"))
    fifth = layers.add(separable(layers, first, filters, 3), largest)
    return layers.concatenate([second, third, fourth, fifth]), value


def separable(layers: Layers[Tensor], value: Tensor, filters: int, kernel: int, stride: int = 1) -> Tensor:
    """Twice a rectifier, a depthwise convolution and one of 1x1."""
    for step in (stride, 1):
        value = layers.depthwise(layers.relu(value), kernel, step, activation="none", bias=False)
        value = layers.conv(value, filters, activation="none")
    return value


def adjusted(layers: Layers[Tensor], previous: Tensor, value: Tensor, filters: int) -> Tensor:
    """The previous cell's input with the height, width and channels of this one's.

    Where it is larger it is halved twice, the second time shifted by one cell, so that every cell is seen.
    """
    if layers.shape(previous)[1] != layers.shape(value)[1]:
        rectified = layers.relu(previous)
        halves = [
            layers.conv(layers.average_pool(image, 1, 2), filters // 2, activation="none")
            for image in (rectified, layers.shift_up_left(rectified))
        ]
        return layers.concatenate(halves)
    if layers.shape(previous)[-1] != filters:
        return layers.conv(layers.relu(previous), filters, activation="none")
    return previous
