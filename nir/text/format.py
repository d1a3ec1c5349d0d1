"""Formatting: the canonical form of a text, with its comments. `nir fmt` is this function."""

from __future__ import annotations

from nir.text.parser import as_source, parse_source
from nir.text.printer import print_module


def format_text(text: str | bytes, name: str = "<string>") -> str:
    """`text` in canonical form; formatting that again changes nothing.

    Comments are kept, and blank lines between statements, several as one. Weights are not looked up. Raises
    `ParseError`.
    """
    return print_module(parse_source(as_source(text, name), placeholders=True))
