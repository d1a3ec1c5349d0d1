"""The paper's networks: as large as the originals, the same in NIR, ONNX and int8."""

from __future__ import annotations

import numpy as np
import pytest

from examples.networks import NETWORKS, int8_module, nir_module, onnx_model
from nir.interp import Interpreter
from nir.ir import Module, walk
from nir.verify import verify

MULTIPLICATIONS = {  # millions, and parameters in millions, as the papers and Keras's page of applications give them
    "densenet121": (2850, 8.0),
    "inception_resnet_v2": (13200, 55.9),
    "inception_v3": (5720, 23.9),
    "inception_v4": (12300, 42.7),
    "mobilenet_v1": (569, 4.2),
    "mobilenet_v2": (300, 3.5),
    "nasnet_mobile": (564, 5.3),
}
SMALL = {"emotion": 48, "inception_v3": 75, "inception_v4": 75, "inception_resnet_v2": 75, "nasnet_mobile": 64}
"""Sizes at which the networks still work, and run quickly."""


def image(module: Module) -> np.ndarray:
    shape = module.main.parameters[0].shape
    coarse = np.random.default_rng(1).uniform(-1, 1, (1, 4, 4, shape[-1])).astype(np.float32)
    rows, columns = (np.arange(length) * 4 // length for length in shape[1:3])  # an image of 16 patches
    return coarse[:, rows][:, :, columns]


def without_softmax(module: Module) -> Module:
    """Scores instead of probabilities, which differ by orders of magnitude."""
    last = module.main.operations[-1]
    if last.name == "softmax":
        module.main.results = [last.operands[0]]
    return module


def outputs(module: Module, given: np.ndarray) -> list[np.ndarray]:
    return list(Interpreter(module).run({"image": given}).values())


@pytest.mark.parametrize("name", MULTIPLICATIONS)
def test_networks_are_as_large_as_the_originals(name: str) -> None:
    module = nir_module(name)
    multiplications, parameters = MULTIPLICATIONS[name]
    assert sum(op.macs() or 0 for op in module.main.operations) / 1e6 == pytest.approx(multiplications, rel=0.02)
    elements = sum(op.results[0].type.size for op in walk(module) if op.name == "const")
    assert elements / 1e6 == pytest.approx(parameters, rel=0.02)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_network_in_nir_and_in_onnx(name: str) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    size = SMALL.get(name, 96)
    module, model = nir_module(name, size), onnx_model(name, size)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    given = image(module)
    expected = session.run(None, {"image": given.transpose(0, 3, 1, 2)})
    for found, stored in zip(outputs(module, given), expected, strict=True):
        wanted = stored.transpose(0, 2, 3, 1) if stored.ndim == 4 else stored
        assert found.shape == wanted.shape
        assert np.abs(found - wanted).max() <= 1e-5 * np.abs(wanted).max()


@pytest.mark.parametrize("name", NETWORKS)
def test_int8_networks_follow_the_float_ones(name: str) -> None:
    size = SMALL.get(name, 96)
    module, quantised = without_softmax(nir_module(name, size)), without_softmax(int8_module(name, size))
    verify(quantised)
    given = image(module)
    parameters = quantised.main.parameters[0].type.quantisation
    assert parameters is not None
    stored = np.rint(given / np.float32(parameters.scale)) + parameters.zero_point
    expected = outputs(module, given)[0]
    result = outputs(quantised, stored.clip(-128, 127).astype(np.int8))[0]
    scale = quantised.main.results[0].type.quantisation
    assert scale is not None
    real = scale.scale * (result.astype(np.float32) - scale.zero_point)
    assert np.corrcoef(real.ravel(), expected.ravel())[0, 1] > 0.9
