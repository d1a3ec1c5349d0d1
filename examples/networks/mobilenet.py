"""MobileNet v1 and v2, and the detector MobileNet-SSD.

Howard and others 2017, "MobileNets"; Sandler and others 2018, "MobileNetV2"; Liu and others 2016, "SSD".
"""

from __future__ import annotations

from examples.networks.layers import Layers, Tensor

SEPARABLE = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))
"""MobileNet v1: channels and stride of each depthwise separable block."""

INVERTED = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""MobileNet v2: expansion, channels, repetitions, stride of the first repetition."""


def mobilenet_v1(layers: Layers[Tensor], size: int = 224, classes: int = 1000) -> None:
    """MobileNet v1, width 1.0."""
    value, _ = mobilenet_features(layers, layers.image(size, size, 3))
    layers.classify(value, classes, gain=7)


def mobilenet_features(layers: Layers[Tensor], image: Tensor) -> tuple[Tensor, Tensor]:
    """The last feature map of MobileNet v1, and the last before its final halving."""
    value = layers.conv(image, 32, 3, 2, activation="relu6")
    before = value
    for channels, stride in SEPARABLE:
        if stride == 2:
            before = value
        value = layers.depthwise(value, 3, stride, activation="relu6")
        value = layers.conv(value, channels, activation="relu6")
    return value, before


def mobilenet_v2(layers: Layers[Tensor], size: int = 224, classes: int = 1000) -> None:
    """MobileNet v2, width 1.0."""
    value = layers.conv(layers.image(size, size, 3), 32, 3, 2, activation="relu6")
    for expansion, channels, repetitions, first_stride in INVERTED:
        for repetition in range(repetitions):
            stride = first_stride if repetition == 0 else 1
            value = _inverted_block(layers, value, expansion, channels, stride)
    value = layers.conv(value, 1280, activation="relu6")
    layers.classify(value, classes, gain=2)


def _inverted_block(layers: Layers[Tensor], start: Tensor, expansion: int, channels: int, stride: int) -> Tensor:
    value, inputs = start, layers.shape(start)[-1]
    if expansion > 1:
        value = layers.conv(value, inputs * expansion, activation="relu6")
    value = layers.depthwise(value, 3, stride, activation="relu6")
    value = layers.conv(value, channels, activation="none")
    return layers.add(start, value) if stride == 1 and inputs == channels else value


def mobilenet_ssd(layers: Layers[Tensor], size: int = 300, classes: int = 91) -> None:
    """Single-shot detection on MobileNet v1: box encodings [1, boxes, 4] and class scores [1, boxes, classes].

    Six feature maps from 19x19 to 1x1 (for size 300) with 3 boxes per cell on the first and 6 on the others: 1,917.
    """
    last, earlier = mobilenet_features(layers, layers.image(size, size, 3))
    maps = [earlier, last]
    for narrow, channels in ((256, 512), (128, 256), (128, 256), (64, 128)):
        squeezed = layers.conv(maps[-1], narrow, activation="relu6")
        maps.append(layers.conv(squeezed, channels, 3, 2, activation="relu6"))
    boxes: list[Tensor] = []
    scores: list[Tensor] = []
    for index, value in enumerate(maps):
        each = 3 if index == 0 else 6
        _, height, width, _ = layers.shape(value)
        for found, numbers in ((boxes, 4), (scores, classes)):
            predicted = layers.conv(value, each * numbers, activation="none")
            found.append(layers.reshape(predicted, (1, height * width * each, numbers)))
    layers.outputs(layers.concatenate(boxes, axis=1), layers.sigmoid(layers.concatenate(scores, axis=1)))
