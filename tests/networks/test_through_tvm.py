"""The paper's networks out as files, in through TVM's front ends: the same network comes back."""

from __future__ import annotations

import numpy as np
import pytest

import nir.tflite
import nir.tvm
from examples.networks import NETWORKS, int8_module, nir_module, onnx_model
from nir.interp import Interpreter, random_inputs
from nir.ir import Module, walk

pytest.importorskip("tvm")

SIZES = {"emotion": 48, "inception_v3": 75, "inception_v4": 75, "inception_resnet_v2": 75}


def small(name: str) -> int:
    return SIZES.get(name, 96)


def operators(module: Module) -> int:
    return sum(1 for op in walk(module) if op.name != "const")


def outputs(module: Module, inputs: list[np.ndarray], profile: str = "tflite") -> list[np.ndarray]:
    names = [str(parameter.name) for parameter in module.main.parameters]
    return list(Interpreter(module, profile).run(dict(zip(names, inputs, strict=True))).values())


@pytest.mark.parametrize("name", NETWORKS)
def test_int8_files_come_back_with_every_operator_and_every_integer(name: str) -> None:
    """Islands of quantize and dequantize, which TVM makes of each operator, fold back without a trace."""
    pytest.importorskip("tflite")
    module = int8_module(name, small(name))
    converted = nir.tvm.convert(nir.tflite.to_bytes(module))
    assert operators(converted) <= operators(module)
    assert not [op.name for op in walk(converted) if op.name in ("quantize", "dequantize", "foreign")]
    inputs = list(random_inputs(module.main).values())
    for profile in ("tflite", "xnnpack"):
        pairs = zip(outputs(module, inputs, profile), outputs(converted, inputs, profile), strict=True)
        assert all(np.array_equal(left, right) for left, right in pairs)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("form", ["tflite", "onnx"])
def test_float_files_compute_the_same(name: str, form: str) -> None:
    pytest.importorskip(form)
    module = nir_module(name, small(name))
    if form == "tflite":
        content = nir.tflite.to_bytes(module)
    else:
        content = onnx_model(name, small(name)).SerializeToString()
    converted = nir.tvm.convert(content)
    assert all(str(op.attributes.get("layout", "nhwc")) != "nchw" for op in walk(converted))
    inputs = list(random_inputs(module.main).values())
    given = inputs if form == "tflite" else [inputs[0].transpose(0, 3, 1, 2)]
    for left, stored in zip(outputs(module, inputs), outputs(converted, given), strict=True):
        right = stored.transpose(0, 2, 3, 1) if form == "onnx" and stored.ndim == 4 else stored
        assert left.shape == right.shape
        assert np.abs(left - right).max() <= 1e-5 * np.abs(left).max()
