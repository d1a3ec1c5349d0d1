"""Files: a module from a `.nir` file and its weights file, and back. Files are replaced whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

import numpy as np

from nir.errors import NirError, require_type
from nir.files import read_bytes
from nir.ir import ConstantData, Module, Quantisation, TensorType, Trait, walk
from nir.ir.values import same_bits
from nir.text.elements import is_splat
from nir.text.parser import as_source, parse_source
from nir.text.printer import WeightNames, write_module
from nir.text.weights import write_weights

LARGEST_INLINE = 32
"""Elements of a constant, and scales of a type, at most that stand in the text; others go into the weights file."""

_RESERVED = "__metadata__"
"""The one name that no tensor in a safetensors file can have."""


def load(path: str | os.PathLike[str]) -> Module:
    """Reads a `.nir` file; weights are memory-mapped from the safetensors file that it names.

    The version line must be there. Raises `ParseError`, also for a file that cannot be read.
    """
    return parse_source(as_source(read_bytes(path), os.fspath(path)), directory=Path(path).parent, needs_version=True)


def save(module: Module, path: str | os.PathLike[str]) -> None:
    """Writes `module` to the file `path`, and its weights beside it to a safetensors file of the same stem.

    Weights are the constants and scales that have a name, and those of more than 32 elements (of constants: not all
    equal), which get one. Weights are written first, each file to a temporary one that then takes its place. Saving over
    the files that the module was loaded from is allowed. A link is replaced. Raises `NirError` where a file cannot be
    written, and for a device or a pipe, which has no place for weights.
    """
    require_type(module, Module, "a nir.Module", "nir.save(module, path)")
    names = _CollectedNames(module)
    try:
        target = Path(path)
        if target.exists() and not (target.is_file() or target.is_dir()):  # replaced, /dev/null would be gone for all
            raise NirError(f"{os.fspath(path)} cannot be written", expected="a file", found="a device or a pipe")
        weights = target.with_suffix(".safetensors") if names.tensors else None
        if weights == target:
            raise NirError(f"{target} cannot be written", expected="a name that ends in .nir")
        text = write_module(module, None if weights is None else weights.name, names)
        if weights is not None:
            _replace(weights, lambda temporary: write_weights(temporary, names.tensors))
        _replace(target, lambda temporary: temporary.write_bytes(text.encode("utf-8")))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise NirError(f"{os.fspath(path)} cannot be written", found=reason) from None


def weights_of(module: Module) -> dict[str, np.ndarray]:
    """The arrays that `print_module(module)` refers to by name: what `parse` needs to read the text back.

    Raises `NirError` where one name stands for two different arrays.
    """
    names = _CollectedNames(module, unnamed_too=False)
    if names.renamed:
        raise NirError("one name stands for different weights", found=", ".join("@" + name for name in names.renamed))
    return names.tensors


def text_and_weights(module: Module) -> tuple[str, dict[str, np.ndarray]]:
    """What `save` would write, in memory: the text, and the weights that it refers to by name.

    `parse(text, weights=weights)` reads it back.
    """
    names = _CollectedNames(module)
    return write_module(module, None, names), names.tensors


class _CollectedNames(WeightNames):
    """Names for all that goes into a weights file, each used for one array only; `tensors` are the arrays."""

    def __init__(self, module: Module, *, unnamed_too: bool = True) -> None:
        self.tensors: dict[str, np.ndarray] = {}
        self.renamed: list[str] = []
        self._constants: dict[int, str] = {}
        self._scales: dict[int, str] = {}
        self._long_scales: dict[tuple[float, ...], str] = {}
        unnamed: list[tuple[ConstantData, str]] = []
        for op in walk(module):
            if Trait.CONSTANT in op.traits:
                for value in op.attributes.values():
                    if isinstance(value, ConstantData) and value.name is not None:
                        self._constants[id(value)] = self._add(value.name, value.array)
                    elif isinstance(value, ConstantData) and unnamed_too and _is_large(value.array):
                        unnamed.append((value, op.results[0].name or "constant"))
        for function in module:
            for value in function.values():
                self._add_scales(value.type, value.name or function.name, unnamed_too=unnamed_too)
            for type in function.result_types:
                self._add_scales(type, function.name, unnamed_too=unnamed_too)
        for data, name in unnamed:
            if id(data) not in self._constants:
                self._constants[id(data)] = self._add(name, data.array)

    def _add_scales(self, type: TensorType, name: str, *, unnamed_too: bool) -> None:
        """Scales with a name, and long ones without, which are named after the first value that has them."""
        quantisation = type.quantisation
        if quantisation is None or id(quantisation) in self._scales:
            return
        scales, wanted = quantisation.scales, quantisation.scales_name
        if wanted is None and unnamed_too and len(scales) > LARGEST_INLINE:
            wanted = self._long_scales.setdefault(scales, f"{name}.scales")
        if wanted is not None:
            self._scales[id(quantisation)] = self._add(wanted, np.asarray(scales, np.float32))

    def _add(self, wanted: str, array: np.ndarray) -> str:
        """Puts `array` under the name `wanted`, numbered where another array has that name."""
        name, number = wanted, 0
        while name == _RESERVED or (name in self.tensors and not _is_same(self.tensors[name], array)):
            number += 1
            name = f"{wanted}_{number}"
        if number:
            self.renamed.append(wanted)
        self.tensors.setdefault(name, array)
        return name

    def of_constant(self, data: ConstantData) -> str | None:
        return self._constants.get(id(data))

    def of_scales(self, quantisation: Quantisation) -> str | None:
        return self._scales.get(id(quantisation))


def _is_same(left: np.ndarray, right: np.ndarray) -> bool:
    return left is right or same_bits(left, right)


def _is_large(array: np.ndarray) -> bool:
    return array.size > LARGEST_INLINE and not is_splat(array)


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    """Lets `write` fill a temporary file beside `path`, which then takes its place, safely on the disk."""
    temporary = path.with_name(f".{path.name[:200]}.{secrets.token_hex(8)}.tmp")
    try:
        temporary.touch()
        rights = temporary.stat().st_mode  # those of any new file; safetensors would let nobody else read it
        write(temporary)
        temporary.chmod(rights)
        with open(temporary, "r+b") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    if os.name == "posix":
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
