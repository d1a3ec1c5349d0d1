"""Loading from paths, text and JSON; parameter files; binding parameters; the table of operators."""

from __future__ import annotations

import base64
import json
import string
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nir.errors import ConvertError, ParseError
from nir.relay import Constant, FuncType, TensorType, Var, load, load_params, post_order, read_params, write_params
from nir.relay.ndarray import write_ndarray
from nir.relay.schema import attributes_schema, operators
from nir.relay.types import is_dtype, numpy_dtype

TEXT = """#[version = "0.0.5"]
def @main(%x: Tensor[(2, 3), float32], %weight: Tensor[(4, 3), float32], %v_param_1: Tensor[(4), float32]) {
  %0 = nn.dense(%x, %weight, units=4);
  nn.bias_add(%0, %v_param_1)
}
"""
WEIGHT = np.ones((4, 3), np.float32)
BIAS = np.zeros(4, np.float32)


def constants(text_or_module: Any) -> dict[str | None, Constant]:
    return {expr.name: expr for expr in post_order(text_or_module.main) if isinstance(expr, Constant)}


def test_text_and_path_give_the_same(tmp_path: Path) -> None:
    path = tmp_path / "model.relay"
    path.write_text(TEXT)
    for source in (TEXT, path, str(path)):
        module = load(source)
        assert str(module.main.body.checked_type) == "Tensor[(2, 4), float32]"
    assert load(path).main.body.span.location() == f"{path}:4:3"  # type: ignore[union-attr]


@pytest.mark.parametrize("text", ["fn (%x: int8) { %x }", "{ 1 }", "let %x = 1; %x", "// a comment\n1", "/* one */ 1"])
def test_text_of_one_line_is_text(text: str) -> None:
    assert load(text).main.checked_type is not None


@pytest.mark.parametrize("name", ["absent.relay", "", ".", "a\0b"])
def test_what_is_no_file_is_an_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(ParseError, match="cannot be read"):
        load(Path(tmp_path / name) if name else tmp_path)
    with pytest.raises(ParseError, match="cannot be read"):
        load("absent/model.relay")
    with pytest.raises(ParseError, match="cannot be read"):
        load(TEXT, tmp_path / "absent.params")


def test_binding_keeps_names_and_types() -> None:
    module = load(TEXT, {"weight": WEIGHT, "_param_1": BIAS})
    assert [parameter.name_hint for parameter in module.main.params] == ["x"]
    assert set(constants(module)) == {"weight", "_param_1"}
    expected = FuncType((TensorType((2, 3), "float32"),), TensorType((2, 4), "float32"))
    assert module.main.checked_type == expected
    later = load(TEXT).bind({"v_param_1": BIAS}).bind({"weight": WEIGHT})
    assert set(constants(later)) == {"weight", "v_param_1"}
    assert later.main.checked_type == expected
    assert later.main.body.checked_type == expected.ret_type


def test_binding_leaves_the_module_as_it_was() -> None:
    module = load(TEXT)
    module.bind({"weight": WEIGHT})
    assert len(module.main.params) == 3
    assert not constants(module)


def test_local_functions_keep_their_parameters() -> None:
    module = load("def @main(%x: int8, %w: int8) { %0 = fn (%p: int8) { add(%p, %w) }; %0(%x) }\n", {"w": np.int8(3)})
    local = module.main.body.op  # type: ignore[attr-defined]
    assert [parameter.name_hint for parameter in local.params] == ["p"]
    assert constants(module)["w"].data == 3
    assert local.checked_type is not None


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"wieght": WEIGHT}, "did you mean 'weight'?"),
        ({"_param_2": BIAS}, "no parameter '_param_2'"),
        ({"weight": WEIGHT.T}, "expected: Tensor[(4, 3), float32]"),
        ({"weight": WEIGHT.astype(np.float64)}, "found: Tensor[(4, 3), float64]"),
        ({"weight": np.array(["a"])}, "no array of numbers"),
        ({"_param_1": BIAS, "v_param_1": BIAS}, "the same parameter"),
    ],
)
def test_parameters_that_do_not_fit(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ConvertError) as caught:
        load(TEXT, params)
    assert message in str(caught.value)


def test_binding_needs_a_main() -> None:
    with pytest.raises(ConvertError, match="no function '@main'"):
        load("def @other(%x: int8) { %x }\n", {})


DTYPES = [*(numpy_dtype(name) for name in ("bool", "int8", "uint8", "int32", "int64", "float16", "float32", "float64"))]


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=("Cs",)), max_size=12),
        st.sampled_from(DTYPES).flatmap(
            lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3))
        ),
        max_size=4,
    )
)
def test_parameter_files_hold_any_names_and_tensors(tensors: dict[str, np.ndarray[Any, Any]]) -> None:
    data = write_params(tensors)
    read = read_params(data)
    assert list(read) == list(tensors)
    for name, tensor in tensors.items():
        assert read[name].dtype == tensor.dtype
        assert read[name].shape == tensor.shape
        assert read[name].tobytes() == np.ascontiguousarray(tensor).tobytes()


def test_brain_floats_are_read_and_written() -> None:
    tensor = np.array([1.5, -2.0], ml_dtypes.bfloat16)
    assert read_params(write_params({"x": tensor}))["x"].tolist() == [1.5, -2.0]
    with pytest.raises(ParseError, match="cannot hold"):
        write_params({"x": np.array(["text"])})


@given(st.data())
def test_every_beginning_of_a_parameter_file_is_an_error(data: st.DataObject) -> None:
    content = write_params({"weight": WEIGHT, "bias": BIAS})
    with pytest.raises(ParseError, match="byte"):
        read_params(content[: data.draw(st.integers(0, len(content) - 1))])


def test_parameter_files_from_disk(tmp_path: Path) -> None:
    path = tmp_path / "model.params"
    path.write_bytes(write_params({"weight": WEIGHT, "_param_1": BIAS}))
    np.testing.assert_array_equal(load_params(path)["weight"], WEIGHT)
    assert len(load(TEXT, path).main.params) == 1
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(ParseError, match="behind the last tensor"):
        load_params(path)


def test_broken_json_says_where(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text('{"root": 1,\n "nodes": [}')
    with pytest.raises(ParseError, match="line 2, column 12"):
        load(path)


def test_an_expression_in_json_becomes_main() -> None:
    nodes = [
        {"type_key": ""},
        {"type_key": "relay.Call", "attrs": {"op": "2", "args": "3", "attrs": "0"}},
        {"type_key": "Op", "repr_str": "exp"},
        {"type_key": "Array", "data": [4]},
        {"type_key": "relay.Constant", "attrs": {"data": "0"}},
    ]
    blob = base64.b64encode(write_ndarray(np.array(0.1, np.float32))).decode()
    content = json.dumps({"root": 1, "nodes": nodes, "b64ndarrays": [blob]})
    module = load(content)
    assert module.main.body.checked_type == TensorType((), "float32")
    assert constants(module)[None].data == np.float32(0.1)


def test_the_table_of_operators_is_sound() -> None:
    assert len(operators()) > 290
    for schema in operators().values():
        fields = schema.attributes
        assert set(fields.defaults) | set(fields.required) == set(fields.kinds)
        assert not set(fields.defaults) & set(fields.required)
        assert set(schema.name) <= set(string.ascii_letters + string.digits + "._")
    assert attributes_schema("relay.attrs.Conv2DAttrs") is operators()["qnn.conv2d"].attributes


def test_element_types() -> None:
    for name in ("bool", "bfloat16", "int8", "uint64", "float16"):
        assert is_dtype(name)
        assert numpy_dtype(name) is not None
    for name in ("int4", "float32x4", "handle"):
        assert is_dtype(name)
        assert numpy_dtype(name) is None
    assert not is_dtype("tensor")
    assert repr(Var("x", TensorType((), "int8"))) == "Var(%x)"
