"""DenseNet-121. Huang and others 2017, "Densely connected convolutional networks"."""

from __future__ import annotations

from examples.networks.layers import Layers, Tensor

BLOCKS = (6, 12, 24, 16)
GROWTH = 32


def densenet121(layers: Layers[Tensor], size: int = 224, classes: int = 1000) -> None:
    """Four dense blocks; normalisation and rectifier stand before each convolution."""
    value = layers.conv(layers.image(size, size, 3), 64, 7, 2)
    value = layers.max_pool(value, 3, 2, "same")
    for index, repetitions in enumerate(BLOCKS):
        for _ in range(repetitions):
            value = dense_layer(layers, value)
        if index < len(BLOCKS) - 1:
            value = transition(layers, value)
    value = layers.normalise(value)
    layers.classify(value, classes, gain=18)


def dense_layer(layers: Layers[Tensor], value: Tensor, growth: int = GROWTH) -> Tensor:
    """What there was, and `growth` channels more."""
    narrow = layers.conv(layers.normalise(value), 4 * growth)
    return layers.concatenate([value, layers.conv(narrow, growth, 3, activation="none", bias=False)])


def transition(layers: Layers[Tensor], value: Tensor) -> Tensor:
    """Half the channels, half the height and width."""
    channels = layers.shape(value)[-1] // 2
    return layers.average_pool(layers.conv(layers.normalise(value), channels, activation="none", bias=False), 2, 2)
