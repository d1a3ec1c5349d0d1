"""What a genuine TVM 0.15 computed, computed again by today's TVM: integers must be equal, floats nearly so."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data import data_folder, data_path

import nir.relay
import nir.tvm
from nir.passes.relay_to_relax import relay_to_relax
from nir.relay.types import TensorType, numpy_dtype

QUICK = {"kind": "llvm", "opt-level": 0}
"""Compiles small programs in half the time; numbers do not depend on it."""

RELATIVE = 1e-5
"""What floats may differ by, relative to the largest magnitude of the recorded result."""


def assert_agrees(found: np.ndarray, recorded: np.ndarray) -> None:
    assert (found.dtype, found.shape) == (recorded.dtype, recorded.shape)
    if recorded.dtype.kind in "iub":
        np.testing.assert_array_equal(found, recorded)
        return
    finite = np.isfinite(recorded)
    np.testing.assert_array_equal(found[~finite], recorded[~finite])
    largest = np.abs(recorded[finite]).max(initial=0)
    assert np.abs(found[finite] - recorded[finite]).max(initial=0) <= RELATIVE * largest


# --- single operators ---


def _operators() -> list[dict[str, Any]]:
    folder = data_folder()
    path = folder / "relay" / "ops.jsonl.gz" if folder is not None else None
    if path is None or not path.exists():
        return []
    with gzip.open(path, "rt") as lines:
        return [json.loads(line) for line in lines]


def _array(record: Mapping[str, Any]) -> np.ndarray:
    return np.array(record["data"], numpy_dtype(record["dtype"])).reshape(record["shape"])


def test_operators_are_recorded() -> None:
    data_path("relay", "ops.jsonl.gz")
    assert len(_operators()) >= 200


@pytest.mark.parametrize("case", _operators(), ids=lambda case: str(case["name"]))
def test_operator(case: dict[str, Any]) -> None:
    relax_module = relay_to_relax(nir.relay.load(case["relay"]))
    inputs = {name: _array(record) for name, record in case["inputs"].items()}
    outputs = nir.tvm.run(relax_module, inputs)
    for found, recorded in zip(outputs, case["outputs"], strict=True):
        assert_agrees(found, _array(recorded))


# --- whole networks ---

DRAWN = ("dcgan", "dqn", "mlp", "mobilenet", "mobilenet_nhwc", "resnet18", "squeezenet")
FROM_TFLITE = ("tflite_emotion_i8", "tflite_mixed_f32", "tflite_mixed_i8", "tflite_mobilenet_v1_i8")


def _drawn_values(folder: Path) -> dict[str, np.ndarray]:
    """Inputs and weights, which are not recorded but drawn from their names."""
    values = {}
    for entry in json.loads((folder / "case.json").read_text())["values"]:
        rng = np.random.default_rng(zlib.crc32(entry["name"].encode()))
        if entry["kind"] == "uniform":
            array = rng.uniform(entry["low"], entry["high"], entry["shape"])
        else:
            array = rng.integers(entry["low"], entry["high"] + 1, entry["shape"])
        values[entry["name"]] = array.astype(entry["dtype"])
    return values


@pytest.mark.parametrize("name", DRAWN)
def test_network(name: str) -> None:
    folder = data_path("relay", "models", name)
    outputs = nir.tvm.run(relay_to_relax(nir.relay.load(folder / "model.relay")), _drawn_values(folder))
    recorded = np.load(folder / "outputs.npz")
    for index, found in enumerate(outputs):
        assert_agrees(found, recorded[f"out{index}"])
    assert len(outputs) == len(recorded.files)


@pytest.mark.parametrize(
    ("name", "form"), [*((name, "model.json") for name in FROM_TFLITE), ("tflite_mixed_i8", "model.relay")]
)
def test_network_from_tflite(name: str, form: str) -> None:
    """From JSON, whose scales are exact; and from text, whose scales have six digits, which change nothing here."""
    folder = data_path("relay", "models", name)
    module = nir.relay.load(folder / form, folder / "model.params")
    compiled = nir.tvm.compile(relay_to_relax(module))
    case = np.load(folder / "case.npz")
    (parameter,) = compiled.parameters
    assert parameter.name == json.loads((folder / "info.json").read_text())["input"]
    for sample in range(2):
        (found,) = compiled.run({parameter.name: case[f"input_{sample}"]})
        assert_agrees(found, case[f"output_{sample}_0"])
    assert (case["output_0_0"] != case["output_1_0"]).any()


# --- stress vectors of QNN operators ---

ALL_MODES_OF = (0,)
"""Sets that run in all modes of requantize_config, not only in the usual one: each is a compilation. Sets of the
requantisations themselves run in all modes always, since their text names them."""


def _vectors() -> list[tuple[str, int]]:
    folder = data_folder()
    if folder is None:
        return []
    files = sorted((folder / "relay" / "qnn").glob("*.json"))
    return [(path.stem, record["set"]) for path in files for record in json.loads(path.read_text())]


@pytest.mark.parametrize(("operator", "number"), _vectors())
def test_stress_vectors(operator: str, number: int) -> None:
    path = data_path("relay", "qnn", f"{operator}.json")
    record = next(record for record in json.loads(path.read_text()) if record["set"] == number)
    arrays = np.load(path.with_suffix(".npz"))
    inputs = {name: arrays[f"s{number}.in.{name}"] for name in record["inputs"]}
    module = nir.relay.load(record["relay"])
    for mode, names in _by_mode(list(record["outputs"])).items():
        if mode != "UPWARD.int64" and number not in ALL_MODES_OF:
            continue
        rounding, compute_dtype = mode.split(".")
        relax_module = relay_to_relax(module, rounding=rounding, compute_dtype=compute_dtype)
        for found, name in zip(nir.tvm.run(relax_module, inputs, QUICK), names, strict=True):
            recorded = arrays[f"s{number}.out.{name}"]
            np.testing.assert_array_equal(found, recorded, strict=True)


def _by_mode(names: list[str]) -> dict[str, list[str]]:
    """Outputs by mode such as `UPWARD.int64`. Where the text says all modes itself there is one run for all."""
    if "@" not in names[0]:
        return {"UPWARD.int64": names}
    modes: dict[str, list[str]] = {}
    for name in names:
        modes.setdefault(name.split("@")[1], []).append(name)
    return modes


# --- the same network as one function, annotated, and partitioned ---


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("mlp", "mlp.annotated_nir"),
        ("mlp", "mlp.partitioned_nir"),
        ("synthetic", "synthetic.partitioned_nirc"),
        ("tflite_mixed_i8", "tflite_mixed_i8.annotated_nirc"),
    ],
)
def test_partitioning_changes_nothing(name: str, other: str) -> None:
    first, second = (_from_json(form) for form in (name, other))
    inputs = {parameter.name: _drawn(parameter) for parameter in first.parameters}
    for left, right in zip(first.run(inputs), second.run(inputs), strict=True):
        assert np.isfinite(left).all()
        assert len(np.unique(left)) > 1
        np.testing.assert_array_equal(left, right)


def _from_json(form: str) -> nir.tvm.Compiled:
    text = gzip.decompress(data_path("relay", "json", f"{form}.json.gz").read_bytes()).decode()
    return nir.tvm.compile(relay_to_relax(nir.relay.load(text)))


def _drawn(parameter: nir.tvm.Parameter) -> np.ndarray:
    """Floats that may be a variance, and integers that do not saturate what they are weights of."""
    assert isinstance(parameter.type, TensorType)
    rng = np.random.default_rng(zlib.crc32(parameter.name.encode()))
    if parameter.type.dtype.startswith("float"):
        return rng.uniform(0.1, 1, parameter.type.shape).astype(parameter.type.dtype)
    return rng.integers(-50, 51, parameter.type.shape).astype(parameter.type.dtype)
