"""NNAPI conformance cases as recorded: one JSON object a line, gzip or not. Knows nothing of operators.

The lines of a file are found here, and each is checked for what the rest relies on, so that a damaged file is told
by file and line.
"""

from __future__ import annotations

import builtins
import gzip
import json
import math
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nir.errors import ParseError
from nir.nnapi.operand_types import ELEMENTS, OPERAND_CODES

LONGEST_LINE = 2**28
"""Bytes that one case may take: a file of a few kilobytes can unpack to any size."""

_GZIP = b"\x1f\x8b"
_LISTS = ("operands", "operations", "model_inputs", "model_outputs")
_KEYS: dict[str, type | tuple[type, ...]] = {
    "name": str,
    **dict.fromkeys(_LISTS, list),
    "subgraphs": list,
    "inputs": dict,
    "outputs": dict,
    "empty_inputs": list,
    "tolerance": dict,
    "expect_failure": bool,
    "unknown_dims": bool,
}
_NAMED = frozenset({"NaN", "Infinity", "-Infinity"})
_TOLERANCES = ("atol", "rtol", "quant_lsb", "quant16_lsb")


@dataclass(frozen=True)
class Line:
    """One case as it stands in a file: `text` is its JSON."""

    path: str
    number: int
    text: bytes

    @property
    def location(self) -> str:
        return f"{self.path}:{self.number}"


@dataclass(frozen=True)
class Record:
    """One case; `json` is the object in the file, `location` says where it stands."""

    json: dict[str, Any]
    location: str = ""

    @property
    def name(self) -> str:
        return str(self.json["name"])

    @property
    def operators(self) -> list[str]:
        """NNAPI's names of the operators of the model, in order; those of referenced models are not among them."""
        return [operation["op"] for operation in self.json["operations"]]

    def all_operators(self) -> set[str]:
        """NNAPI's names of all operators, those of referenced models among them."""
        models = [self.json, *self.json["subgraphs"]]
        return {operation["op"] for model in models for operation in model["operations"]}

    def operand(self, index: int) -> dict[str, Any]:
        return dict(self.json["operands"][index])

    def subgraph(self, number: int) -> Record:
        """A referenced model as a case of its own, with nothing fed or expected."""
        fed: dict[str, Any] = {"inputs": {}, "outputs": {}, "empty_inputs": []}
        return Record({**self.json, **self.json["subgraphs"][number], **fed}, self.location)

    def values(self, index: int) -> list[Any] | None:
        """What is known of an operand before the model runs: a constant's value, or what the case feeds."""
        operand = self.json["operands"][index]
        value = operand["value"] if operand["value"] is not None else self.json["inputs"].get(str(index))
        return None if value is None else list(value)

    def is_omitted(self, index: int) -> bool:
        """True for an optional operand that is left out."""
        return index in self.json["empty_inputs"] or self.json["operands"][index]["lifetime"] == "NO_VALUE"

    def array(self, index: int, values: list[Any]) -> np.ndarray[Any, Any]:
        """Stored elements as an array of the operand's type and shape.

        Raises `ParseError` where there are more or fewer than the shape has, or where one cannot be stored.
        """
        operand = self.json["operands"][index]
        dtype = ELEMENTS[operand["type"]].numpy
        try:
            array = np.array(values, np.float64 if dtype.kind == "f" else np.int64)
            with np.errstate(over="ignore"):
                stored = array.astype(dtype)
            if dtype.kind in "iu" and not np.array_equal(stored, array):
                raise ValueError(f"an element is beyond the range of {dtype}")
            return stored.reshape(operand["dims"])
        except (ValueError, TypeError, OverflowError) as error:
            raise ParseError(f"{self.location}: operand {index} of case {self.name}", found=str(error)) from None


def read(paths: Path | Iterable[Path | str]) -> Iterator[Record]:
    """All cases of files and folders, in order. Raises `ParseError`."""
    return map(parse, read_lines([paths] if isinstance(paths, Path) else paths))


def read_lines(paths: Iterable[Path | str]) -> Iterator[Line]:
    """The lines of all files, in order; of a folder, those of its files `*.jsonl` and `*.jsonl.gz`, by name.

    Raises `ParseError` for a file that cannot be read, a folder without cases, a damaged or truncated archive.
    """
    for path in map(Path, paths):
        files = [path]
        if path.is_dir():
            files = sorted(file for file in path.iterdir() if file.name.endswith((".jsonl", ".jsonl.gz")))
            if not files:
                raise ParseError(f"{path}: no file of cases in this folder", expected="files *.jsonl or *.jsonl.gz")
        for file in files:
            yield from _lines(file)


def _lines(path: Path) -> Iterator[Line]:
    number = 0
    try:
        with open(path, "rb") as raw:
            packed = raw.read(2) == _GZIP
        with gzip.open(path, "rb") if packed else open(path, "rb") as file:
            while text := file.readline(LONGEST_LINE):
                number += 1
                if len(text) == LONGEST_LINE:
                    raise ParseError(f"{path}:{number}: the line is too long", expected=f"{LONGEST_LINE} bytes at most")
                if not text.isspace():
                    yield Line(str(path), number, text)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ParseError(f"{path}:{number + 1}: the file cannot be read", found=reason) from None


def parse(line: Line) -> Record:
    """The case in a line. Raises `ParseError` for text that is no JSON object of that form."""
    try:
        found = json.loads(line.text)
    except (ValueError, RecursionError) as error:
        raise ParseError(f"{line.location}: not JSON", found=str(error)) from None
    problem = _problem(found)
    if problem is not None:
        raise ParseError(f"{line.location}: not a case: {problem}")
    return Record(found, line.location)


def _problem(case: Any) -> str | None:
    """What is wrong with the form of a case, or None."""
    if not isinstance(case, dict):
        return "it is not an object"
    for key, kind in _KEYS.items():
        if key not in case:
            return f"the key '{key}' is missing"
        if not isinstance(case[key], kind):
            return f"'{key}' is {_described(case[key])}"
    missing = [name for name in _TOLERANCES if not _is_number(case["tolerance"].get(name))]
    if missing:
        return f"'tolerance' has no number '{missing[0]}'"
    if case.get("multinomial_tolerance") is not None and not _is_number(case["multinomial_tolerance"]):
        return f"'multinomial_tolerance' is {_described(case['multinomial_tolerance'])}"
    for number, model in enumerate([case, *case["subgraphs"]]):
        problem = _model_problem(model, len(case["subgraphs"]))
        if problem is not None:
            return problem if number == 0 else f"subgraph {number - 1}: {problem}"
    operands = {str(i): operand for i, operand in enumerate(case["operands"])}
    for key in ("inputs", "outputs"):
        for index, values in case[key].items():
            if index not in operands:
                return f"'{key}' has the operand {index!r:.50}, which is not there"
            if not (values is None and key == "outputs") and not _are_elements(values, operands[index]["type"]):
                return f"'{key}' of operand {index} is no list of elements of {operands[index]['type']}"
    absent = [i for i in case["model_outputs"] if str(i) not in case["outputs"]]
    if absent and not case["expect_failure"]:
        return f"nothing is expected of output {absent[0]}"
    return None


def _model_problem(model: Any, subgraphs: int) -> str | None:
    """What is wrong with the form of one model of a case, or None."""
    if not isinstance(model, dict):
        return "it is not an object"
    for key in _LISTS:
        if not isinstance(model.get(key), list):
            return f"the list '{key}' is missing"
    for index, operand in enumerate(model["operands"]):
        problem = _operand_problem(operand, subgraphs)
        if problem is not None:
            return f"operand {index}: {problem}"
    count = len(model["operands"])
    for index, operation in enumerate(model["operations"]):
        if not isinstance(operation, dict) or not isinstance(operation.get("op"), str):
            return f"operation {index} has no name 'op'"
        if not all(_are_indices(operation.get(key), count) for key in ("inputs", "outputs")):
            return f"operation {index} names operands that do not exist"
    if not all(_are_indices(model[key], count) for key in ("model_inputs", "model_outputs")):
        return "the model's inputs or outputs do not exist"
    return None


def _operand_problem(operand: Any, subgraphs: int) -> str | None:
    if not isinstance(operand, dict):
        return "it is not an object"
    type = operand.get("type")
    if not isinstance(type, str) or type not in OPERAND_CODES:
        return f"there is no operand type {type!r:.50}"
    if not isinstance(operand.get("lifetime"), str):
        return "the key 'lifetime' is missing"
    dims = operand.get("dims")
    if not isinstance(dims, list) or not all(_is_integer(size) and size >= 0 for size in dims):
        return f"'dims' is {_described(dims)}"
    for key in ("value", "channel_quant"):
        if key not in operand:
            return f"the key '{key}' is missing"
    scale, channels = operand.get("scale"), operand["channel_quant"]
    if not _is_number(scale) or not _is_integer(operand.get("zero_point")):
        return "'scale' and 'zero_point' are numbers"
    if channels is not None and not (
        isinstance(channels, dict)
        and isinstance(channels.get("scales"), list)
        and all(map(_is_number, channels["scales"]))
        and _is_integer(channels.get("dim"))
    ):
        return "'channel_quant' has a 'dim' and 'scales'"
    value = operand["value"]
    if value is not None and not _are_elements(value, type):
        return f"'value' is no list of elements of {type}"
    if type == "SUBGRAPH" and not (value and _is_integer(value[0]) and 0 <= value[0] < subgraphs):
        return f"there is no subgraph {value!r:.50}"
    return None


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return (_is_integer(value) and abs(value) < 2**63) or (isinstance(value, float) and math.isfinite(value))


def _are_elements(values: Any, type: str) -> bool:
    """True for a list of what operands of that type hold. Infinities and NaN are strings in JSON."""
    if not isinstance(values, list):
        return False
    if type in ELEMENTS and ELEMENTS[type].is_float:
        kinds = set(map(builtins.type, values))
        named = all(value in _NAMED for value in values if isinstance(value, str)) if str in kinds else True
        return named and kinds <= {float, int, str}
    return set(map(builtins.type, values)) <= {int, bool}


def _are_indices(value: Any, count: int) -> bool:
    return isinstance(value, list) and all(_is_integer(index) and 0 <= index < count for index in value)


def _described(value: Any) -> str:
    return f"{value!r:.50}" if value is None or isinstance(value, (int, float, str)) else f"a {type(value).__name__}"
