"""Modules of a TVM that runs in this process and has Relay: they are serialised, and read like any file.

Nothing of TVM is imported: whoever has such a module has imported TVM.
"""

from __future__ import annotations

import sys
from typing import Any

from nir.errors import ParseError

_PLACES = ("ir", "node", "")
"""Where `save_json` has been: in tvm.ir since 0.7, in tvm itself in 0.6."""


def is_live_module(source: Any) -> bool:
    """Whether `source` looks like an object of TVM: a module, a function, or another expression."""
    package = type(source).__module__.partition(".")[0]
    return not isinstance(source, str | bytes) and (package == "tvm" or callable(getattr(source, "astext", None)))


def serialised(source: Any) -> str:
    """The object as JSON, whose numbers are exact, or else as text. Raises ParseError where neither can be had."""
    package = sys.modules.get(type(source).__module__.partition(".")[0])
    for place in _PLACES:
        holder = getattr(package, place, None) if place else package
        save_json = getattr(holder, "save_json", None)
        if callable(save_json) and hasattr(source, "astext"):
            try:
                found = save_json(source)
            except Exception as error:  # whatever TVM raises: the text may still be had
                if not callable(getattr(source, "astext", None)):
                    raise ParseError(f"TVM cannot serialise this module: {str(error)[:200]}") from error
                break
            if isinstance(found, str):
                return found
    return _as_text(source)


def _as_text(source: Any) -> str:
    astext = getattr(source, "astext", None)
    if not callable(astext):
        raise ParseError(
            "this object of TVM is no Relay module",
            expected="an object with 'astext', as Relay's modules and functions have it",
            found=f"{type(source).__module__}.{type(source).__qualname__}",
            hint="modules of Relax are converted by nir.tvm",
        )
    try:
        text = astext()
    except Exception as error:
        raise ParseError(f"TVM cannot print this module: {str(error)[:200]}") from error
    if not isinstance(text, str):
        raise ParseError("TVM's 'astext' gave no text", found=type(text).__name__)
    return text
