"""Against genuine TVM: every network and operator program of the recorded data, its types, and JSON against text."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data import data_folder

from nir.relay import Call, Constant, GlobalVar, Module, Op, infer_types, load, post_order, read_params, write_params
from nir.relay.infer import RULES
from nir.relay.text import parse
from nir.source import Source

RELAY = (data_folder() or Path("absent")) / "relay"
pytestmark = pytest.mark.skipif(not RELAY.is_dir(), reason="no recorded data: set NIR_DATA to its folder")

MODELS = sorted(path.parent for path in RELAY.glob("models/*/model.relay"))
JSON_MODELS = [folder for folder in MODELS if (folder / "model.json").exists()]
PARAMETER_FILES = sorted(RELAY.glob("**/*.params"))
JSON_PAIRS = sorted(RELAY.glob("json/*.json.gz"))
STRESS_FILES = sorted(RELAY.glob("qnn/*.json"))


def operator_programs() -> list[dict[str, Any]]:
    path = RELAY / "ops.jsonl.gz"
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()] if path.exists() else []


OPERATOR_PROGRAMS = operator_programs()


def assert_types_as_stated(text: str) -> None:
    """Infers all types without help from the comments, then compares with them."""
    module = parse(Source("golden", text))
    stated = {}
    for function in module.functions.values():
        for expr in post_order(function):
            if expr.checked_type is not None:
                stated[expr] = expr.checked_type
                expr.checked_type = None
    assert stated
    infer_types(module)
    wrong = [(expr, expr.checked_type, kind) for expr, kind in stated.items() if expr.checked_type != kind]
    assert wrong == []


def described(module: Module) -> Iterator[tuple[Any, ...]]:
    """All of a module but origins: for comparing what two files hold."""
    for name, function in module.functions.items():
        numbers: dict[Any, int] = {}
        yield name, function.attrs, [parameter.name_hint for parameter in function.params]
        for expr in post_order(function):
            if isinstance(expr, Op | GlobalVar):
                continue
            below = [numbers.get(child) for child in expr.children()]
            numbers[expr] = len(numbers)
            called = (str(expr.op), rounded(expr.attrs)) if isinstance(expr, Call) else ()
            yield type(expr).__name__, str(expr.checked_type), below, called


def rounded(value: Any) -> Any:
    """`value` with floats as the text form writes them, with six digits."""
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items()}
    return float(f"{value:.6g}") if isinstance(value, float) else value


@pytest.mark.parametrize("folder", MODELS, ids=lambda folder: folder.name)
def test_networks_have_the_types_that_tvm_states(folder: Path) -> None:
    assert_types_as_stated((folder / "model.relay").read_text())


def test_operator_programs_have_the_types_that_tvm_states() -> None:
    assert len(OPERATOR_PROGRAMS) >= 208
    for program in OPERATOR_PROGRAMS:
        assert_types_as_stated(program["relay"])


def test_every_operator_in_the_programs_has_a_rule() -> None:
    named = {
        expr.op.name
        for program in OPERATOR_PROGRAMS
        for expr in post_order(parse(Source("golden", program["relay"])).main)
        if isinstance(expr, Call) and isinstance(expr.op, Op)
    }
    assert named - set(RULES) == set()


@pytest.mark.parametrize("path", STRESS_FILES, ids=lambda path: path.stem)
def test_quantised_programs_have_the_types_that_tvm_states(path: Path) -> None:
    for row in json.loads(path.read_text()):
        assert_types_as_stated(row["relay"])


@pytest.mark.parametrize("folder", JSON_MODELS, ids=lambda folder: folder.name)
def test_json_and_text_hold_the_same_network(folder: Path) -> None:
    parameters = folder / "model.params"
    text = load(folder / "model.relay", parameters)
    exact = load(folder / "model.json", parameters)
    assert list(described(text))[1:] == list(described(exact))[1:]
    assert len(text.main.params) == 1
    for one, other in zip(post_order(text.main), post_order(exact.main), strict=True):
        assert one.origin == other.origin or isinstance(one, Op)
        if isinstance(one, Constant):
            assert isinstance(other, Constant)
            assert one.name == other.name
            assert one.dtype == other.dtype
            np.testing.assert_allclose(one.data, other.data, rtol=1e-5, atol=0)  # six digits in text
            if one.data.ndim or one.data.dtype.kind != "f":
                np.testing.assert_array_equal(one.data, other.data)


@pytest.mark.parametrize("path", JSON_PAIRS, ids=lambda path: path.name.removesuffix(".json.gz"))
def test_whole_annotated_and_partitioned_modules_are_the_same_in_json_and_text(path: Path) -> None:
    exact = load(gzip.decompress(path.read_bytes()).decode())
    text = load(gzip.decompress(path.with_name(path.name.replace(".json.gz", ".relay.gz")).read_bytes()).decode())
    assert list(described(exact)) == list(described(text))


def test_operator_programs_are_the_same_in_json_and_text() -> None:
    with_json = [program for program in OPERATOR_PROGRAMS if "json" in program]
    assert len(with_json) >= 104
    for program in with_json:
        content = program["json"]
        exact = load(content if isinstance(content, str) else json.dumps(content))
        assert list(described(exact)) == list(described(load(program["relay"])))


@pytest.mark.parametrize("path", PARAMETER_FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_parameter_files_are_written_as_they_were_read(path: Path) -> None:
    data = path.read_bytes()
    assert write_params(read_params(data)) == data


def test_bound_weights_keep_the_names_of_the_parameter_file() -> None:
    folder = RELAY / "models" / "tflite_mixed_i8"
    module = load(folder / "model.relay", folder / "model.params")
    names = {expr.name for expr in post_order(module.main) if isinstance(expr, Constant) and expr.name}
    assert names == set(read_params((folder / "model.params").read_bytes()))
    assert all(name.startswith("_param_") for name in names)
