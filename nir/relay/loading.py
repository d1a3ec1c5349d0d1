"""Reading Relay from wherever it is: a file, a text, bytes, a module of a running TVM; with parameters for it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nir.errors import ConvertError, NirWarning, ParseError
from nir.files import read_bytes
from nir.garbage import collector_paused
from nir.relay.archive import GZIP_MAGIC, is_tar, unpacked
from nir.relay.infer import infer_types
from nir.relay.json_module import module_from_json
from nir.relay.library_format import Library, read_library
from nir.relay.live import is_live_module, serialised
from nir.relay.metadata import read_json
from nir.relay.missing import bind_matching, unresolved_constants
from nir.relay.module import Module
from nir.relay.params import MAGIC, load_params, read_params
from nir.relay.precision import rounded_scales_note
from nir.relay.provenance import Provenance
from nir.relay.text import parse
from nir.source import Source

_TEXT_BEGINNINGS = ("#[", "def ", "def@", "fn ", "fn(", "let ", "{", "free_var ", "//", "/*", "v0.0.")


def load(
    source: Any,
    params: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    *,
    tvm_version: str | None = None,
    module_name: str | None = None,
) -> Module:
    """The Relay module in `source`, with all types inferred and all attributes of operators filled in.

    `source` is the path of a file, or its content as text or bytes; what it is, is found out: Relay text of TVM 0.6 to
    0.19, JSON as `tvm.ir.save_json` writes it, a Model Library Format archive, or one of them compressed by gzip. A
    module of a running TVM that has Relay is serialised and read. `params`, a mapping from names to arrays or the path
    of a parameter file, are bound to `main`'s parameters (see `Module.bind`).

    `tvm_version` ("0.8") says whose defaults hold where the source does not say it. `module_name` chooses from an
    archive of several modules. Whatever the source, operators and attributes are those of TVM 0.15 afterwards.

    What is missing stands in the module's `provenance.notes`; scales that were read with six digits are told in a
    `NirWarning` too. An archive whose text leaves out constants may have no types where these would be needed.
    Raises ParseError when the source cannot be read or is not Relay, ConvertError when types do not fit.
    """
    content: str | bytes
    if is_live_module(source):
        content, name = serialised(source), "<module>"
    else:
        content, name = _read(source)
    with collector_paused():
        if isinstance(content, bytes) and is_tar(content):
            module = _from_library(read_library(content, name, module_name), tvm_version, params)
        else:
            module = _from_text(_decoded(content, name), name, tvm_version)
            if params is not None:
                module = module.bind(_values(params))
            infer_types(module)
    _tell_of_rounded_scales(module)
    return module


def _from_text(text: str, name: str, tvm_version: str | None) -> Module:
    if _is_json(text):
        return module_from_json(read_json(text, name), name, tvm_version)
    return parse(Source(name, text), tvm_version)


def _from_library(
    library: Library, tvm_version: str | None, params: Mapping[str, Any] | str | os.PathLike[str] | None
) -> Module:
    """The module of an archive, with what the archive has for it; what it has not, becomes notes."""
    stated = library.tvm_version
    written_by = stated or ("0.8" if library.version < 7 else None)
    module = parse(Source(library.relay_name, library.relay), tvm_version or written_by)
    notes = [*library.notes]
    if library.params is not None:
        module, said = bind_matching(module, read_params(library.params, f"{library.module_name}.params"))
        notes += said
    if params is not None:
        module = module.bind(_values(params))
    notes += unresolved_constants(module)
    try:
        infer_types(module)
    except ConvertError as error:
        if len(notes) == 1:
            raise
        notes.append(f"not all types could be inferred: {error.diagnostics[0].message}")
    form = f"Model Library Format {library.version}"
    evidence = "the archive names the version of its runtime" if stated else f"archives of format {library.version}"
    if tvm_version is not None:
        evidence = "the version that was asked for"
    read_as = module.provenance.read_as if module.provenance is not None else ""
    module.provenance = Provenance(form, stated, read_as, evidence, tuple(notes))
    return module


def _values(params: Mapping[str, Any] | str | os.PathLike[str]) -> Mapping[str, Any]:
    return params if isinstance(params, Mapping) else load_params(params)


def _tell_of_rounded_scales(module: Module) -> None:
    """Warns of scales that a text has with six digits only."""
    note = rounded_scales_note(module)
    if note is not None:
        warnings.warn(note, NirWarning, stacklevel=3)
        if module.provenance is not None:
            module.provenance = replace(module.provenance, notes=(*module.provenance.notes, note))


def _read(source: Any) -> tuple[str | bytes, str]:
    """The content, and what to call it in errors."""
    if isinstance(source, bytes | bytearray | memoryview):
        return _expanded(bytes(source), "<relay>"), "<relay>"
    if isinstance(source, str) and ("\n" in source or source.lstrip().startswith(_TEXT_BEGINNINGS)):
        return source, "<relay>"
    try:
        path = os.fspath(source)
    except TypeError:
        raise ParseError(
            "this is nothing that Relay is read from",
            expected="a path, a text, bytes, or a module of TVM",
            found=type(source).__name__,
        ) from None
    return _expanded(read_bytes(path), path), path


def _expanded(content: bytes, name: str) -> bytes:
    return unpacked(content, name) if content.startswith(GZIP_MAGIC) else content


def _decoded(content: str | bytes, name: str) -> str:
    if isinstance(content, str):
        return content
    if content.startswith(MAGIC):
        raise ParseError(
            f"{name}: a parameter file, which holds no module", hint="it goes into 'params', beside the module"
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ParseError(
            f"{name}: byte {error.start} is not UTF-8, so this is neither Relay text nor JSON",
            expected="Relay text, JSON, a Model Library Format archive, or one of them in gzip",
        ) from None


def _is_json(text: str) -> bool:
    """Whether a JSON object begins here; a block of Relay begins with a brace too, but no string follows."""
    beginning = text[:1000].lstrip()
    return beginning.startswith("{") and beginning[1:].lstrip()[:1] in ('"', "}")
