"""Networks that TensorFlow's converter wrote, against LiteRT's recorded outputs: integers to the bit under the profile of
the kernels that made them, floats to 1e-5 of the largest.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from data import data_path

import nir

pytest.importorskip("tflite", reason="the tflite package is not installed: pip install 'neuron-ir[tflite]'")

from nir.ir import Module
from nir.passes import relax_to_nir
from nir.tvm.importers.loading import load_model

QUANTISED = ("mixed_i8", "emotion_i8", "mobilenet_v2_035_96_i8")
FLOATS = ("mixed_f32", "mobilenet_v2_035_96_f32")
ISLANDS = {"quantize", "dequantize", "requantize"}


def converted(name: str) -> Module:
    return relax_to_nir(load_model(data_path("tflite", f"{name}.tflite")).module)


def outputs(module: Module, array: np.ndarray, profile: str) -> list[np.ndarray]:
    return list(nir.run(module, {module.main.parameters[0].name: array}, profile=profile).values())


@pytest.mark.parametrize("name", QUANTISED)
@pytest.mark.parametrize(("profile", "kernels"), [("tflite", "reference"), ("xnnpack", "xnnpack")])
def test_integers_are_those_of_litert(name: str, profile: str, kernels: str) -> None:
    module, recorded = converted(name), np.load(data_path("tflite", f"{name}.npz"))
    for sample in range(2):
        for index, found in enumerate(outputs(module, recorded[f"input_{sample}"], profile)):
            np.testing.assert_array_equal(found, recorded[f"{kernels}_{sample}_{index}"])


@pytest.mark.parametrize("name", FLOATS)
def test_floats_are_those_of_litert(name: str) -> None:
    module, recorded = converted(name), np.load(data_path("tflite", f"{name}.npz"))
    for sample in range(2):
        for index, found in enumerate(outputs(module, recorded[f"input_{sample}"], "tflite")):
            expected = recorded[f"reference_{sample}_{index}"]
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("name", QUANTISED)
def test_no_island_is_left(name: str) -> None:
    module = converted(name)
    assert not ISLANDS & {op.name for op in module.main}
    assert not any(value.element.is_float for value in module.main.values())


def test_every_layer_is_one_operation() -> None:
    """MobileNetV2 has 52 convolutions, 10 of whose blocks add their input."""
    for name in ("mobilenet_v2_035_96_i8", "mobilenet_v2_035_96_f32"):
        counts = Counter(op.name for op in converted(name).main)
        del counts["const"]
        expected = {"conv_2d": 35, "depthwise_conv_2d": 17, "add": 10, "mean": 1, "fully_connected": 1, "softmax": 1}
        assert counts == expected


def test_weights_share_the_memory_of_tvm() -> None:
    """A constant that is only passed on is not copied."""
    model = load_model(data_path("tflite", "emotion_i8.tflite")).module
    biases = [op.value.array for op in relax_to_nir(model).main if op.name == "const" and op.value.array.ndim == 1]
    assert biases
    assert not any(array.flags.writeable or array.flags.owndata for array in biases)
