"""Programs: the bytes that a compiled module hands to the runtime."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from region_models import convolution_program

import nir
from nir.errors import NirError, RunError
from nir.ir import same
from nir.ops.builder import Builder
from nir.tvm.runtime_program import PROGRAM_VERSION, decode, encode


def with_metadata(**entries: str) -> bytes:
    names = {key.replace("_", "."): value for key, value in entries.items()}
    header = json.dumps({"__metadata__": names}).encode()
    return len(header).to_bytes(8, "little") + header


@pytest.mark.parametrize("embed", [False, True])
def test_a_module_is_read_back(embed: bool) -> None:
    module = convolution_program("nir_0")
    program = encode(module, "tvm", function="nir_0", embed=embed)
    header = decode(program.encoded)
    assert (header.profile, header.function) == ("tvm", "nir_0")
    assert len(program.weights) == (0 if embed else 1)  # the bias stands in the text
    assert same(header.module(program.weights), module)


def test_weights_are_not_copied() -> None:
    """What a program refers to is the arrays themselves, which the constants of the Relax module are made from."""
    module = convolution_program()
    constants = [op.attributes["value"].array for op in module.functions["nir_0"] if op.name == "const"]
    weights = encode(module, function="nir_0").weights
    assert [any(np.shares_memory(w, c) for c in constants) for w in weights] == [True]


def test_programs_with_other_weights_are_other_bytes() -> None:
    """The runtime keeps prepared programs by their bytes alone, though most weights are not among these."""

    def program(value: float) -> bytes:
        b = Builder("f")
        x = b.parameter("x", nir.tensor((64,)))
        b.returns(b.add(x, b.const(np.arange(64, dtype=np.float32) * np.float32(value), name="w")))
        return encode(b.module, function="f").encoded

    assert program(1.0) == program(1.0) != program(2.0)


def test_names_of_any_kind_survive() -> None:
    b = Builder('odd "name" \n')
    x = b.parameter("x/y:0 é", nir.tensor((2, 40)))
    b.returns(b.add(x, b.const(np.ones((2, 40), np.float32) * 2, name='model/w"0')))
    program = encode(b.module, function='odd "name" \n')
    assert same(decode(program.encoded).module(program.weights), b.module)


@pytest.mark.parametrize(
    ("encoded", "message"),
    [
        (b"", "no NIR program"),
        (b"abc", "no NIR program"),
        (b"\xff" * 8, "no NIR program"),
        ((2).to_bytes(8, "little") + b"[]", "no NIR program"),
        ((2).to_bytes(8, "little") + b"{}", "no NIR program"),
        ((100_000).to_bytes(8, "little") + b"[" * 100_000, "no NIR program"),
        (with_metadata(nir_program="2"), "another version"),
        (with_metadata(), "another version"),
        (with_metadata(nir_program="1", nir_text="nir 1.0"), "no entry"),
    ],
)
def test_other_bytes_are_refused(encoded: bytes, message: str) -> None:
    with pytest.raises(RunError, match=message):
        decode(encoded)


@given(st.data())
def test_damaged_programs_are_refused_or_read(data: st.DataObject) -> None:
    """One byte changed, or the end cut off: an error that a user understands, or another module, never a traceback."""
    program = encode(convolution_program(), function="nir_0", embed=data.draw(st.booleans()))
    damaged = bytearray(program.encoded)
    if data.draw(st.booleans()):
        damaged = damaged[: data.draw(st.integers(0, len(damaged)))]
    else:
        damaged[data.draw(st.integers(0, min(len(damaged) - 1, 1500)))] ^= data.draw(st.integers(1, 255))
    try:
        decode(bytes(damaged)).module(program.weights)
    except NirError as error:
        assert str(error).startswith(("error:", "<"))


def test_a_missing_function_and_an_unknown_profile_are_errors() -> None:
    module = convolution_program()
    with pytest.raises(RunError, match="no function @main"):
        encode(module)
    with pytest.raises(RunError, match="profile"):
        encode(module, "tvn", function="nir_0")
    program = encode(module, function="nir_0")
    with pytest.raises(RunError, match="another number of weights"):
        decode(program.encoded).module(program.weights[:0])


def test_the_format_is_safetensors(tmp_path: object) -> None:
    """Programs are files that any safetensors reader opens; the metadata has the documented entries."""
    from safetensors import safe_open  # noqa: PLC0415

    path = f"{tmp_path}/program.safetensors"
    with open(path, "wb") as file:
        file.write(encode(convolution_program(), function="nir_0", embed=True).encoded)
    with safe_open(path, "numpy") as opened:
        metadata, names = opened.metadata(), set(opened.keys())
    assert metadata["nir.program"] == PROGRAM_VERSION
    assert nir.parse(metadata["nir.text"], weights={n: decode_embedded(path)[n] for n in names}).functions.keys() == {
        "nir_0"
    }


def decode_embedded(path: str) -> dict[str, np.ndarray]:
    with open(path, "rb") as file:
        return dict(decode(file.read()).embedded)
