"""Weights beside the text: found, mapped, checked; files replaced whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from nir.errors import NirError, ParseError
from nir.ir import Module, Quantisation, same, tensor
from nir.ops.builder import Builder
from nir.text import files, format_text, load, parse, print_module, save, weights_of

W = np.arange(64, dtype=np.float32).reshape(8, 8)
TEXT = 'nir 1.0\nweights "w.safetensors"\n\nfunc @f() -> () {\n  %c = const @a.b : tensor<8x8xf32>\n  return\n}\n'


def model() -> Module:
    b = Builder("main")
    large = b.const(W, name="large")
    small = b.const([1.0, 2.0], name="small")
    equal = b.const(np.zeros((64, 64), np.int8), name="equal")
    scalar = b.const(np.float32(2.5), name="scalar")
    scales = Quantisation.per_channel([0.5, 0.25], 0, name="conv/scales")
    kept = b.const(np.ones((2, 2), np.int8), name="k", quantisation=scales)
    b.function.operations[-1].attributes["value"].name = "kept by name"
    b.returns(large, small, equal, scalar, kept)
    return b.module


def error_of(text: str, **options: object) -> str:
    with pytest.raises(ParseError) as caught:
        parse(text, **options)  # type: ignore[arg-type]
    return str(caught.value)


def test_save_and_load(tmp_path: Path) -> None:
    path = tmp_path / "model.nir"
    module = model()
    save(module, path)
    assert sorted(os.listdir(tmp_path)) == ["model.nir", "model.safetensors"]
    assert set(load_file(tmp_path / "model.safetensors")) == {"large", "conv/scales", "kept by name"}
    loaded = load(path)
    assert same(module, loaded, names=True)
    text = path.read_text("utf-8")
    assert print_module(loaded) == format_text(text) == text
    assert "%large = const @large : tensor<8x8xf32>" in text
    assert (
        '%k = const @"kept by name" : tensor<2x2xi8, axis=0, scales=@conv/scales>'.replace(
            "@conv/scales", '@"conv/scales"'
        )
        in text
    )
    assert "%equal = const dense<0> : tensor<64x64xi8>" in text
    assert module["main"].operations[0].attributes["value"].name is None, "saving changes nothing in the module"


def test_long_scales_get_a_name(tmp_path: Path) -> None:
    b = Builder("main")
    scales = [0.5 + i / 64 for i in range(33)]
    weights = b.const(np.zeros((33, 2), np.int8), name="w", quantisation=Quantisation.per_channel(scales, 0))
    again = b.parameter("p", tensor((33, 2), "i8", scales=scales, axis=0))
    short = b.parameter("s", tensor((32, 2), "i8", scales=scales[1:], axis=0))
    b.returns(weights, again, short)
    save(b.module, tmp_path / "m.nir")
    assert set(load_file(tmp_path / "m.safetensors")) == {"p.scales"}
    assert "%w = const dense<0> : tensor<33x2xi8, axis=0, scales=@p.scales>" in (tmp_path / "m.nir").read_text("utf-8")
    assert same(load(tmp_path / "m.nir"), b.module, names=True)


def test_saving_over_the_mapped_files(tmp_path: Path) -> None:
    path = tmp_path / "model.nir"
    save(model(), path)
    loaded = load(path)
    loaded["main"].operations.reverse()
    save(loaded, path)
    assert same(load(path), loaded, names=True)
    assert sorted(os.listdir(tmp_path)) == ["model.nir", "model.safetensors"]


def test_text_and_arrays_without_files() -> None:
    module = model()
    module["main"].operations[0].attributes["value"].name = "w"
    arrays = weights_of(module)
    assert set(arrays) == {"w", "conv/scales", "kept by name"}
    assert same(parse(print_module(module), weights=arrays), module, names=True)


def test_one_name_for_different_arrays(tmp_path: Path) -> None:
    b = Builder("main")
    for i in range(3):
        b.const(W + i // 2)
        b.function.operations[-1].attributes["value"].name = "w"
    b.returns()
    save(b.module, tmp_path / "m.nir")
    assert set(load_file(tmp_path / "m.safetensors")) == {"w", "w_1"}
    assert same(load(tmp_path / "m.nir"), b.module)
    with pytest.raises(NirError, match="one name stands for different weights"):
        weights_of(b.module)


def test_the_name_that_safetensors_keeps_for_itself(tmp_path: Path) -> None:
    b = Builder("main")
    b.returns(b.const(W, name="__metadata__"))
    save(b.module, tmp_path / "m.nir")
    assert same(load(tmp_path / "m.nir"), b.module, names=True)


@pytest.mark.parametrize("failing", ["m.safetensors", "m.nir"])
def test_no_partial_file_remains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    save(model(), tmp_path / "m.nir")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    replace = os.replace

    def fail(source: Path, target: Path) -> None:
        if target.name == failing:
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(files.os, "replace", fail)
    changed = model()
    changed["main"].results.pop()
    with pytest.raises(NirError, match="No space left"):
        save(changed, tmp_path / "m.nir")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("name", ["missing/m.nir", "m.safetensors", "", "a\0b.nir"])
def test_places_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NirError, match="cannot be written"):
        save(model(), name)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["missing.nir", ".", "a\0b"])
def test_files_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParseError, match="cannot be read"):
        load(name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "pipe.nir"
    os.mkfifo(path)
    with pytest.raises(NirError, match="cannot be written"):
        save(model(), path)
    assert path.is_fifo()
    assert [file.name for file in tmp_path.iterdir()] == ["pipe.nir"]


def test_a_file_needs_its_version(tmp_path: Path) -> None:
    (tmp_path / "m.nir").write_text("// nothing\nfunc @f() -> () { return }")
    with pytest.raises(ParseError, match="the version is missing"):
        load(tmp_path / "m.nir")


def test_loading_maps_memory(tmp_path: Path) -> None:
    """A file of 100 MB costs next to nothing until its tensors are looked at."""
    save_file({"big": np.zeros(25_000_000, np.float32)}, tmp_path / "w.safetensors")
    (tmp_path / "m.nir").write_text(TEXT.replace("@a.b", "@big").replace("8x8", "25000000"))
    script = (
        "import resource, sys\nfrom nir.text import load, parse\n"
        "parse('func @f() -> () { return }')\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "module = load(sys.argv[1])\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
        "assert module['f'].operations[0].value.array.sum() == 0\n"
    )
    run = subprocess.run([sys.executable, "-c", script, tmp_path / "m.nir"], capture_output=True, text=True, check=True)
    assert int(run.stdout) < 20_000  # KiB


def test_weights_are_read_only(tmp_path: Path) -> None:
    save_file({"a.b": W}, tmp_path / "w.safetensors")
    array = parse(TEXT, directory=tmp_path)["f"].operations[0].attributes["value"].array
    with pytest.raises(ValueError, match="read-only"):
        array[0, 0] = 1


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({}, ["m.nir:5:14: error: there is no weight @a.b"]),
        ({"a.bc": W}, ["there is no weight @a.b", "did you mean 'a.bc'?"]),
        ({"a.b": W.astype(np.float16)}, ["is not of the declared type", "tensor<8x8xf32>", "found: tensor<8x8xf16>"]),
        ({"a.b": W.reshape(4, 16)}, ["is not of the declared type", "found: tensor<4x16xf32>"]),
        ({"a.b": W.astype(np.int64)}, ["is not of the declared type", "found: an array of int64 of shape [8, 8]"]),
    ],
)
def test_weights_that_do_not_fit(tmp_path: Path, arrays: dict[str, np.ndarray], words: list[str]) -> None:
    for options in ({"weights": arrays}, {"directory": tmp_path}):
        save_file(arrays, tmp_path / "w.safetensors")
        message = error_of(TEXT, name="m.nir", **options)
        assert all(word in message for word in words), message
        assert "  |              ^^^^" in message


@pytest.mark.parametrize(
    "array", [np.ones((1, 2), np.float32), np.ones(2, np.float16), np.ones(0, np.float32), np.float32(1)]
)
def test_scales_that_are_none(array: np.ndarray) -> None:
    text = "func @f(%x: tensor<2xi8, axis=0, scales=@s>) -> () { return }"
    assert "the weight @s does not hold scales" in error_of(text, weights={"s": np.asarray(array)})


def test_named_scales_keep_their_name() -> None:
    text = "func @f(%x: tensor<2xi8, axis=0, scales=@s, zero_points=[1, 2]>) -> () { return }"
    type = parse(text, weights={"s": np.array([0.5, 0.1], np.float32)})["f"].parameters[0].type
    assert type == tensor(2, "i8").with_quantisation(Quantisation.per_channel([0.5, 0.1], 0, [1, 2]))
    assert type.quantisation is not None
    assert type.quantisation.scales_name == "s"
    assert "scales=@s, zero_points=[1, 2]" in format_text(text)


def header(tensors: object, data: bytes = b"\0" * 256) -> bytes:
    content = tensors if isinstance(tensors, bytes) else json.dumps(tensors).encode()
    return len(content).to_bytes(8, "little") + content + data


LYING = {
    "empty": b"",
    "cut in the length": b"\1\0",
    "a length beyond the end": (1 << 40).to_bytes(8, "little") + b"{}",
    "no JSON": header(b"{nonsense"),
    "a list": header([1, 2]),
    "data beyond the end": header({"a.b": {"dtype": "F32", "shape": [8, 8], "data_offsets": [0, 256]}}, b""),
    "too little data": header({"a.b": {"dtype": "F32", "shape": [8, 8], "data_offsets": [0, 128]}}, b"\0" * 128),
    "offsets backwards": header({"a.b": {"dtype": "F32", "shape": [8, 8], "data_offsets": [256, 0]}}),
    "a negative size": header({"a.b": {"dtype": "F32", "shape": [-8, -8], "data_offsets": [0, 256]}}),
    "an absurd size": header({"a.b": {"dtype": "F32", "shape": [2**62, 2**62], "data_offsets": [0, 256]}}),
    "an unknown dtype": header({"a.b": {"dtype": "F31", "shape": [8, 8], "data_offsets": [0, 256]}}),
    "a dtype of no use": header({"a.b": {"dtype": "BF16", "shape": [8, 16], "data_offsets": [0, 256]}}),
    "absurd but empty": header({"a.b": {"dtype": "F32", "shape": [0, 2**62, 2**62], "data_offsets": [0, 0]}}, b""),
    "too many dimensions": header({"a.b": {"dtype": "F32", "shape": [1] * 99 + [64], "data_offsets": [0, 256]}}),
}


@pytest.mark.parametrize("content", LYING.values(), ids=LYING)
def test_files_that_lie(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w.safetensors").write_bytes(content)
    assert ":2:9: error:" in (message := error_of(TEXT, directory=tmp_path)) or ":5:14: error:" in message


@given(st.integers(0, 400), st.integers(0, 2000))
def test_any_damage_is_an_error_or_harmless(tmp_path_factory: pytest.TempPathFactory, place: int, cut: int) -> None:
    folder = tmp_path_factory.getbasetemp() / "damaged"
    folder.mkdir(exist_ok=True)
    path = folder / "w.safetensors"
    save_file({"a.b": W}, path)
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= 1 << (cut % 8)
    path.write_bytes(content[: max(0, len(content) - cut // 4)] if cut % 3 == 0 else content)
    try:
        parse(TEXT, directory=folder)
    except ParseError as error:
        assert "error:" in str(error)


@pytest.mark.parametrize("name", ["/etc/passwd", "../w.safetensors", "a/../../w", "", "."])
def test_names_that_lead_elsewhere(tmp_path: Path, name: str) -> None:
    (tmp_path / "below").mkdir()
    save_file({"a.b": W}, tmp_path / "w.safetensors")
    message = error_of(TEXT.replace("w.safetensors", name), directory=tmp_path / "below")
    assert "2:9: error: a weights file lies beside the text, or below" in message


def test_a_folder_below_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    save_file({"a.b": W}, tmp_path / "below" / "w.safetensors")
    module = parse(TEXT.replace("w.safetensors", "below/w.safetensors"), directory=tmp_path)
    assert np.array_equal(module["f"].operations[0].attributes["value"].array, W)


def test_a_folder_is_no_weights_file(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").mkdir()
    assert "the weights file cannot be read" in error_of(TEXT, directory=tmp_path)
