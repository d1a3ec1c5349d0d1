"""Inception v3 and v4, and Inception-ResNet v2.

Szegedy and others 2016, "Rethinking the Inception architecture"; 2017, "Inception-v4, Inception-ResNet and the impact
of residual connections on learning". A branch is written as its convolutions: channels and kernel of each.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from examples.networks.layers import Layers, Size, Tensor

Branch = Sequence[tuple[int, Size]]

ROW3, COLUMN3, ROW7, COLUMN7 = (1, 3), (3, 1), (1, 7), (7, 1)


def branch(layers: Layers[Tensor], value: Tensor, convolutions: Branch, *, halving: bool = False) -> Tensor:
    """One convolution after the other; `halving` lets the last one halve height and width, without padding."""
    for index, (channels, kernel) in enumerate(convolutions):
        if halving and index == len(convolutions) - 1:
            value = layers.conv(value, channels, kernel, 2, "valid")
        else:
            value = layers.conv(value, channels, kernel)
    return value


def mixed(layers: Layers[Tensor], value: Tensor, branches: Sequence[Branch], pooled: int) -> Tensor:
    """Branches beside each other, the last of which is average pooling and a convolution to `pooled` channels."""
    results = [branch(layers, value, convolutions) for convolutions in branches]
    results.append(layers.conv(layers.average_pool(value, 3, 1, "same"), pooled))
    return layers.concatenate(results)


def reduction(layers: Layers[Tensor], value: Tensor, branches: Sequence[Branch]) -> Tensor:
    """Branches that halve height and width, and max pooling."""
    results = [branch(layers, value, convolutions, halving=True) for convolutions in branches]
    return layers.concatenate([*results, layers.max_pool(value, 3, 2)])


def split_branch(layers: Layers[Tensor], value: Tensor, convolutions: Branch, channels: int) -> list[Tensor]:
    """A branch that ends in a 1x3 and a 3x1 convolution beside each other."""
    value = branch(layers, value, convolutions)
    return [layers.conv(value, channels, kernel) for kernel in (ROW3, COLUMN3)]


def _stem(layers: Layers[Tensor], size: int) -> Tensor:
    """What v3 and Inception-ResNet v2 begin with."""
    value = layers.conv(layers.image(size, size, 3), 32, 3, 2, "valid")
    value = layers.conv(layers.conv(value, 32, 3, padding="valid"), 64, 3)
    value = layers.conv(layers.max_pool(value, 3, 2), 80, padding="valid")
    return layers.max_pool(layers.conv(value, 192, 3, padding="valid"), 3, 2)


def inception_v3(layers: Layers[Tensor], size: int = 299, classes: int = 1000) -> None:
    """Inception v3."""
    value = _stem(layers, size)
    for pooled in (32, 64, 64):
        value = mixed(layers, value, [[(64, 1)], [(48, 1), (64, 5)], [(64, 1), (96, 3), (96, 3)]], pooled)
    value = reduction(layers, value, [[(384, 3)], [(64, 1), (96, 3), (96, 3)]])
    for n in (128, 160, 160, 192):
        double: Branch = [(n, 1), (n, COLUMN7), (n, ROW7), (n, COLUMN7), (192, ROW7)]
        value = mixed(layers, value, [[(192, 1)], [(n, 1), (n, ROW7), (192, COLUMN7)], double], 192)
    value = reduction(layers, value, [[(192, 1), (320, 3)], [(192, 1), (192, ROW7), (192, COLUMN7), (192, 3)]])
    for _ in range(2):
        wide = split_branch(layers, value, [(384, 1)], 384)
        double_wide = split_branch(layers, value, [(448, 1), (384, 3)], 384)
        pooled_value = layers.conv(layers.average_pool(value, 3, 1, "same"), 192)
        value = layers.concatenate([layers.conv(value, 320), *wide, *double_wide, pooled_value])
    layers.classify(value, classes, gain=3)


def inception_v4(layers: Layers[Tensor], size: int = 299, classes: int = 1000) -> None:
    """Inception v4."""
    value = _stem_v4(layers, size)
    for _ in range(4):
        value = mixed(layers, value, [[(96, 1)], [(64, 1), (96, 3)], [(64, 1), (96, 3), (96, 3)]], 96)
    value = reduction(layers, value, [[(384, 3)], [(192, 1), (224, 3), (256, 3)]])
    for _ in range(7):
        double: Branch = [(192, 1), (192, COLUMN7), (224, ROW7), (224, COLUMN7), (256, ROW7)]
        value = mixed(layers, value, [[(384, 1)], [(192, 1), (224, ROW7), (256, COLUMN7)], double], 128)
    value = reduction(layers, value, [[(192, 1), (192, 3)], [(256, 1), (256, ROW7), (320, COLUMN7), (320, 3)]])
    for _ in range(3):
        wide = split_branch(layers, value, [(384, 1)], 256)
        double_wide = split_branch(layers, value, [(384, 1), (448, COLUMN3), (512, ROW3)], 256)
        pooled = layers.conv(layers.average_pool(value, 3, 1, "same"), 256)
        value = layers.concatenate([layers.conv(value, 256), *wide, *double_wide, pooled])
    layers.classify(value, classes, gain=6)


def _stem_v4(layers: Layers[Tensor], size: int) -> Tensor:
    value = layers.conv(layers.image(size, size, 3), 32, 3, 2, "valid")
    value = layers.conv(layers.conv(value, 32, 3, padding="valid"), 64, 3)
    value = layers.concatenate([layers.max_pool(value, 3, 2), layers.conv(value, 96, 3, 2, "valid")])
    left = layers.conv(layers.conv(value, 64), 96, 3, padding="valid")
    right = branch(layers, value, [(64, 1), (64, ROW7), (64, COLUMN7)])
    value = layers.concatenate([left, layers.conv(right, 96, 3, padding="valid")])
    return layers.concatenate([layers.conv(value, 192, 3, 2, "valid"), layers.max_pool(value, 3, 2)])


def residual(
    layers: Layers[Tensor], value: Tensor, branches: Sequence[Branch], factor: float, rectified: bool = True
) -> Tensor:
    """Adds `factor` times what the branches give, brought back to as many channels."""
    joined = layers.concatenate([branch(layers, value, convolutions) for convolutions in branches])
    update = layers.conv(joined, layers.shape(value)[-1], activation="none")
    scaled = update if factor == 1 else layers.scale(update, np.float32(factor))
    return layers.add(value, scaled, "relu" if rectified else "none")


def inception_resnet_v2(layers: Layers[Tensor], size: int = 299, classes: int = 1000) -> None:
    """Inception-ResNet v2."""
    value = _stem(layers, size)
    value = mixed(layers, value, [[(96, 1)], [(48, 1), (64, 5)], [(64, 1), (96, 3), (96, 3)]], 64)
    for _ in range(10):
        value = residual(layers, value, [[(32, 1)], [(32, 1), (32, 3)], [(32, 1), (48, 3), (64, 3)]], 0.17)
    value = reduction(layers, value, [[(384, 3)], [(256, 1), (256, 3), (384, 3)]])
    for _ in range(20):
        value = residual(layers, value, [[(192, 1)], [(128, 1), (160, ROW7), (192, COLUMN7)]], 0.1)
    value = reduction(layers, value, [[(256, 1), (384, 3)], [(256, 1), (288, 3)], [(256, 1), (288, 3), (320, 3)]])
    for index in range(10):
        branches: list[Branch] = [[(192, 1)], [(192, 1), (224, ROW3), (256, COLUMN3)]]
        last = index == 9
        value = residual(layers, value, branches, 1 if last else 0.2, rectified=not last)
    layers.classify(layers.conv(value, 1536), classes, gain=1.2)
