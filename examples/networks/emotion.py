"""The emotion network of the paper's Listing 4: a face, 48x48 in grey, into one of seven emotions."""

from __future__ import annotations

from examples.networks.layers import Layers, Tensor


def emotion(layers: Layers[Tensor], size: int = 48, classes: int = 7) -> None:
    """Four convolutions without padding, three of them pooled, and two dense layers."""
    value = layers.conv(layers.image(size, size, 1), 32, 3, padding="valid")
    for channels in (64, 128, 128):
        value = layers.max_pool(layers.conv(value, channels, 3, padding="valid"), 2, 2)
    _, height, width, channels = layers.shape(value)
    value = layers.reshape(value, (1, height * width * channels))
    layers.outputs(layers.softmax(layers.dense(layers.dense(value, 256, "relu"), classes)))
