"""Attribute values that several operators share."""

from __future__ import annotations

import enum


class Activation(enum.Enum):
    """A fused activation, applied to the real value of the result: NNAPI's FuseCode."""

    NONE = "none"
    RELU = "relu"
    RELU1 = "relu1"
    RELU6 = "relu6"


class Layout(enum.Enum):
    """Order of the dimensions of images: batch, height, width, channels; or channels before height."""

    NHWC = "nhwc"
    NCHW = "nchw"


class PaddingScheme(enum.Enum):
    """Padding by rule: `same` gives ceil(input / stride) outputs, `valid` pads nothing."""

    SAME = "same"
    VALID = "valid"


Padding = PaddingScheme | tuple[int, int, int, int]
"""A scheme, or the cells added at top, bottom, left, right."""


class Rounding(enum.Enum):
    """How a rescaled accumulator becomes an integer under the `relay` profiles: what qnn.requantize calls
    UPWARD (halves up) and TONEAREST (halves away from zero). Other profiles have their own rule and ignore it.
    """

    UPWARD = "upward"
    TO_NEAREST = "to_nearest"
