"""`nir relay upgrade`: recorded networks on a TVM that knows nothing of NIR, and what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data import data_folder

from nir.cli import run_command
from nir.relay import write_params

pytest.importorskip("tvm", reason="TVM is not installed: pip install 'neuron-ir[tvm]'")

MODELS = (data_folder() or Path("absent")) / "relay" / "models"
FOLDERS = sorted(path for path in MODELS.glob("*") if path.is_dir())
RUN = ("dqn", "mlp", "tflite_emotion_i8", "tflite_mixed_f32", "tflite_mixed_i8")
"""Networks that are run; the others take TVM long to compile, and are only written, and read again."""

PLAIN_TVM = """
import importlib, json, sys
sys.modules["nir"] = None  # importing it fails
sys.path.insert(0, sys.argv[1])
import numpy, tvm
for name, inputs in json.loads(sys.argv[2]).items():
    arrays = numpy.load(f"{name}.inputs.npz")
    model = importlib.import_module(name).load(tvm.target.Target({"kind": "llvm", "opt-level": 0}))
    result = model(*(tvm.runtime.tensor(arrays[input]) for input in inputs))
    results = [result] if isinstance(result, tvm.runtime.Tensor) else result
    numpy.savez(f"{name}.outputs.npz", *(tensor.numpy() for tensor in results))
"""


def recorded(folder: Path) -> tuple[dict[str, Any], dict[str, Any], list[np.ndarray]]:
    """Weights that no file holds, inputs, and the outputs of TVM 0.15."""
    if (folder / "case.npz").exists():
        case = np.load(folder / "case.npz")
        name = json.loads((folder / "info.json").read_text())["input"]
        outputs = [case[key] for key in sorted(case.files) if key.startswith("output_0_")]
        return {}, {name: case["input_0"]}, outputs
    values: dict[str, dict[str, Any]] = {"parameter": {}, "input": {}}
    for entry in json.loads((folder / "case.json").read_text())["values"]:
        rng = np.random.default_rng(zlib.crc32(entry["name"].encode()))
        if entry["kind"] == "uniform":
            array = rng.uniform(entry["low"], entry["high"], entry["shape"])
        else:
            array = rng.integers(entry["low"], entry["high"] + 1, entry["shape"])
        role = "parameter" if entry["role"] == "parameter" else "input"
        values[role][entry["name"]] = array.astype(entry["dtype"])
    stored = np.load(folder / "outputs.npz")
    return values["parameter"], values["input"], [stored[f"out{index}"] for index in range(len(stored.files))]


@pytest.mark.skipif(not FOLDERS, reason="no recorded data: set NIR_DATA to its folder")
def test_networks_run_where_nir_is_not(tmp_path: Path) -> None:
    inputs: dict[str, list[str]] = {}
    expected = {}
    for folder in FOLDERS:
        weights, arrays, expected[folder.name] = recorded(folder)
        parameters = folder / "model.params"
        if weights:
            parameters = tmp_path / "weights.params"
            parameters.write_bytes(write_params(weights))
        model = next(path for name in ("model.json", "model.relay") if (path := folder / name).exists())
        output = tmp_path / f"{folder.name}.py"
        assert run_command(["relay", "upgrade", str(model), "--params", str(parameters), "-o", str(output)]) == 0
        np.savez(tmp_path / f"{folder.name}.inputs.npz", **arrays)
        if folder.name in RUN:
            inputs[folder.name] = list(arrays)
    subprocess.run([sys.executable, "-c", PLAIN_TVM, str(tmp_path), json.dumps(inputs)], cwd=tmp_path, check=True)
    assert len(expected) == 11
    for name in RUN:
        results = np.load(tmp_path / f"{name}.outputs.npz")
        for result, output in zip(results.values(), expected[name], strict=True):
            assert result.dtype == output.dtype
            if output.dtype.kind == "f":
                assert np.abs(result - output).max() <= 1e-5 * np.abs(output).max()
            else:
                np.testing.assert_array_equal(result, output)


SMALL = '#[version = "0.0.5"]\ndef @main(%x: Tensor[(2), float32], %w: Tensor[(2), float32]) { add(%x, %w) }\n'


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "model.relay").write_text(SMALL)
    (tmp_path / "model.params").write_bytes(write_params({"w": np.ones(2, np.float32)}))
    return tmp_path / "model.relay"


def upgrade(model: Path, output: str) -> int:
    parameters = str(model.with_suffix(".params"))
    return run_command(["relay", "upgrade", str(model), "--params", parameters, "-o", str(model.parent / output)])


def test_the_opening_comment_says_how_to_run_it(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert upgrade(model, "new.py") == 0
    assert capsys.readouterr().out.split() == [str(model.parent / "new.py"), str(model.parent / "new.params")]
    comment = (model.parent / "new.py").read_text().split("\n\n")[0]
    code = [line.removeprefix("#     ") for line in comment.splitlines() if line.startswith("#     ")]
    program = f"import numpy; import {code[0].split(', ')[1]}, tvm; x = tvm.runtime.tensor(numpy.ones(2, 'float32'))"
    result = subprocess.run(
        [sys.executable, "-c", f"{program}\n{code[1]}\nprint(outputs.numpy())"],
        cwd=model.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.split() == ["[2.", "2.]"]


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("model.txt", "is no name for a Python file"),
        ("not-a-name.py", "cannot be the name of a Python module"),
        ("model.py", "would be overwritten"),
        ("absent/new.py", "cannot be written"),
    ],
)
def test_refusals(model: Path, output: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(os.listdir(model.parent))
    assert upgrade(model, output) == 1
    assert message in capsys.readouterr().err
    assert sorted(os.listdir(model.parent)) == before
