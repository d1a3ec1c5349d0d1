"""Recorded results of TVM's QNN operators: random scales and zero points, thousands of values each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from data import data_path

from nir.ir import ElementType, Operation, Quantisation, TensorType, Value
from nir.ops.common import Rounding
from nir.ops.profiles import get_profile

PROFILE_OF_COMPUTE_TYPE = {"int64": "relay", "float32": "relay-f32", "float64": "relay-f64"}
ROUNDINGS = {"UPWARD": Rounding.UPWARD, "TONEAREST": Rounding.TO_NEAREST}


class Vectors:
    """One set: parameters, arrays by name, and recorded results by mode such as `UPWARD.int64`."""

    def __init__(self, record: dict[str, Any], arrays: Any) -> None:
        prefix = f"s{record['set']}."
        self.number = record["set"]
        self.parameters = record["params"]
        self.inputs = {name: arrays[f"{prefix}in.{name}"] for name in record["inputs"]}
        self.outputs = {name: arrays[f"{prefix}out.{name}"] for name in record["outputs"]}

    def modes(self, name: str = "") -> Iterator[tuple[str, Rounding, np.ndarray]]:
        """(profile, rounding, recorded result) for every mode of output `name`."""
        for key, recorded in self.outputs.items():
            output, _, mode = key.rpartition("@")
            if output == name:
                rounding, compute = mode.split(".")
                yield PROFILE_OF_COMPUTE_TYPE[compute], ROUNDINGS[rounding], recorded


def vectors(operator: str) -> list[Vectors]:
    """All recorded sets of one operator; the calling test is skipped where there are none."""
    records = json.loads(data_path("relay", "qnn", f"{operator}.json").read_text())
    with np.load(data_path("relay", "qnn", f"{operator}.npz")) as arrays:
        return [Vectors(record, arrays) for record in records]


def quantised(shape: Any, dtype: Any, scale: Any, zero_point: Any = 0, axis: int = -1) -> TensorType:
    """The type of a tensor with one scale, or a list of them along `axis`."""
    element = ElementType.from_numpy(np.dtype(dtype))
    if not isinstance(scale, list):
        return TensorType(element, shape, Quantisation.per_tensor(scale, zero_point))
    points = zero_point if isinstance(zero_point, list) else [zero_point] * len(scale)
    return TensorType(element, shape, Quantisation.per_channel(scale, axis % len(shape), points))


def run(operator: type[Operation], profile: str, operands: list[tuple[TensorType, np.ndarray] | None], **fields: Any):
    """The result of one operation on arrays of given types."""
    values = [None if o is None else Value(o[0]) for o in operands]
    op = operator.create(*values, **fields)
    broken = [c.label for c in op.constraints if not c.check(op)]
    assert not broken, f"{operator.name} breaks {broken}"
    result = op.reference(get_profile(profile), *[None if o is None else o[1] for o in operands])
    assert result.shape == tuple(op.results[0].shape)
    assert result.dtype == op.results[0].element.numpy
    return result
