"""The networks of the paper, with drawn weights: builders that need no download.

    from examples.networks import NETWORKS, nir_module, onnx_model
    module = nir_module("inception_v3")

or `python -m examples.networks inception_v3 -o inception_v3.onnx` (.nir, .onnx, .tflite; --int8 for NIR and TFLite).
They have the shapes, and so the speed and the regions, of the originals, but have learnt nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from examples.networks.anti_spoofing import anti_spoofing
from examples.networks.densenet import densenet121
from examples.networks.emotion import emotion
from examples.networks.inception import inception_resnet_v2, inception_v3, inception_v4
from examples.networks.mobilenet import mobilenet_ssd, mobilenet_v1, mobilenet_v2
from examples.networks.nasnet import nasnet_mobile
from examples.networks.nir_layers import NirLayers
from examples.networks.quantising import quantised
from nir.ir import Module

if TYPE_CHECKING:
    import onnx


class Network(NamedTuple):
    """A builder and the size of the image that the original takes."""

    build: Callable[..., None]
    size: int
    description: str


NETWORKS = {
    "densenet121": Network(densenet121, 224, "Table 1: classification, 1,000 classes"),
    "inception_resnet_v2": Network(inception_resnet_v2, 299, "Table 1: classification, 1,000 classes"),
    "inception_v3": Network(inception_v3, 299, "Table 1: classification, 1,000 classes"),
    "inception_v4": Network(inception_v4, 299, "Table 1: classification, 1,000 classes"),
    "mobilenet_v1": Network(mobilenet_v1, 224, "Table 1: classification, 1,000 classes"),
    "mobilenet_v2": Network(mobilenet_v2, 224, "Table 1: classification, 1,000 classes"),
    "nasnet_mobile": Network(nasnet_mobile, 224, "Table 1: classification, 1,000 classes"),
    "anti_spoofing": Network(anti_spoofing, 224, "the application: is it a living face? 14x14 patches and the whole"),
    "mobilenet_ssd": Network(mobilenet_ssd, 300, "the application: detection, 1,917 boxes of 91 classes"),
    "emotion": Network(emotion, 48, "the application: seven emotions of a face (Listing 4)"),
}
"""Name -> network. For the application's three, see notebooks/06_three_networks.ipynb."""


def nir_module(name: str, size: int | None = None) -> Module:
    """A network in float NIR; `size` is the height and width of the image, the original's unless given."""
    layers = NirLayers(name)
    NETWORKS[name].build(layers, size or NETWORKS[name].size)
    return layers.module


def int8_module(name: str, size: int | None = None, samples: int = 2) -> Module:
    """A network quantised to int8 after the ranges that its tensors take on drawn images."""
    module = nir_module(name, size)
    shape = [size or 1 for size in module.main.parameters[0].shape]
    random = np.random.default_rng(0)
    images = [{"image": random.uniform(-1, 1, shape).astype(np.float32)} for _ in range(samples)]
    return quantised(module, images)


def onnx_model(name: str, size: int | None = None) -> onnx.ModelProto:
    """The same network, with the same weights, in ONNX (NCHW). Needs the package onnx."""
    from examples.networks.onnx_layers import OnnxLayers  # noqa: PLC0415 - an optional dependency

    layers = OnnxLayers(name)
    NETWORKS[name].build(layers, size or NETWORKS[name].size)
    return layers.model
