"""The tflite and xnnpack profiles against LiteRT: recorded one-operator models (record_litert.py), equal everywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qnn_vectors import run

from nir.ir import Quantisation, TensorType, tensor
from nir.ops import OPERATORS_BY_NAME

RECORDED = Path(__file__).with_name("litert.npz")
FACTS: list[dict[str, Any]] = json.loads(str(np.load(RECORDED)["facts"]))


def operand_type(facts: dict[str, Any], index: int, array: np.ndarray) -> TensorType:
    scale, point = facts["scales"][index], facts["points"][index]
    if array.dtype == np.float32:
        return tensor(array.shape)
    if isinstance(scale, list):
        axis = 3 if facts["operator"].startswith("depthwise") else 0
        return tensor(array.shape, "i8").with_quantisation(Quantisation.per_channel(scale, axis))
    return tensor(array.shape, "i8", scale=scale, zero_point=point)


@pytest.mark.parametrize("profile", ["tflite", "xnnpack"])
@pytest.mark.parametrize("operator", sorted({facts["operator"] for facts in FACTS}))
def test_recorded(operator: str, profile: str):
    checked = 0
    with np.load(RECORDED) as arrays:
        for number, facts in enumerate(FACTS):
            if facts["operator"] != operator:
                continue
            given = [arrays[key] for name in ("input", "filter") if (key := f"{number}.{name}") in arrays]
            operands: list[Any] = [(operand_type(facts, i, array), array) for i, array in enumerate(given)]
            if f"{number}.bias" in arrays:
                bias = arrays[f"{number}.bias"]
                operands.append((tensor(bias.shape, "i32"), bias))
            target = {"scale": facts["scales"][-1], "zero_point": facts["points"][-1], "element": "i8"}
            result = run(OPERATORS_BY_NAME[operator], profile, operands, **facts["fields"], **target)
            recorded = arrays[f"{number}.{profile}"]
            differing = int((result != recorded).sum())
            assert differing == 0, (number, facts, f"{differing} of {result.size}")
            checked += 1
    assert checked >= 4
