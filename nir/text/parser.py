"""From text to a module."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

import numpy as np
from lark import Token, Tree
from lark.exceptions import UnexpectedInput

from nir.errors import ParseError, require_type
from nir.garbage import collector_paused
from nir.ir import LANGUAGE_VERSION, Module
from nir.source import Source, Span
from nir.text.building import ModuleBuilder
from nir.text.lexical import language, terminal, unquote
from nir.text.mistakes import explain
from nir.text.reader import Reader
from nir.text.weights import open_weights

_START = re.compile(rf"(?:{terminal('SPACE')}|{terminal('COMMENT')})*")
_VERSION = re.compile(r"nir[ \t\r\n]+([0-9]+)\.([0-9]+)(?![A-Za-z0-9_.$-])")
_SURROGATE = re.compile("[\ud800-\udfff]")
"""Half of a character: Python's strings may have one, UTF-8 cannot."""


def parse(
    text: str | bytes,
    name: str = "<string>",
    weights: Mapping[str, np.ndarray] | None = None,
    directory: str | os.PathLike[str] | None = None,
) -> Module:
    """Reads a module.

    `name` stands in error messages. Weights come from `weights` where it is given, else from the safetensors file
    that the text names, looked for in `directory` (by default the working directory). The version line may be
    missing, which suits snippets. Checked are syntax, names, attributes and weights; the rest is the verifier's.
    Raises `ParseError`.
    """
    require_type(text, (str, bytes), "the text of a module", "nir.load reads a file")
    return parse_source(as_source(text, name), weights, directory)


def parse_source(
    source: Source,
    weights: Mapping[str, np.ndarray] | None = None,
    directory: str | os.PathLike[str] | None = None,
    *,
    needs_version: bool = False,
    placeholders: bool = False,
    shortcuts: bool = True,
) -> Module:
    """`parse` for a source.

    A file `needs_version`; with `placeholders` no weights are looked up (see `Reader`); without `shortcuts` the
    grammar's slow and only form is used, which tests compare with the quick one.
    """
    _check_version(source, needs_version)
    lark = language(shortcuts=shortcuts)
    with collector_paused():
        try:
            tree = lark.parse(source.text, start="module")
        except UnexpectedInput as error:
            raise explain(source, lark, error) from None
        if weights is None and not placeholders:
            weights = _weights_named(source, tree, directory)
        module = ModuleBuilder(Reader(source, weights, placeholders=placeholders)).build(tree)
    module.source_name = source.name
    return module


def as_source(text: str | bytes, name: str) -> Source:
    """The text as a source. Raises `ParseError` where it is not UTF-8."""
    if isinstance(text, bytes):
        text = _decoded(text, name)
    half = None if text.isascii() else _SURROGATE.search(text)
    if half is not None:
        found = f"U+{ord(half[0]):04X}"
        raise ParseError("half of a surrogate pair is no character", Source(name, text).span(half.start()), found=found)
    return Source(name, text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}"))


def _decoded(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        readable = content[: error.start].decode("utf-8") + "\N{REPLACEMENT CHARACTER}"
        raise ParseError(
            "the text is not UTF-8",
            Source(name, readable).span(len(readable) - 1),
            expected="UTF-8",
            found=f"byte {content[error.start]:#04x} at offset {error.start}",
        ) from None


def _check_version(source: Source, needed: bool) -> None:
    """Raises `ParseError` where the version is missing but `needed`, or one that this reader does not know.

    It comes before all else, since the rest may be in a syntax of the future.
    """
    start = _START.match(source.text)
    position = start.end() if start else 0
    match = _VERSION.match(source.text, position)
    known = f"{LANGUAGE_VERSION[0]}.{LANGUAGE_VERSION[1]}"
    if match is None:
        if needed and not re.compile("nir[^A-Za-z0-9_]").match(source.text, position):
            raise ParseError(
                "the version is missing", source.span(position), expected=f"'nir {known}' as the first line"
            )
        return
    major, minor = (int(digits) if len(digits) < 10 else 10**9 for digits in match.groups())
    if major != LANGUAGE_VERSION[0] or minor > LANGUAGE_VERSION[1]:
        written = match[1] + "." + match[2]
        span = Span(source, match.start(1), match.end(2))
        knows = known if LANGUAGE_VERSION[1] == 0 else f"{LANGUAGE_VERSION[0]}.0 to {known}"
        raise ParseError("the text is in another version of the language", span, expected=knows, found=written[:40])


def _weights_named(
    source: Source, tree: Tree[Token], directory: str | os.PathLike[str] | None
) -> Mapping[str, np.ndarray] | None:
    """The weights file that the text names, opened; None where it names none."""
    for token in (part.children[1] for part in tree.children[:2] if isinstance(part, Tree) and part.data == "weights"):
        assert isinstance(token, Token)
        start = token.start_pos or 0
        return open_weights(
            directory or os.curdir, unquote(token, source, start), source.span(start, start + len(token))
        )
    return None
