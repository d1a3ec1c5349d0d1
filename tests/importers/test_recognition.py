"""What a file is, by its content; and the plain words for what is no model. Needs no TVM."""

from __future__ import annotations

import contextlib
import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nir.errors import ConvertError, NirError, ParseError
from nir.tvm.importers import recognition
from nir.tvm.importers.loading import open_model
from nir.tvm.importers.model import fixed_shape, given_shapes
from nir.tvm.importers.script_source import script_parts


def zipped(*members: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for member in members:
            archive.writestr(member, b"x")
    return buffer.getvalue()


SCRIPT = "from tvm.script import ir as I\n\n@I.ir_module\nclass Module:\n    pass\n"


@pytest.mark.parametrize(
    ("content", "name", "form"),
    [
        (b"\x1c\0\0\0TFL3" + bytes(20), "model", recognition.TFLITE),
        (b"\x1c\0\0\0TFL3" + bytes(20), "model.onnx", recognition.TFLITE),
        (b"\x08\x08\x12\x07pytorch", "model.bin", recognition.ONNX),
        (b"\x0a\x03abc", "model.onnx", recognition.ONNX),
        (zipped("m/archive_format", "m/models/model.json"), "model.zip", recognition.TORCH),
        (b'{"root_index":74,"nodes":[]}', "model.json", recognition.RELAX_JSON),
        (b'{"nodes":[], "metadata": {}, "root_index": 3}' + b" " * 300, "model.json", recognition.RELAX_JSON),
        (b'{"root": 1, "nodes": [], "attrs": {"tvm_version": "0.8"}}', "model.json", recognition.RELAY),
        (SCRIPT.encode(), "model.txt", recognition.SCRIPT),
        (b"x = 1", "model.py", recognition.SCRIPT),
        (b"def @main() { 1 }", "model", recognition.RELAY),
        (b"\x1f\x8b" + bytes(20), "model.tar.gz", recognition.RELAY),
    ],
)
def test_the_content_says_what_it_is(content: bytes, name: str, form: str) -> None:
    assert recognition.recognise(content, name) == form


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "an empty file"),
        (b"\x89HDF\r\n\x1a\n rest", "Keras"),
        (b"\x80\x04\x95", "pickle"),
        (zipped("archive/data.pkl"), "torch.export.save"),
        (zipped("readme.txt"), "zip archive that holds no model"),
        (b"nir 1.0\n", "NIR already"),
        (b"\0\1\2\3\4", "no model that can be read"),
    ],
)
def test_what_is_no_model_is_told(content: bytes, word: str) -> None:
    with pytest.raises(ParseError, match=word):
        recognition.recognise(content, "file")


@given(st.binary(max_size=400), st.sampled_from(["m", "m.onnx", "m.py", "m.json", "m.tflite", "m.pt2"]))
def test_any_bytes_are_recognised_or_refused(content: bytes, name: str) -> None:
    with contextlib.suppress(ParseError):
        assert recognition.recognise(content, name) in recognition.FORMATS


def test_folders_missing_files_and_odd_objects_are_told(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"")
    for source, word in (
        (tmp_path, "TFLiteConverter"),
        (tmp_path / "none.onnx", "No such file"),
        ("a\0b", "cannot be read"),
        (5, "a path, bytes, or a model"),
        (None, "a path, bytes, or a model"),
    ):
        with pytest.raises(ParseError, match=word):
            open_model(source)


def test_shapes_are_checked() -> None:
    assert fixed_shape("x", (None, 3), (2, 3)) == (2, 3)
    for given_shape in ((2, 4), (2,), (2, 3, 1)):
        with pytest.raises(ConvertError, match="does not fit"):
            fixed_shape("x", (None, 3), given_shape)
    with pytest.raises(ConvertError, match="--shape x=1,3"):
        fixed_shape("x", (None, 3), None)
    for wrong in ((0,), (-1,), ("a",), (1.5,)):
        with pytest.raises(ConvertError, match="positive whole numbers"):
            given_shapes({"x": wrong})  # type: ignore[dict-item]


# --- TVMScript, which TVM evaluates ---


def in_module(line: str) -> str:
    return (
        f"@I.ir_module\nclass Module:\n    @R.function\n    def main(x: R.Tensor((2,), 'float32')):\n        {line}\n"
    )


def test_the_module_is_cut_out_of_the_file() -> None:
    text = "import os\nos.abort()\n" + in_module("return R.add(x, x)") + "def load(): pass\nmetadata = f('{}')\n"
    source, metadata = script_parts(text, "m.py")
    assert source.startswith("@I.ir_module")
    assert "os" not in source
    assert metadata == "{}"


@pytest.mark.parametrize(
    "line",
    [
        "return __import__('os').system('true')",
        "return open('/etc/passwd')",
        "return R.entry.inspect",
        "return R.add.__globals__",
        "return tvm.get_global_func('x')",
        "return (lambda: x)()",
        "import os",
        "return R.parser.core",
        "return getattr(R, 'x')",
        "return x.__class__",
        "return R.zeros((9**9**9,))",
        "return R.zeros((1 << 99999999999,))",
        "return R.zeros([2] * 99999999999)",
        "x *= 'a'",
    ],
)
def test_expressions_that_lead_out_of_tvmscript_are_not_evaluated(line: str) -> None:
    with pytest.raises(ConvertError, match="not evaluated"):
        script_parts(in_module(line), "m.py")


@pytest.mark.parametrize(
    "text", ["def f(:", "x = 1", "(" * 5000, SCRIPT + SCRIPT, "\0", "@I.ir_module\nclass A: pass\nmetadata = 5\n"]
)
def test_other_python_is_refused(text: str) -> None:
    with pytest.raises(NirError):
        script_parts(text, "m.py")
