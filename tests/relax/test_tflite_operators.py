"""Quantised TFLite operators one by one: through TVM's front end and the folding of islands each becomes an operator on
stored integers, and gives LiteRT's integers (recorded by record_tflite.py).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nir

pytest.importorskip("tflite", reason="the tflite package is not installed: pip install 'neuron-ir[tflite]'")

from nir.ir import Module
from nir.passes import relax_to_nir
from nir.tvm.importers.loading import load_model

RECORDED = dict(np.load(Path(__file__).parent / "recorded" / "tflite_operators.npz"))
NAMES = sorted({key.split("/")[0] for key in RECORDED})
STAYS = {
    "gelu": "NIR has no operator for it",
    "l2_normalization": "TVM writes it as a formula with another bound than NIR's operator has",
    "log_softmax": "NIR's operator is for floats",
    "squared_difference": "NIR has no operator for it",
}
"""Islands that are left, and why; they give LiteRT's integers all the same."""

_RELU = "LiteRT's delegate leaves it to the builtin kernel, which rounds otherwise than the delegate where it rescales"
DIFFERS = {
    ("sum", "tflite"): (60, "LiteRT's reference kernel is off by tens of steps; the exact sum is the delegate's"),
    ("relu", "xnnpack"): (1, _RELU),
    ("relu6", "xnnpack"): (1, _RELU),
}
"""Steps between NIR and LiteRT, and why."""


def converted(name: str) -> Module:
    return relax_to_nir(load_model(RECORDED[f"{name}/model"].tobytes()).module)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("profile", ["tflite", "xnnpack"])
def test_integers_are_those_of_litert(name: str, profile: str) -> None:
    module = converted(name)
    inputs = {p.name: RECORDED[f"{name}/input_{i}"] for i, p in enumerate(module.main.parameters)}
    (found,) = nir.run(module, inputs, profile=profile).values()
    expected = RECORDED[f"{name}/{profile}"]
    assert found.dtype == expected.dtype
    steps = np.abs(found.astype(np.float64) - expected.astype(np.float64))
    assert steps.max() <= DIFFERS.get((name, profile), (0, ""))[0]


@pytest.mark.parametrize("name", NAMES)
def test_no_island_is_left(name: str) -> None:
    if name in ("quantize", "dequantize"):
        return
    left = {"quantize", "dequantize"} & {op.name for op in converted(name).main}
    assert bool(left) == (name in STAYS)
