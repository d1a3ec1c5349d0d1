"""The bytes that a compiled module hands to the runtime: one NIR module, in a format that stands by itself.

A program is a safetensors file in memory. Its metadata (a flat map of strings) has

    nir.program      the version of this format, "1"
    nir.text         the module as `.nir` text, which names its weights
    nir.profile      the numeric profile under which it runs
    nir.function     the function to run
    nir.weight.K     for K = 0, 1, ...: the name of the weight that comes as the K-th tensor of every call
    nir.digest       SHA-256 over those weights, so that equal programs have equal weights

and its tensors are the remaining weights by name. A compiled module keeps its weights in TVM's constant pool, which
holds equal tensors once however many regions and host operators use them; a program that travels alone holds its own.
Neither TVM nor tvm_ffi is imported here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from nir.errors import RunError
from nir.ir import Module
from nir.ops.profiles import get_profile
from nir.text import parse
from nir.text.files import text_and_weights

PROGRAM_VERSION = "1"
"""The version of the format that is written, and the only one that is read."""

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Program:
    """A module to run: `encoded` for the runtime, and the weights that come with every call, in order."""

    encoded: bytes = field(repr=False)
    weights: tuple[Array, ...] = field(repr=False)


@dataclass(frozen=True)
class Header:
    """What a program says before its weights are there; `embedded` are the weights that it holds itself."""

    text: str = field(repr=False)
    profile: str
    function: str
    weight_names: tuple[str, ...]
    embedded: Mapping[str, Array] = field(repr=False)

    def module(self, weights: Sequence[Array]) -> Module:
        """The module, with `weights` for the names that stand in the header. Raises `RunError`, `ParseError`."""
        if len(weights) != len(self.weight_names):
            raise RunError(
                "a program got another number of weights than it names",
                expected=str(len(self.weight_names)),
                found=str(len(weights)),
            )
        named = dict(zip(self.weight_names, weights, strict=True))
        module = parse(self.text, f"<{self.function}>", {**self.embedded, **named})
        if self.function not in module.functions:
            raise RunError(f"a program has no function @{self.function}")
        return module


def encode(module: Module, profile: str = "qdq", *, function: str = "main", embed: bool = False) -> Program:
    """`module` as a program that runs `function` under `profile`.

    Weights are what `nir.save` would write to the weights file: the program holds them with `embed`, else they come
    with every call. Raises `RunError` for an unknown profile or function.
    """
    get_profile(profile)
    if function not in module.functions:
        raise RunError(f"the module has no function @{function}", found=", ".join(module.functions) or "no function")
    text, tensors = text_and_weights(module)
    arrays = {name: np.require(array, requirements="C") for name, array in tensors.items()}
    metadata = {"nir.program": PROGRAM_VERSION, "nir.text": text, "nir.profile": profile, "nir.function": function}
    if embed:
        return Program(_with_metadata(save(arrays), metadata), ())
    metadata |= {f"nir.weight.{index}": name for index, name in enumerate(arrays)}
    metadata["nir.digest"] = _digest(arrays)
    return Program(_with_metadata(save({}), metadata), tuple(arrays.values()))


def decode(encoded: bytes) -> Header:
    """Reads what `encode` wrote. Raises `RunError` for bytes that are no program, or one of another version."""
    metadata = _metadata(encoded)
    version = metadata.get("nir.program")
    if version != PROGRAM_VERSION:
        raise RunError(
            "this program is of another version", expected=f"version {PROGRAM_VERSION}", found=str(version)[:50]
        )
    try:
        text, profile, function = (metadata[f"nir.{part}"] for part in ("text", "profile", "function"))
    except KeyError as error:
        raise RunError(f"a program has no entry {error}") from None
    names: list[str] = []
    while (name := metadata.get(f"nir.weight.{len(names)}")) is not None:
        names.append(name)
    return Header(text, profile, function, tuple(names), _embedded(encoded))


def _digest(arrays: Mapping[str, Array]) -> str:
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(f"{name}\0{array.dtype} {array.shape}\0".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _with_metadata(encoded: bytes, metadata: Mapping[str, str]) -> bytes:
    """A safetensors file with metadata, in an order that is the same every time, as that of safetensors is not."""
    length = int.from_bytes(encoded[:8], "little")
    tensors = json.loads(encoded[8 : 8 + length])
    header = json.dumps({"__metadata__": metadata, **dict(sorted(tensors.items()))}, ensure_ascii=False).encode()
    header += b" " * (-len(header) % 8)  # so that the tensors behind it are aligned
    return len(header).to_bytes(8, "little") + header + encoded[8 + length :]


def _metadata(encoded: bytes) -> dict[str, str]:
    """The metadata of a safetensors file: eight bytes of length, then JSON of that length."""
    length = int.from_bytes(encoded[:8], "little")
    try:
        if len(encoded) < 8 + length:
            raise ValueError("it is cut short")
        metadata = json.loads(encoded[8 : 8 + length])["__metadata__"]
        if not all(isinstance(value, str) for value in metadata.values()):
            raise ValueError("its metadata is no map of strings")
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise RunError("these bytes are no NIR program", found=str(error)[:200]) from None
    return dict(metadata)


def _embedded(encoded: bytes) -> dict[str, Array]:
    try:
        return load(encoded)
    except (SafetensorError, KeyError) as error:  # KeyError: an element type that numpy does not have
        raise RunError("these bytes are no NIR program", found=str(error)[:200]) from None
