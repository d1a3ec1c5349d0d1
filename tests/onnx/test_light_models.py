"""The nine light models of the onnx package convert, run, and give what ONNX Runtime gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nir

pytest.importorskip("onnx")
pytest.importorskip("tvm")

from onnx_peer import run_model

from .light_models import light_models, with_weights

_LARGE = ("light_vgg19", "light_bvlc_alexnet", "light_zfnet512")
"""Models with hundreds of megabytes of weights: the structure is converted as it is, without drawing them."""


@pytest.mark.parametrize("path", list(light_models()), ids=lambda path: path.stem)
def test_it_computes_what_onnx_runtime_computes(path: Path) -> None:
    pytest.importorskip("onnxruntime")
    model = path if path.stem in _LARGE else with_weights(path)
    loaded = nir.tvm.load_model(model)
    module = nir.tvm.convert(loaded.module)
    image = np.random.default_rng(0).standard_normal(loaded.inputs[0].shape, dtype=np.float32)
    found = next(iter(nir.run(module, [image]).values()))
    content = path.read_bytes() if path.stem in _LARGE else model.SerializeToString()
    expected = run_model(content, {loaded.inputs[0].name: image})[0]
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
    if path.stem not in _LARGE:
        assert expected.std() > 1e-3 * np.abs(expected).max() > 0  # or the comparison would say nothing
