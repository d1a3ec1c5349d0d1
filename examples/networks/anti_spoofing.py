"""Face anti-spoofing with a map of 14 by 14 judgements, on the first blocks of DenseNet-161.

George and Marcel 2019, "Deep pixel-wise binary supervision for face presentation attack detection".
"""

from __future__ import annotations

from examples.networks.densenet import dense_layer, transition
from examples.networks.layers import Layers, Tensor

BLOCKS = (6, 12)
GROWTH = 48


def anti_spoofing(layers: Layers[Tensor], size: int = 224) -> None:
    """The map [1, cells, cells, 1] of the probability that a patch is of a living face, and that of the whole [1, 1]."""
    value = layers.conv(layers.image(size, size, 3), 96, 7, 2)
    value = layers.max_pool(value, 3, 2, "same")
    for repetitions in BLOCKS:
        for _ in range(repetitions):
            value = dense_layer(layers, value, GROWTH)
        value = transition(layers, value)
    patches = layers.sigmoid(layers.conv(value, 1, activation="none"))
    _, height, width, _ = layers.shape(patches)
    layers.outputs(patches, layers.sigmoid(layers.dense(layers.reshape(patches, (1, height * width)), 1, gain=6)))
