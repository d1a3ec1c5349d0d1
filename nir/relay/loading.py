"""Reading Relay from wherever it is: a path, a text, JSON; with parameters from a file or from Python."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nir.errors import ParseError
from nir.garbage import collector_paused
from nir.relay.infer import infer_types
from nir.relay.json_module import module_from_json
from nir.relay.metadata import read_json
from nir.relay.module import Module
from nir.relay.params import load_params
from nir.relay.text import parse
from nir.source import Source

_TEXT_BEGINNINGS = ("#[", "def ", "def@", "fn ", "fn(", "let ", "{", "free_var ", "//", "/*", "v0.0.")


def load(source: str | os.PathLike[str], params: Mapping[str, Any] | str | os.PathLike[str] | None = None) -> Module:
    """The Relay module in `source`, with all types inferred and all attributes of operators filled in.

    `source` is the path of a file, or Relay text, or JSON as `tvm.ir.save_json` of TVM 0.9 to 0.19 writes it; which
    of them is found out. `params`, a mapping from names to arrays or the path of a parameter file, are bound to
    `main`'s parameters (see `Module.bind`). Scales in text have six digits; JSON has them exactly.

    Raises ParseError when the file cannot be read or is not Relay, ConvertError when types do not fit.
    """
    text, name = _read(source)
    with collector_paused():
        if _is_json(text):
            module = module_from_json(read_json(text, name), name)
        else:
            module = parse(Source(name, text))
        if params is not None:
            values = params if isinstance(params, Mapping) else load_params(params)
            module = module.bind(values)
        infer_types(module)
    return module


def _read(source: str | os.PathLike[str]) -> tuple[str, str]:
    """The text, and what to call it in errors."""
    if isinstance(source, str) and ("\n" in source or source.lstrip().startswith(_TEXT_BEGINNINGS)):
        return source, "<relay>"
    path = os.fspath(source)
    try:
        content = Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise ParseError(f"{path[:200]} cannot be read", found=reason) from None
    try:
        return content.decode("utf-8-sig"), path
    except UnicodeDecodeError as error:
        raise ParseError(
            f"{path}: byte {error.start} is not UTF-8, so this is neither Relay text nor JSON",
            hint="a parameter file goes into 'params'" if path.endswith(".params") else None,
        ) from None


def _is_json(text: str) -> bool:
    """Whether a JSON object begins here; a block of Relay begins with a brace too, but no string follows."""
    beginning = text[:1000].lstrip()
    return beginning.startswith("{") and beginning[1:].lstrip()[:1] in ('"', "}")
