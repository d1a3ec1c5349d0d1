"""`nir relay info`: what it tells of texts, JSON and archives, and warnings on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from data import data_path

from nir.cli import run_command

TEXT = """#[version = "0.0.5"]
def @main(%x: Tensor[(2, 3), float32], %w: Tensor[(4, 3), float32]) {
  %0 = nn.dense(%x, %w, units=4);
  %1 = my.own(%0) /* ty=Tensor[(2, 4), float32] */;
  let %y = nn.relu(%1);
  add(%y, meta[relay.Constant][0] /* ty=Tensor[(4), float32] */)
}
"""


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert run_command(["relay", "info", *arguments, "--json"]) == 0
    output = capsys.readouterr()
    assert output.err == ""
    return json.loads(output.out)


def test_what_a_text_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.relay"
    path.write_text(TEXT)
    found = told(capsys, str(path))
    assert found["source"]["format"] == "text 0.0.5"
    assert found["source"]["tvm_version"] is None
    assert found["operators"] == {"add": 1, "my.own": 1, "nn.dense": 1, "nn.relu": 1}
    assert found["unknown_operators"] == {"my.own": 1}
    assert found["inputs"] == [["x", "Tensor[(2, 3), float32]"], ["w", "Tensor[(4, 3), float32]"]]
    assert (found["external_constants"], found["lets"]) == (1, 1)
    assert found["nir"]["converts"] is False
    assert found["nir"]["operators_without_handler"] == {"my.own": 1}
    assert any("my.own" in problem for problem in found["nir"]["problems"])
    assert found["relax"]["operators_without_lowering"] in ({"my.own": 1}, None)


def test_the_version_is_an_option(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.relay"
    path.write_text("fn (%x: Tensor[(1, 1), float32]) { nn.pad(%x, pad_width=[[0, 0], [1, 1]], pad_value=2f) }")
    found = told(capsys, str(path), "--tvm-version", "0.7")
    assert found["source"]["read_as"] == "0.7"
    assert found["nir"]["converts"] is True
    assert run_command(["relay", "info", str(path), "--tvm-version", "3.0"]) == 1
    assert "version of TVM" in capsys.readouterr().err


def test_archives_say_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    path = str(data_path("relay", "mlf", "cnn_int8", "graph_bound.tar"))
    assert run_command(["relay", "info", path]) == 0
    output = capsys.readouterr()
    assert "format:     Model Library Format 7" in output.out
    assert "8 missing" in output.out
    assert "note: 8 constants are only referred to" in output.out
    assert "to NIR:     does not convert" in output.out


def test_json_states_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, str(data_path("relay", "json", "tflite_mixed_i8.json.gz")))
    assert found["source"]["tvm_version"] == "0.15.0"
    assert found["nir"] == {"converts": True, "operators_without_handler": {}, "problems": []}
    assert sum(found["operators"].values()) == 44


def test_warnings_are_told_once_without_a_place_in_the_program(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "model.relay"
    path.write_text('#[version = "0.0.5"]\ndef @main(%x: Tensor[(2), int8]) { qnn.dequantize(%x, 0.0235294f, 3) }\n')
    assert run_command(["convert", str(path), "-o", str(tmp_path / "model.nir")]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["warning"]
    assert f"{path}:2:55: 0.0235294" in lines[0]
    assert run_command(["relay", "info", str(path)]) == 0
    output = capsys.readouterr()
    assert output.err == ""
    assert "note: 1 scale of qnn operators read from text with six digits" in output.out
