"""Cases made here, of NIR modules: for tests that need no recorded data."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

import nir
from nir.nnapi import Record, model_of
from nir.nnapi.model import Model

TOLERANCE = {"atol": 1e-5, "rtol": 6e-7, "quant_lsb": 1, "quant16_lsb": 1, "int_abs": 1, "bool_mismatch": 0}

ADD = """
func @main(%x: tensor<2x2xu8, scale=0.5, zero_point=10>, %y: tensor<2xu8, scale=0.5, zero_point=0>)
    -> tensor<2x2xu8, scale=1.0, zero_point=0> {
  %0 = add(%x, %y) {activation = relu6} : tensor<2x2xu8, scale=1.0, zero_point=0>
  return %0
}
"""
POOL = """
func @main(%x: tensor<1x4x4x1xf32>) -> tensor<1x2x2x1xf32> {
  %0 = max_pool_2d(%x) {window = [2, 2], strides = [2, 2], padding = same} : tensor<1x2x2x1xf32>
  return %0
}
"""
ADD_INPUTS = [np.array([[20, 12], [30, 255]], np.uint8), np.array([2, 4], np.uint8)]
POOL_INPUTS = [np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)]


def case(name: str, model: Model, **more: Any) -> dict[str, Any]:
    """A case of that model; nothing is fed and nothing expected unless `more` says so."""
    outputs = dict.fromkeys(map(str, model["model_outputs"]))
    return {
        "name": name,
        "tolerance": TOLERANCE,
        "expect_failure": False,
        "unknown_dims": False,
        "empty_inputs": [],
        "inputs": {},
        "outputs": outputs,
        **model,
        **more,
    }


def run_case(name: str, text: str, inputs: list[np.ndarray], **more: Any) -> dict[str, Any]:
    """A case of a module in text, which expects what the interpreter gives."""
    module = nir.parse(text)
    model = model_of(module)
    results = nir.run(module, inputs).values()
    fed = {str(i): array.reshape(-1).tolist() for i, array in zip(model["model_inputs"], inputs, strict=True)}
    outputs = {str(i): array.reshape(-1).tolist() for i, array in zip(model["model_outputs"], results, strict=True)}
    return case(name, model, inputs=fed, outputs=outputs, **more)


def add_case(name: str = "add_here", **more: Any) -> dict[str, Any]:
    return run_case(name, ADD, ADD_INPUTS, **more)


def pool_case(name: str = "pool_here", **more: Any) -> dict[str, Any]:
    return run_case(name, POOL, POOL_INPUTS, **more)


def write(path: Path, cases: Iterable[dict[str, Any]]) -> Path:
    """Writes a file of cases, packed where the name says so."""
    data = "".join(json.dumps(one) + "\n" for one in cases).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def record(one: dict[str, Any]) -> Record:
    return Record(one, "here:1")
