"""The operator cases that the onnx package ships, run through the whole: ONNX, TVM's front end, NIR, interpreter.

A case is tried as it is, every input at run time, and where that does not convert, with all inputs but the first as
constants: axes, shapes, scales and weights, which real models have as constants. Nothing is imported before it is
needed, so that processes can be forked before TVM starts its threads.
"""

from __future__ import annotations

import importlib
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

AGREES = "agrees"
DISAGREES = "disagrees"
UNCONVERTED = "not converted"
UNIMPORTED = "not imported"
NO_TENSORS = "no tensors"
CRASHED = "crashed"

OUTCOMES = (AGREES, DISAGREES, UNCONVERTED, UNIMPORTED, NO_TENSORS, CRASHED)
"""What may become of a case; NO_TENSORS: inputs or outputs are sequences, optionals or strings."""


@dataclass(frozen=True)
class Outcome:
    """What became of one case. `bound`: inputs but the first were made constants. `detail` is an error or a difference."""

    name: str
    operator: str
    outcome: str
    detail: str = ""
    bound: bool = False


def load_cases() -> list[Any]:
    """All node cases of the installed onnx, by name."""
    loader = importlib.import_module("onnx.backend.test.loader")
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        cases = {case.name: case for case in loader.load_model_tests(kind="node")}
    return [cases[name] for name in sorted(cases)]


def operator_of(case: Any) -> str:
    """The operator that a case is about: its only node's, or what its name says where it is spelt out by others."""
    nodes = case.model.graph.node
    return (
        str(nodes[0].op_type) if len(nodes) == 1 else f"{case.name.removeprefix('test_').partition('_')[0]} (several)"
    )


def examine(case: Any) -> Outcome:
    """Imports, converts, runs and compares one case. Raises what is a bug of NIR: anything but a NirError."""
    operator = operator_of(case)
    if not _is_about_tensors(case):
        return Outcome(case.name, operator, NO_TENSORS)
    first = _attempt(case, operator, bound=False)
    if first.outcome in (AGREES, DISAGREES) or len(case.model.graph.input) < 2:
        return first
    second = _attempt(case, operator, bound=True)
    better = OUTCOMES.index(second.outcome) <= OUTCOMES.index(first.outcome)
    return second if better else first


def _is_about_tensors(case: Any) -> bool:
    values = [*case.model.graph.input, *case.model.graph.output]
    if any(not value.type.HasField("tensor_type") for value in values):
        return False
    arrays = [array for inputs, outputs in case.data_sets for array in (*inputs, *outputs)]
    return all(isinstance(array, np.ndarray | np.generic) and array.dtype.kind not in "OUS" for array in arrays)


def _attempt(case: Any, operator: str, *, bound: bool) -> Outcome:
    errors = importlib.import_module("nir.errors")
    loading = importlib.import_module("nir.tvm.importers.loading")
    relax_to_nir = importlib.import_module("nir.passes.relax_to_nir").relax_to_nir
    inputs = [np.asarray(array) for array in case.data_sets[0][0]]
    try:
        model = _with_constants(case.model, inputs) if bound else case.model
        loaded = loading.load_model(model)
    except errors.NirError as error:
        return Outcome(case.name, operator, UNIMPORTED, _summary(error), bound)
    try:
        module = relax_to_nir(loaded.module)
        importlib.import_module("nir.verify").verify(module)
    except errors.NirError as error:
        return Outcome(case.name, operator, UNCONVERTED, _summary(error), bound)
    return _compared(case, operator, module, 1 if bound else len(inputs), bound)


def _compared(case: Any, operator: str, module: Any, count: int, bound: bool) -> Outcome:
    """Runs all data sets of a case that have the same constants, and compares."""
    errors = importlib.import_module("nir.errors")
    interp = importlib.import_module("nir.interp")
    inputs, expected = case.data_sets[0]
    arguments = [_narrowed(np.asarray(array)) for array in inputs[:count]]
    try:
        outputs = list(interp.run(module, arguments, profile="tvm").values())
    except errors.RunError as error:
        message = _summary(error)
        if "foreign" in message:
            return Outcome(case.name, operator, UNCONVERTED, message, bound)
        return Outcome(case.name, operator, DISAGREES, message, bound)
    difference = _difference(outputs, [np.asarray(array) for array in expected], case.rtol, case.atol)
    return Outcome(case.name, operator, DISAGREES if difference else AGREES, difference, bound)


def _difference(outputs: list[Any], expected: list[Any], rtol: float, atol: float) -> str:
    """How `outputs` differ from what is expected; empty where they agree. Integers must be equal."""
    if len(outputs) != len(expected):
        return f"{len(outputs)} outputs instead of {len(expected)}"
    for found, wanted in zip(outputs, expected, strict=True):
        if found.shape != wanted.shape:
            return f"shape {found.shape} instead of {wanted.shape}"
        if wanted.dtype.kind in "iub":
            wrong = np.count_nonzero(found != wanted)
            if wrong:
                return f"{wrong} of {wanted.size} integers differ"
        else:
            left, right = found.astype("float64"), wanted.astype("float64")
            if not np.allclose(left, right, rtol=rtol, atol=atol, equal_nan=True):
                with np.errstate(all="ignore"):
                    return f"largest difference {np.nanmax(np.abs(left - right)):.3g}"
    return ""


def _narrowed(array: Any) -> Any:
    """64-bit integers as NIR stores them."""
    return array.astype({"int64": "int32", "uint64": "uint32"}.get(array.dtype.name, array.dtype.name))


def _with_constants(model: Any, inputs: list[Any]) -> Any:
    """The model with all inputs but the first as constants."""
    onnx = importlib.import_module("onnx")
    bound = onnx.ModelProto()
    bound.CopyFrom(model)
    for value, array in list(zip(bound.graph.input, inputs, strict=False))[1:]:
        bound.graph.initializer.append(onnx.numpy_helper.from_array(array, value.name))
    del bound.graph.input[1:]
    return bound


def _summary(error: Any) -> str:
    diagnostic = error.diagnostics[0]
    found = f": {diagnostic.found}" if diagnostic.found else ""
    more = f" (and {len(error.diagnostics) - 1} more)" if len(error.diagnostics) > 1 else ""
    return f"{diagnostic.message}{found}{more}"[:300]
