"""Inputs of a run: checked against a function's parameters, or drawn at random."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nir.errors import Diagnostic, RunError, suggestion
from nir.ir import Function, TensorType, Value
from nir.ops.memory import check_allocation

Array = np.ndarray[Any, Any]
Inputs = Mapping[str, Any] | Sequence[Any]
"""Arrays by parameter name, or one per parameter in order. Lists and numbers are converted where that loses nothing."""


def check_inputs(function: Function, inputs: Inputs) -> list[Array]:
    """One array per parameter, of its element type and shape. Raises `RunError` with all that does not fit."""
    wrong: list[Diagnostic] = []
    given = _by_name(function, inputs, wrong)
    arrays = []
    for parameter in function.parameters:
        name = str(parameter.name)
        if name not in given:
            text = f"there is no input for parameter '%{name}' of @{function.name}"
            wrong.append(Diagnostic(text, function.location, expected=str(parameter.type)))
            continue
        array = _as_array(given[name], parameter.type)
        problem = _misfit(array, parameter.type)
        if problem is not None:
            text = f"the input for parameter '%{name}' of @{function.name} does not fit"
            wrong.append(Diagnostic(text, function.location, *problem))
        arrays.append(array)
    if wrong:
        raise RunError(wrong)
    return arrays


def _by_name(function: Function, inputs: Inputs, wrong: list[Diagnostic]) -> Mapping[str, Any]:
    names = [str(parameter.name) for parameter in function.parameters]
    if isinstance(inputs, Mapping):
        for name in inputs:
            if name not in names:
                text = f"@{function.name} has no parameter '%{name}'"
                expected = "one of " + ", ".join(f"%{n}" for n in names) if names else "no inputs"
                hint = suggestion(f"%{name}", [f"%{n}" for n in names])
                wrong.append(Diagnostic(text, function.location, expected, hint=hint))
        return inputs
    if isinstance(inputs, (str, bytes)) or not isinstance(inputs, (Sequence, np.ndarray)):
        raise RunError("inputs are a mapping from parameter names to arrays, or a list of arrays", function.location)
    if len(inputs) != len(names):
        expected, found = f"{len(names)} inputs", str(len(inputs))
        raise RunError(
            f"@{function.name} takes another number of inputs", function.location, expected=expected, found=found
        )
    return dict(zip(names, inputs, strict=True))


def _as_array(value: Any, type: TensorType) -> Array:
    """An array as it is (in native byte order); anything else as the parameter's dtype where that loses nothing."""
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.asarray(value)
        return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
    try:
        array = np.asarray(value)
        with np.errstate(all="ignore"):
            converted = array.astype(type.element.numpy)
        same = array.dtype.kind == "f" == converted.dtype.kind or bool(np.array_equal(converted, array))
    except (ValueError, TypeError, OverflowError):
        return np.asarray(value, object)
    return converted if same else array


def _misfit(array: Array, type: TensorType) -> tuple[str, str, str | None] | None:
    """(expected, found, hint) where an array is not of a type; None where it is."""
    found = f"{array.dtype}[{', '.join(map(str, array.shape))}]"
    if array.dtype != type.element.numpy:
        return str(type), found, f"convert it with .astype('{type.element.numpy}')"
    fits = len(array.shape) == type.rank and all(d in (None, n) for d, n in zip(type.shape, array.shape, strict=True))
    return None if fits else (str(type), found, None)


def random_inputs(function: Function, seed: int = 0, unknown: int = 1) -> dict[str, Array]:
    """Inputs for all parameters, the same for the same seed and parameter names.

    Floats are standard normal; quantised integers take all stored values (32-bit ones stay below 2^15 in
    magnitude); raw integers lie in [0, 100); bools are fair. An unknown dimension gets the size `unknown`. Raises
    `RunError` for a negative seed, and for what does not fit into memory.
    """
    if seed < 0:
        raise RunError("the seed is negative", expected="an integer >= 0", found=str(seed))
    arrays = {}
    for parameter in function.parameters:
        shape = [unknown if d is None else d for d in parameter.shape]
        try:
            check_allocation(shape, np.float32 if parameter.type.element.is_float else np.int64)
            arrays[str(parameter.name)] = _random_array(parameter, seed, shape)
        except (MemoryError, ValueError):  # ValueError: numpy cannot address so many elements
            message = f"there is not enough memory for parameter '%{parameter.name}' of @{function.name}"
            raise RunError(message, function.location, found=str(parameter.type)) from None
    return arrays


def _random_array(parameter: Value, seed: int, shape: Sequence[int]) -> Array:
    rng = np.random.default_rng([seed, zlib.crc32(str(parameter.name).encode())])
    element = parameter.type.element
    if element.is_float:
        return rng.standard_normal(shape, np.float32).astype(element.numpy)
    if not element.is_integer:
        return rng.integers(0, 2, shape).astype(np.bool_)
    if parameter.type.quantisation is None:
        return rng.integers(0, 100, shape).astype(element.numpy)
    low, high = max(element.minimum, -(2**15)), min(element.maximum, 2**16 - 1)
    return rng.integers(low, high, shape, endpoint=True).astype(element.numpy)
