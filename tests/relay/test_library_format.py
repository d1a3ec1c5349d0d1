"""Model Library Format archives and compressed files: what is read, what is said to be missing, what is refused."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data import data_folder

from nir.errors import NirError, ParseError
from nir.relay import ExternalConstant, archive, load, post_order, structural_equal, write_params

RELAY = (data_folder() or Path("absent")) / "relay"
ARCHIVES = sorted(RELAY.glob("mlf/*/*.tar"))
TEXT = """def @main(%x: Tensor[(2, 3), float32], %w: Tensor[(4, 3), float32]) {
  %0 = nn.dense(%x, %w, units=4);
  nn.bias_add(%0, meta[relay.Constant][0])
}
"""


def tar(members: dict[str, bytes], change: Any = None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive_file:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            if change is not None:
                change(info)
            archive_file.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def library(version: int = 7, text: str = TEXT, **members: bytes) -> bytes:
    facts: dict[str, Any] = {"model_name": "m", "executors": ["graph"], "target": ["c"], "style": "full-model"}
    content = {"version": version, **(facts if version < 7 else {"modules": {"m": facts}})}
    found = {"./metadata.json": json.dumps(content).encode()}
    found["./src/relay.txt" if version < 7 else "./src/m.relay"] = text.encode()
    return tar({**found, **members})


@pytest.mark.skipif(not ARCHIVES, reason="no recorded data: set NIR_DATA to its folder")
@pytest.mark.parametrize("path", ARCHIVES, ids=lambda path: f"{path.parent.name}-{path.stem}")
@pytest.mark.filterwarnings("ignore::nir.errors.NirWarning")
def test_archives_of_tvm(path: Path) -> None:
    module = load(path)
    whole = load(path.parent / ("model_bound.json" if "bound" in path.name else "model.json"))
    assert str(module.main.checked_type) == str(whole.main.checked_type)
    assert module.provenance is not None
    assert module.provenance.format == "Model Library Format 7"
    assert (module.provenance.tvm_version == "0.15.0") == ("aot" in path.name)
    external = {expr.index for expr in post_order(module.main) if isinstance(expr, ExternalConstant)}
    assert any(f"{len(external)} constants are only referred to" in note for note in module.provenance.notes) == bool(
        external
    )
    expected = [str(expr.checked_type) for expr in post_order(whole.main) if expr.checked_type is not None]
    found = [str(expr.checked_type) for expr in post_order(module.main) if expr.checked_type is not None]
    assert found == expected


def test_parameters_of_an_archive_are_bound_where_they_fit() -> None:
    weight = np.ones((4, 3), np.float32)
    params = write_params({"w": weight, "p0": weight, "x": np.zeros(2, np.float32)})
    module = load(library(**{"parameters/m.params": params}))
    assert [parameter.name_hint for parameter in module.main.params] == ["x"]
    assert module.provenance is not None
    notes = " ".join(module.provenance.notes)
    assert "2 of 3 tensors" in notes
    assert "(p0, x)" in notes
    assert "1 constant is only referred to" in notes


def test_a_constant_that_nothing_determines_is_said_to_have_no_type() -> None:
    module = load(library(text="def @main(%x: Tensor[(2), float32]) { add(%x, meta[relay.Constant][0]) }"))
    assert module.main.body.checked_type is None
    assert module.provenance is not None
    assert "not all types could be inferred" in module.provenance.notes[-1]


def test_format_5_is_of_tvm_0_8() -> None:
    module = load(library(5))
    assert module.provenance is not None
    assert (module.provenance.format, module.provenance.read_as) == ("Model Library Format 5", "0.8")


def test_one_of_several_modules_is_chosen() -> None:
    facts = {"version": 7, "modules": {"a": {}, "b": {}}}
    data = tar({"metadata.json": json.dumps(facts).encode(), "src/b.relay": b"def @main() { 1 }"})
    with pytest.raises(ParseError, match="several modules"):
        load(data)
    with pytest.raises(ParseError, match="no module 'c'"):
        load(data, module_name="c")
    with pytest.raises(ParseError, match="no Relay text"):
        load(data, module_name="a")
    assert load(data, module_name="b").main.checked_type is not None


@pytest.mark.parametrize("content", ['#[version = "0.0.5"]\ndef @main(%x: int8) { %x }\n'])
def test_compressed_files_are_read(content: str, tmp_path: Path) -> None:
    path = tmp_path / "model.relay.gz"
    path.write_bytes(gzip.compress(content.encode()))
    assert structural_equal(load(path), load(content))
    assert structural_equal(load(gzip.compress(library())), load(library()))
    path.write_bytes(gzip.compress(b"def @main(%x: int8)") + gzip.compress(b" { %x }"))
    assert structural_equal(load(path), load(content))


def link(info: tarfile.TarInfo) -> None:
    info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (tar({"../metadata.json": b"{}"}), "reaches out"),
        (tar({"/metadata.json": b"{}"}), "reaches out"),
        (tar({"a/../../b": b"{}"}), "reaches out"),
        (tar({"metadata.json": b"{}"}, link), "no plain file"),
        (tar({"metadata.json": b"{}"}, lambda info: setattr(info, "type", tarfile.CHRTYPE)), "no plain file"),
        (tar({"metadata.json": b"{}"}, lambda info: setattr(info, "name", "n" * 5000)), "too long"),
        (tar({"a": b"", "./a": b""}), "two members"),
        (tar({"other": b""}), "not in the Model Library Format"),
        (tar({"metadata.json": b"[]"}), "no JSON object"),
        (tar({"metadata.json": b"{]"}), "broken"),
        (tar({"metadata.json": b"\xff"}), "not UTF-8"),
        (tar({"metadata.json": b'{"version": "7"}'}), "no version"),
        (tar({"metadata.json": b'{"version": 7, "modules": {"m": 3}}'}), "nothing is said"),
        (tar({"metadata.json": b'{"version": 7, "modules": {}}'}), "several modules"),
        (library()[:1000], "damaged|cut off|not in"),
        (gzip.compress(b"x" * 1000, mtime=0)[:-12], "cut off|damaged"),
        (gzip.compress(b"x" * 1000, mtime=0)[:20] + b"\x00" * 20, "damaged|cut off"),
        (write_params({}), "holds no module"),
    ],
)
def test_what_is_wrong_or_wicked_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(ParseError, match=message):
        load(data)


def test_a_bomb_is_refused_before_it_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "LEAST_LIMIT", 2**20)
    bomb = gzip.compress(b"\0" * 2**24)
    assert len(bomb) < 2**15
    with pytest.raises(ParseError, match="expands too far"):
        load(bomb)


def test_damage_anywhere_ends_in_an_error_or_a_module() -> None:
    data = library()
    for position in range(0, len(data), 37):
        damaged = data[:position] + bytes([data[position] ^ 0x55]) + data[position + 1 :]
        try:
            load(damaged)
        except NirError:
            continue
