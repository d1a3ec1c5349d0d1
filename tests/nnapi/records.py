"""NNAPI conformance cases as recorded: one JSON object per case. Knows nothing of operators."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nir.ir import ElementType, Quantisation, TensorType

ELEMENTS = {
    "FLOAT32": ElementType.F32,
    "FLOAT16": ElementType.F16,
    "INT32": ElementType.I32,
    "UINT32": ElementType.U32,
    "BOOL": ElementType.BOOL,
    "TENSOR_FLOAT32": ElementType.F32,
    "TENSOR_FLOAT16": ElementType.F16,
    "TENSOR_INT32": ElementType.I32,
    "TENSOR_BOOL8": ElementType.BOOL,
    "TENSOR_QUANT8_ASYMM": ElementType.U8,
    "TENSOR_QUANT8_ASYMM_SIGNED": ElementType.I8,
    "TENSOR_QUANT8_SYMM": ElementType.I8,
    "TENSOR_QUANT8_SYMM_PER_CHANNEL": ElementType.I8,
    "TENSOR_QUANT16_ASYMM": ElementType.U16,
    "TENSOR_QUANT16_SYMM": ElementType.I16,
}


@dataclass(frozen=True)
class Record:
    """One case; `json` is the object in the file."""

    json: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.json["name"])

    @property
    def operators(self) -> list[str]:
        """NNAPI's names of the operators, in order."""
        return [operation["op"] for operation in self.json["operations"]]

    def operand(self, index: int) -> dict[str, Any]:
        return dict(self.json["operands"][index])

    def subgraph(self, number: int) -> Record:
        """A referenced model as a case of its own, with nothing fed or expected."""
        return Record({**self.json, **self.json["subgraphs"][number], "inputs": {}, "outputs": {}, "empty_inputs": []})

    def values(self, index: int) -> list[Any] | None:
        """What is known of an operand before the model runs: a constant's value, or what the case feeds."""
        operand = self.json["operands"][index]
        return operand["value"] if operand["value"] is not None else self.json["inputs"].get(str(index))

    def is_omitted(self, index: int) -> bool:
        return index in self.json["empty_inputs"] or self.json["operands"][index]["lifetime"] == "NO_VALUE"

    def array(self, index: int, values: list[Any]) -> np.ndarray:
        operand = self.json["operands"][index]
        dtype = ELEMENTS[operand["type"]].numpy
        return np.array(values, np.float32 if dtype.kind == "f" else dtype).astype(dtype).reshape(operand["dims"])


def tensor_type(operand: dict[str, Any]) -> TensorType:
    """The NIR type of a recorded operand."""
    element, channels = ELEMENTS[operand["type"]], operand["channel_quant"]
    quantisation = None
    if channels is not None:
        quantisation = Quantisation.per_channel(channels["scales"], channels["dim"])
    elif element.is_integer and operand["scale"] != 0:
        quantisation = Quantisation.per_tensor(operand["scale"], operand["zero_point"])
    return TensorType(element, operand["dims"], quantisation)


def read(folder: Path) -> Iterator[Record]:
    """All cases of the files in `folder`, in order."""
    for path in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            yield from (Record(json.loads(line)) for line in lines)


def disagreement(record: Record, index: int, actual: np.ndarray) -> str | None:
    """Why `actual` is not what the case expects of operand `index`, or None. Integers are compared for equality
    unless they are quantised: those may be off by the steps that the case allows.
    """
    values = record.json["outputs"][str(index)]
    if values is None:
        return None
    operand, tolerance = record.operand(index), record.json["tolerance"]
    expected = np.array(values, np.float64)
    if actual.size != expected.size:
        return f"{actual.size} elements, not {expected.size}"
    if record.json.get("multinomial_tolerance") is not None:
        return _frequencies_differ(actual, expected, record.json["multinomial_tolerance"])
    found = actual.astype(np.float64).ravel()
    if ELEMENTS[operand["type"]].is_float:
        allowed = tolerance["atol"] + tolerance["rtol"] * np.abs(expected)
    else:
        quantised = operand["type"].startswith("TENSOR_QUANT")
        steps = tolerance["quant16_lsb" if "QUANT16" in operand["type"] else "quant_lsb"]
        allowed = np.full(expected.shape, float(steps if quantised else 0))
    wrong = ~(np.abs(found - expected) <= allowed)
    if not wrong.any():
        return None
    first = int(np.flatnonzero(wrong)[0])
    return f"{int(wrong.sum())} of {wrong.size} differ: element {first} is {found[first]}, not {expected[first]}"


def _frequencies_differ(actual: np.ndarray, expected: np.ndarray, tolerance: float) -> str | None:
    """Of drawn classes the shares in each row are compared: the classes themselves are another random sequence."""
    for row, (found, wanted) in enumerate(zip(actual, expected.reshape(actual.shape), strict=True)):
        for drawn in np.unique(wanted):
            difference = abs(float(np.mean(found == drawn)) - float(np.mean(wanted == drawn)))
            if difference > tolerance:
                return f"row {row}: the share of class {int(drawn)} differs by {difference}"
    return None


NOT_SHIFTABLE = {"PAD_V2", "CAST", "HASHTABLE_LOOKUP", "LSH_PROJECTION", "QUANTIZED_16BIT_LSTM"}
"""Operators that tell u8 from i8 by more than the zero point."""


def signed(record: Record) -> Record | None:
    """The case with every u8 tensor stored as i8, values and zero points less by 128, as the harness upstream
    derives it; None where there is none or it would mean something else.
    """
    operands = record.json["operands"]
    shifted = {operand["id"] for operand in operands if operand["type"] == "TENSOR_QUANT8_ASYMM"}
    if not shifted or record.json["subgraphs"] or NOT_SHIFTABLE & set(record.operators):
        return None

    def less(values: list[int] | None) -> list[int] | None:
        return None if values is None else [value - 128 for value in values]

    changed = {
        **record.json,
        "name": record.name + "_signed",
        "operands": [
            {
                **operand,
                "type": "TENSOR_QUANT8_ASYMM_SIGNED",
                "zero_point": operand["zero_point"] - 128,
                "value": less(operand["value"]),
            }
            if operand["id"] in shifted
            else operand
            for operand in operands
        ],
    }
    for part in ("inputs", "outputs"):
        changed[part] = {
            key: less(values) if int(key) in shifted else values for key, values in record.json[part].items()
        }
    return Record(changed)
