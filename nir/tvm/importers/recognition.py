"""What a model file is, by its content; the name's ending decides only where the content does not. Needs no TVM."""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from typing import Any

from nir.errors import ParseError
from nir.files import read_bytes

ONNX = "ONNX"
TFLITE = "TFLite"
TORCH = "PyTorch"
SCRIPT = "TVMScript"
RELAX_JSON = "Relax JSON"
RELAY = "Relay"
RELAX = "Relax"
"""A module in memory; the others are files too."""

FORMATS = {
    ONNX: ".onnx",
    TFLITE: ".tflite",
    TORCH: ".pt2",
    SCRIPT: ".py",
    RELAX_JSON: ".json",
    RELAY: ".relay",
}
"""The formats, each with its usual ending."""

_EXPECTED = "ONNX, TFLite, a PyTorch program (.pt2), TVMScript (.py), Relax JSON, or Relay"

_REFUSED: tuple[tuple[bytes, str, str], ...] = (
    (b"\x89HDF\r\n\x1a\n", "a Keras or HDF5 file", "tf.lite.TFLiteConverter writes a .tflite file of it"),
    (b"\x80\x02", "a pickle, which could run anything", "torch.export.save writes a .pt2 file, which is read"),
    (b"\x80\x03", "a pickle, which could run anything", "torch.export.save writes a .pt2 file, which is read"),
    (b"\x80\x04", "a pickle, which could run anything", "torch.export.save writes a .pt2 file, which is read"),
    (b"nir ", "NIR already", "nir check, nir run and nir fmt read it"),
)
"""Beginnings of files that are no models that can be read: what they are, and what to do."""

_SCRIPT_MARK = re.compile(r"^\s*@(?:[A-Za-z_]\w*\.)*(?:ir_module|function)\b|^\s*from tvm\.script import", re.MULTILINE)
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")
_LOOKED_AT = 1 << 20
"""Characters of a text in which the mark of a format is looked for."""


def recognise(content: bytes, name: str) -> str:
    """The format of `content`, one of FORMATS. `name` is the file's name. Raises ParseError for anything else."""
    for beginning, what, hint in _REFUSED:
        if content.startswith(beginning):
            raise ParseError(f"{name}: this is {what}, not a model to import", expected=_EXPECTED, hint=hint)
    if content[4:8] == b"TFL3":
        return TFLITE
    if zipfile.is_zipfile(io.BytesIO(content)):
        return _zip_format(content, name)
    if content[:2] == b"\x1f\x8b" or content[257:262] == b"ustar":
        return RELAY
    ending = os.path.splitext(name)[1].lower()
    text = _text(content)
    if text is not None and ending != ".onnx":
        return _text_format(text, ending)
    if ending == ".onnx" or _is_onnx(content):
        return ONNX
    raise ParseError(f"{name}: this is no model that can be read", expected=_EXPECTED, found=_appearance(content))


def read_source(source: str | os.PathLike[str]) -> bytes:
    """The bytes of a model file. Raises ParseError where it cannot be read."""
    path = os.fspath(source)
    if os.path.isdir(path):
        saved_model = os.path.exists(os.path.join(path, "saved_model.pb"))
        raise ParseError(
            f"{path} is a folder, not a file",
            expected=_EXPECTED,
            hint="tf.lite.TFLiteConverter.from_saved_model writes a .tflite file of it" if saved_model else None,
        )
    return read_bytes(path)


def _zip_format(content: bytes, name: str) -> str:
    """What a zip archive holds: PyTorch's exported programs, which are read, and its pickles, which are not."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, UnicodeDecodeError) as error:
        raise ParseError(f"{name}: a damaged zip archive", found=str(error)[:200]) from None
    ends = {member.rpartition("/")[2] for member in members}
    if "archive_format" in ends or "serialized_exported_program.json" in ends or _has_program(members):
        return TORCH
    if "data.pkl" in ends:
        raise ParseError(
            f"{name}: weights or a TorchScript program in a pickle, not an exported program",
            expected=_EXPECTED,
            hint="torch.export.save(torch.export.export(module, inputs), 'model.pt2') writes one",
        )
    raise ParseError(f"{name}: a zip archive that holds no model", expected=_EXPECTED, found=", ".join(members[:3]))


def _has_program(members: list[str]) -> bool:
    return any(re.search(r"(^|/)models/[^/]+\.json$", member) for member in members)


def _text(content: bytes) -> str | None:
    """`content` as text, or None where it has bytes that no text has."""
    if not content or _CONTROL.search(content, 0, _LOOKED_AT):
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def _text_format(text: str, ending: str) -> str:
    beginning = text[:_LOOKED_AT].lstrip()
    if beginning.startswith("{") and beginning[1:].lstrip()[:1] in ('"', "}"):
        return RELAX_JSON if is_relax_json(text) else RELAY
    if _SCRIPT_MARK.search(text[:_LOOKED_AT]) or ending == ".py":
        return SCRIPT
    return RELAY


def is_relax_json(text: str) -> bool:
    """Whether a JSON text is a graph as today's TVM saves it. Relay's had `root` where this has `root_index`."""
    if '"root_index"' not in text:
        return False
    beginning = text.lstrip()[:200]
    return '"root_index"' in beginning or _has_key(text, "root_index")


def _has_key(text: str, key: str) -> bool:
    try:
        content: Any = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(content, dict) and key in content


def _is_onnx(content: bytes) -> bool:
    """Whether this looks like a ModelProto: field 1, the version of the format, comes first, then fields 2 to 8."""
    return len(content) > 3 and content[0] == 0x08 and content[1] < 0x40 and content[2] in _MODEL_FIELDS


_MODEL_FIELDS = frozenset((0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42))
"""First bytes of ModelProto's fields after `ir_version`."""


def _appearance(content: bytes) -> str:
    return f"{len(content)} bytes that begin with {content[:8]!r}" if content else "an empty file"
