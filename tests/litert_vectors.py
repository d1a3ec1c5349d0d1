"""Recorded results of LiteRT's kernels on one-operator models: reference kernels and the XNNPACK delegate.

`ops/recorded/litert.json` says what each case is; operands are drawn from its number, results stand in litert.npz.
`ops/record_litert_elementwise.py` made both.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nir.ir import ElementType, Quantisation, TensorType

FOLDER = Path(__file__).resolve().parent / "ops" / "recorded"


class Case(NamedTuple):
    """One operator with parameters: NIR's name and attributes, operand types, and the result's type.

    A type is (element, shape, scale, zero point).
    """

    number: int
    operator: str
    attributes: dict[str, Any]
    operands: list[tuple[str, list[int], float, int]]
    result: tuple[str, list[int], float, int]

    @property
    def name(self) -> str:
        return f"{self.operator}-{self.operands[0][0]}-{self.number}"

    def arrays(self) -> list[np.ndarray]:
        """The operands, drawn."""
        random = np.random.default_rng(self.number)
        drawn = []
        for element, shape, _, _ in self.operands:
            limits = np.iinfo(ElementType(element).numpy)
            drawn.append(random.integers(limits.min, limits.max + 1, shape).astype(limits.dtype))
        return drawn

    def types(self) -> list[TensorType]:
        """Operand types, then the result's."""
        return [
            TensorType(ElementType(element), shape, Quantisation.per_tensor(scale, zero_point))
            for element, shape, scale, zero_point in (*self.operands, self.result)
        ]


def recorded() -> Iterator[tuple[Case, dict[str, np.ndarray]]]:
    """Every case with its recorded results by profile."""
    with np.load(FOLDER / "litert.npz") as arrays:
        for entry in json.loads((FOLDER / "litert.json").read_text()):
            case = Case(*entry)
            results = {p: arrays[f"{case.number}.{p}"] for p in ("tflite", "xnnpack") if f"{case.number}.{p}" in arrays}
            yield case, results
