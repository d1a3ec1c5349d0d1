"""Relay modules for tests: short texts, and the networks and operator programs that TVM 0.15 recorded."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from data import data_folder

from nir import relay
from nir.interp import run
from nir.ir import Module, Operation
from nir.passes import relay_to_nir

RELAY = (data_folder() or Path("absent")) / "relay"
FLOAT_MODELS = sorted(path.parent for path in RELAY.glob("models/*/case.json"))
TFLITE_MODELS = sorted(path.parent for path in RELAY.glob("models/*/case.npz"))


KEPT: dict[str, Any] = {"layout": "keep"}
"""For tests of what is made of one operator, without the transposes around it that NHWC takes."""

RNG = np.random.default_rng(0)


def floats(*shape: int) -> np.ndarray:
    """Normally distributed numbers."""
    return RNG.standard_normal(shape).astype(np.float32)


def bytes_(*shape: int) -> np.ndarray:
    """Any 8-bit integers."""
    return RNG.integers(-128, 128, shape, np.int8)


def main(signature: str, *lines: str) -> relay.Module:
    """The module of one function: its parameters, and the lines of its body."""
    body = "\n".join(f"  {line}" for line in lines)
    return relay.load(f'#[version = "0.0.5"]\ndef @main({signature}) {{\n{body}\n}}\n')


def converted(signature: str, *lines: str, **options: Any) -> Module:
    """The NIR module of such a function."""
    return relay_to_nir(main(signature, *lines), **options)


def names(module: Module) -> list[str]:
    """The operators of `@main` in order, without constants."""
    return [op.name for op in module.main if op.name != "const"]


def only(module: Module, name: str) -> Operation:
    """The one operation of that name in `@main`."""
    (found,) = [op for op in module.main if op.name == name]
    return found


def outputs(module: Module, inputs: dict[str, Any], profile: str = "relay") -> list[np.ndarray]:
    """What `@main` returns."""
    return list(run(module, inputs, profile).values())


def drawn_values(folder: Path) -> tuple[dict[str, np.ndarray], list[str]]:
    """Inputs and parameters of a recorded float network, and which of them are parameters."""
    entries = json.loads((folder / "case.json").read_text())["values"]
    values = {}
    for entry in entries:
        rng = np.random.default_rng(zlib.crc32(entry["name"].encode()))
        if entry["kind"] == "uniform":
            array = rng.uniform(entry["low"], entry["high"], entry["shape"])
        else:
            array = rng.integers(entry["low"], entry["high"] + 1, entry["shape"])
        values[entry["name"]] = array.astype(entry["dtype"])
    return values, [entry["name"] for entry in entries if entry["role"] == "parameter"]


def operator_programs() -> list[dict[str, Any]]:
    """The recorded programs of one operator each."""
    path = RELAY / "ops.jsonl.gz"
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()] if path.exists() else []


def recorded(entry: dict[str, Any]) -> np.ndarray:
    """A recorded array; infinities and NaN are words in JSON."""
    return np.array(entry["data"], object).astype(entry["dtype"]).reshape(entry["shape"])
