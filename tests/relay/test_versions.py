"""Files of older versions of TVM mean the same as the files of 0.15 that they were derived from; options and evidence."""

from __future__ import annotations

import base64
import gzip
import json
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data import data_folder
from relay_downgrade import CannotDowngrade, downgraded, prepared

from nir.errors import NirWarning, ParseError
from nir.relay import Call, Constant, Module, first_difference, load, post_order
from nir.relay.dialect import dialect
from nir.relay.json_graph import JsonGraph
from nir.relay.live import serialised
from nir.relay.ndarray import write_ndarray
from nir.relay.schema import described_versions, operators

RELAY = (data_folder() or Path("absent")) / "relay"


def recorded() -> list[tuple[str, dict[str, Any]]]:
    found = [
        (path.name, json.loads(gzip.decompress(path.read_bytes()))) for path in sorted(RELAY.glob("json/*.json.gz"))
    ]
    for path in (RELAY / "mlf").glob("*/model*.json"):
        found.append((f"{path.parent.name}-{path.stem}", json.loads(path.read_text())))
    if (RELAY / "ops.jsonl.gz").exists():
        for line in gzip.decompress((RELAY / "ops.jsonl.gz").read_bytes()).splitlines():
            row = json.loads(line)
            if "json" in row:
                found.append((row["name"], json.loads(row["json"]) if isinstance(row["json"], str) else row["json"]))
    return found


@pytest.mark.skipif(not RELAY.is_dir(), reason="no recorded data: set NIR_DATA to its folder")
@pytest.mark.parametrize("version", [(0, 6), (0, 7), (0, 8), (0, 9), (0, 10), (0, 12), (0, 19)], ids=str)
def test_json_of_older_versions_means_the_same(version: tuple[int, int]) -> None:
    read = 0
    for name, content in recorded():
        new = prepared(content)
        graph = JsonGraph(new, name)
        try:
            old = downgraded(new, version, lambda node, graph=graph: scalar(graph, node))
        except CannotDowngrade:
            continue
        module = load(json.dumps(old))
        assert module.provenance is not None
        assert module.provenance.read_as == f"0.{version[1]}"
        difference = first_difference(load(json.dumps(new)), module)
        if difference is not None and "nn.pad argument 1" in difference:
            continue  # the value may have had another element type than float32
        assert difference is None, (name, difference)
        read += 1
    assert read >= {6: 90, 7: 110}.get(version[1], 120), read


def scalar(graph: JsonGraph, node: int) -> float | int | None:
    if graph.type_key(node) != "relay.Constant":
        return None
    data = graph.constant(node).data
    return data.item() if data.ndim == 0 else None


def only_call(module: Module, name: str) -> Call:
    return next(expr for expr in post_order(module.main) if isinstance(expr, Call) and expr.op_name == name)


TRANSPOSED = """fn (%x: Tensor[(1, 3, 8, 8), float32], %w: Tensor[(3, 5, 2, 2), float32]) {
  nn.conv2d_transpose(%x, %w, channels=5, kernel_size=[2, 2], strides=[2, 2])
}
"""


@pytest.mark.parametrize("version", ["0.7", "0.8", "0.10.0", "v0.9.dev12", "0.12", "0.19"])
def test_the_same_text_of_a_transposed_convolution_is_the_same_in_all_versions(version: str) -> None:
    module = load(TRANSPOSED, tvm_version=version)
    assert only_call(module, "nn.conv2d_transpose").attrs["kernel_layout"] == "IOHW"
    written = TRANSPOSED.replace("strides", 'kernel_layout="OIHW", strides')
    old = dialect(version).number <= (0, 10)
    if old:
        assert first_difference(load(written, tvm_version=version), module) is None
    else:
        assert only_call(load(written.replace("(3, 5,", "(5, 3,"), tvm_version=version), "nn.conv2d_transpose")


def test_defaults_are_those_of_the_version() -> None:
    text = 'fn (%x: Tensor[(2), int32]) { qnn.requantize(%x, 0.5f, 0, 0.25f, 0, out_dtype="int8") }\n'
    found = {}
    for version in ("0.7", "0.8", "0.9", "0.15"):
        attrs = only_call(load(text, tvm_version=version), "qnn.requantize").attrs
        found[version] = (attrs["rounding"], attrs["compute_dtype"])
    assert found == {
        "0.7": ("UPWARD", "int64"),
        "0.8": ("UPWARD", "int64"),
        "0.9": ("None", "None"),
        "0.15": ("None", "None"),
    }
    text = "fn (%x: Tensor[(2, 3, 4), float32], %y: Tensor[(2, 5, 4), float32]) { nn.batch_matmul(%x, %y) }\n"
    assert str(load(text, tvm_version="0.7").main.body.checked_type) == "Tensor[(2, 3, 5), float32]"


OLD_TEXT = """v0.0.4
def @main(%x: Tensor[(1, 4, 4, 2), uint8], %w: Tensor[(1, 1, 2, 3), uint8]) -> Tensor[(1, 6, 6, 3), uint8] {
  // quantised as in TVM 0.6
  %0 = nn.pad(%x, pad_value=7f, pad_width=[[0, 0], [1, 1], [1, 1], [0, 0]]) /* ty=Tensor[(1, 6, 6, 2), uint8] */;
  %1 = qnn.conv2d(%0, %w, kernel_size=[1, 1], data_layout="NHWC", kernel_layout="HWIO", out_dtype="int32",
    input_zero_point=7, kernel_zero_point=3, input_scale=0.0235294f, kernel_scale=0.5f);
  %2 = add(%1, meta[relay.Constant][0] /* ty=Tensor[(3), int32] */);
  qnn.requantize(%2, input_scale=0.0117647f, input_zero_point=0, output_scale=0.25f, output_zero_point=1,
    out_dtype="uint8")
}

METADATA:
{"root": 1, "nodes": [{"type_key": ""}, {"type_key": "StrMap", "keys": ["relay.Constant"], "data": [2]},
 {"type_key": "Array", "data": [3]}, {"type_key": "relay.Constant", "attrs": {"data": "0"}}],
 "b64ndarrays": ["%s"], "attrs": {"tvm_version": "0.6.0"}}
"""


def old_text() -> str:
    return OLD_TEXT.replace("%s", base64.b64encode(write_ndarray(np.arange(3, dtype=np.int32))).decode())


def test_text_of_tvm_0_6() -> None:
    with pytest.warns(NirWarning, match="2 scales of qnn operators"):
        module = load(old_text())
    assert module.provenance is not None
    assert (module.provenance.format, module.provenance.read_as) == ("text 0.0.4", "0.6")
    convolution = only_call(module, "qnn.conv2d")
    values = [argument.data.item() for argument in convolution.args[2:] if isinstance(argument, Constant)]
    assert values == [7, 3, np.float32(0.0235294), 0.5]
    assert "input_scale" not in convolution.attrs
    pad = only_call(module, "nn.pad")
    assert isinstance(pad.args[1], Constant)
    assert pad.args[1].data == 7
    assert set(pad.attrs) == {"pad_width", "pad_mode"}
    requantize = only_call(module, "qnn.requantize")
    assert (requantize.attrs["rounding"], requantize.attrs["compute_dtype"]) == ("UPWARD", "int64")
    assert str(requantize.checked_type) == "Tensor[(1, 6, 6, 3), uint8]"


def test_what_tvm_0_6_and_0_7_called_otherwise() -> None:
    resize = "fn (%x: Tensor[(1, 2, 4, 4), float32]) { image.resize(%x, size=[8, 8], align_corners=False) }\n"
    call = only_call(load(resize, tvm_version="0.6"), "image.resize2d")
    assert call.attrs["coordinate_transformation_mode"] == "asymmetric"
    assert call.attrs["method"] == "linear"
    size = "fn (%x: Tensor[(4, 6), float32]) { contrib.ndarray_size(%x) }\n"
    assert only_call(load(size, tvm_version="0.6"), "ndarray_size")


@pytest.mark.parametrize("text", ["fn (%x: int8) { %x^ }", "fn (%x: int8) { (%x := 1) }"])
def test_references_are_refused_in_both_forms(text: str) -> None:
    with pytest.raises(ParseError, match="references are not supported"):
        load("v0.0.4\n" + text)


def test_long_integers_without_suffix() -> None:
    module = load("fn (%x: int64) { add(%x, 5 /* ty=int64 */) }\n", tvm_version="0.8")
    assert str(module.main.body.checked_type) == "int64"


@pytest.mark.parametrize("version", ["0.5", "0.20", "1.0", "", "x", "0", "0.8\n", "9" * 500])
def test_versions_without_relay_are_refused(version: str) -> None:
    with pytest.raises(ParseError, match="version of TVM"):
        load("{ 1 }", tvm_version=version)


def test_what_the_metadata_states_is_evidence_and_the_option_wins() -> None:
    text = '#[version = "0.0.5"]\ndef @main() { 1 }\n#[metadata]\n' + json.dumps(
        {"root": 0, "nodes": [{"type_key": ""}], "b64ndarrays": [], "attrs": {"tvm_version": "0.8.0"}}
    )
    stated = load(text).provenance
    assert stated is not None
    assert (stated.tvm_version, stated.read_as) == ("0.8.0", "0.8")
    asked = load(text, tvm_version="0.7").provenance
    assert asked is not None
    assert (asked.tvm_version, asked.read_as) == ("0.8.0", "0.7")


def test_tables_of_versions_know_what_the_reference_says() -> None:
    assert described_versions() == ("0.6", "0.7", "0.8", "0.9", "0.10")
    assert "dilation" not in operators("0.7")["nn.max_pool2d"].attributes.kinds
    assert "dilation" in operators("0.8")["nn.max_pool2d"].attributes.kinds
    assert operators("0.7")["nn.conv2d"].attributes.kinds["data_layout"] == "str"
    assert operators("0.8")["nn.conv2d"].attributes.kinds["data_layout"] == "String"
    assert operators("0.10")["nn.conv2d_transpose"].attributes.defaults["kernel_layout"] == "OIHW"


SCALES = '#[version = "0.0.5"]\ndef @main(%x: Tensor[(2), int8]) {{ qnn.dequantize(%x, {}, 3) }}\n'


@pytest.mark.parametrize(
    ("literal", "lossy"),
    [
        ("0.0235294f", True),
        ("0.00784314f", True),
        ("2.35294e-05f", True),
        ("0.0235294122f", False),
        ("0.0390625f", False),
        ("0.5f", False),
        ("0.0235f", False),
        ("123456f", False),
    ],
)
def test_scales_of_six_digits_are_told(literal: str, lossy: bool, recwarn: pytest.WarningsRecorder) -> None:
    module = load(SCALES.format(literal))
    assert [warning.category for warning in recwarn.list] == [NirWarning] * lossy
    assert module.provenance is not None
    assert len(module.provenance.notes) == lossy
    if lossy:
        assert f"<relay>:2:55: {literal.rstrip('f')}" in str(recwarn.list[0].message)


class FakeModule:
    """What a module of an older TVM looks like from outside."""

    __module__ = "faketvm.ir.module"

    def __init__(self, text: str) -> None:
        self.text = text

    def astext(self) -> str:
        return self.text


def test_a_module_of_a_running_tvm_is_serialised(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "fn (%x: int8) { %x }\n"
    assert load(FakeModule(text)).main.checked_type is not None
    package = types.ModuleType("faketvm")
    package.ir = types.SimpleNamespace(save_json=lambda module: "JSON of " + module.text)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "faketvm", package)
    assert serialised(FakeModule(text)) == "JSON of " + text

    def broken(_module: Any) -> str:
        raise RuntimeError("no")

    package.ir.save_json = broken
    assert load(FakeModule(text)).main.checked_type is not None
    with pytest.raises(ParseError, match="nothing that Relay is read from"):
        load(3)
    monkeypatch.setattr(FakeModule, "astext", broken)
    with pytest.raises(ParseError, match="cannot print"):
        load(FakeModule(text))
