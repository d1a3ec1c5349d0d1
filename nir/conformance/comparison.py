"""What a case expects of an output, against what was computed.

Integers and booleans are compared for equality unless they are quantised: those may be off by the steps that the case
allows, and floats by its tolerance. Drawn classes are compared by their shares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nir.ir import ElementType
from nir.nnapi.operand_types import ELEMENTS
from nir.nnapi.records import Record

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Mismatch:
    """How an output differs. `largest` is the largest difference of all elements, in `unit`; None where shapes do."""

    text: str
    largest: float | None = None
    unit: str = ""

    def __str__(self) -> str:
        return self.text


def mismatch(record: Record, index: int, actual: Array) -> Mismatch | None:
    """Why `actual` is not what the case expects of operand `index`, or None."""
    values = record.json["outputs"].get(str(index))
    if values is None:
        return None
    wrong_shape = _shape_mismatch(record, index, actual, len(values))
    if wrong_shape is not None:
        return wrong_shape
    if record.json.get("multinomial_tolerance") is not None:
        return _share_mismatch(record, index, actual)
    expected = np.array(values, np.float64)
    found = actual.astype(np.float64).reshape(-1)
    with np.errstate(invalid="ignore"):
        distance = np.abs(found - expected)
        near = np.isfinite(distance) & (distance <= _allowed(record, index, expected))
        equal = near | (found == expected)
    wrong = ~(equal | (np.isnan(found) & np.isnan(expected)))
    if not wrong.any():
        return None
    return _described(record, index, actual, expected, np.where(wrong, distance, 0.0), wrong)


def _shape_mismatch(record: Record, index: int, actual: Array, count: int) -> Mismatch | None:
    """A size of 0 is not known beforehand where the case says so; there the number of elements still counts."""
    dims = record.operand(index)["dims"]
    is_open = record.json["unknown_dims"] and (not dims or 0 in dims)
    if not is_open and list(actual.shape) != dims:
        return Mismatch(f"output {index} has the shape {list(actual.shape)}, not {dims}")
    known = zip(actual.shape, dims, strict=False)
    if dims and (len(dims) != actual.ndim or (is_open and any(size not in (0, found) for found, size in known))):
        return Mismatch(f"output {index} has the shape {list(actual.shape)}, not {dims} (0: any)")
    if actual.size != count:
        return Mismatch(f"output {index} has {actual.size} elements, not {count}")
    return None


def _allowed(record: Record, index: int, expected: Array) -> Array | float:
    """How far each element may be off."""
    type, tolerance = record.operand(index)["type"], record.json["tolerance"]
    if ELEMENTS[type].is_float:
        allowed: Array = tolerance["atol"] + tolerance["rtol"] * np.abs(expected)
        return allowed
    if not type.startswith("TENSOR_QUANT"):
        return 0.0
    return float(tolerance["quant16_lsb" if "QUANT16" in type else "quant_lsb"])


def _described(record: Record, index: int, actual: Array, expected: Array, distance: Array, wrong: Array) -> Mismatch:
    worst = int(np.argmax(np.where(np.isnan(distance), np.inf, distance)))
    largest = float(distance[worst])
    element = ELEMENTS[record.operand(index)["type"]]
    unit = "" if element.is_float or element is ElementType.BOOL else "steps"
    place = ", ".join(str(int(i)) for i in np.unravel_index(worst, actual.shape))
    return Mismatch(
        f"output {index}: {int(wrong.sum())} of {wrong.size} elements differ, by up to {largest:.6g} {unit}".rstrip()
        + f"; at [{place}]: {actual.reshape(-1)[worst]}, not {expected[worst]:.9g}",
        largest,
        unit,
    )


def _share_mismatch(record: Record, index: int, drawn: Array) -> Mismatch | None:
    """The classes drawn are another random sequence: what counts is how often each comes, and that its probability
    says: softmax of the logits, which are the first operand of the operation.
    """
    operation = next(o for o in record.json["operations"] if index in o["outputs"])
    source = operation["inputs"][0]
    values = record.values(source)
    if values is None:
        return Mismatch(f"output {index}: the logits are computed, so that nothing is known of the shares")
    logits = record.array(source, values).astype(np.float64)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    expected = powers / powers.sum(axis=1, keepdims=True)
    if drawn.min(initial=0) < 0 or drawn.max(initial=0) >= logits.shape[1]:
        return Mismatch(f"output {index}: a class was drawn that there is not")
    found = np.stack([np.bincount(row, minlength=logits.shape[1]) / max(row.size, 1) for row in drawn])
    distance = np.abs(found - expected)
    largest = float(distance.max(initial=0.0))
    if largest <= record.json["multinomial_tolerance"]:
        return None
    row, column = (int(i) for i in np.unravel_index(int(distance.argmax()), distance.shape))
    return Mismatch(f"output {index}, row {row}: the share of class {column} is off by {largest:.6g}", largest)
