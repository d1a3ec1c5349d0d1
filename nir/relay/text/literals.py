"""Numbers and attribute values as Relay writes them."""

from __future__ import annotations

import functools
import re
from typing import Any

import numpy as np

from nir.relay.expr import Attributes, Constant
from nir.relay.metadata import MetadataTable
from nir.relay.text.scanner import Scanner

NUMBER = re.compile(
    r"(?P<signs>-*)(?:(?P<special>inf|nan)(?=f)|(?P<digits>\d+)(?P<rest>\.\d*)?(?P<exponent>[eE][+-]?\d+)?)"
    r"(?P<suffix>f(?:16|32|64)?|[iu](?:8|16|32|64))?(?![\w.])"
)
ATTRIBUTE_NAME = re.compile(r"([A-Za-z_][\w.]*)\s*=(?!=)")
META = re.compile(r"meta\s*\[\s*([\w.]+)\s*\]\s*\[\s*(\d{1,9})\s*\]")
ATTRIBUTES_KEY = "relay.attrs."
"""What the key of a metadata reference begins with that stands for all attributes of a call."""

# What the printer writes for nearly all attributes, with what stands behind it.
_PLAIN_ATTRIBUTE = re.compile(
    r'([A-Za-z_]\w*)=(?:(\[-?\d{1,9}(?:, -?\d{1,9})*\])|"([^"\\]*)"|(-?\d{1,9}|True|False|None)(?=[,)]))(?:, ?)?'
)
_WORDS = {"True": True, "False": False, "None": None, "nullptr": None}
_WORD = re.compile(r"[A-Za-z_]\w*")
_MAX_DEPTH = 32
_MAX_DIGITS = 400
_FLOATS = {"f": "float32", "f16": "float16", "f32": "float32", "f64": "float64"}


def number(scanner: Scanner, match: re.Match[str]) -> tuple[int | float, str]:
    """The value and the TVM element type of a number; integers without suffix are int32 where they fit."""
    negative = len(match["signs"]) % 2 == 1
    suffix = match["suffix"] or ""
    if match.end() - match.start() > _MAX_DIGITS:
        raise scanner.error(f"numbers have at most {_MAX_DIGITS} characters", match.start(), match.start() + 20)
    if match["special"] or match["rest"] or match["exponent"] or suffix.startswith("f"):
        dtype = _FLOATS.get(suffix or "f")
        if dtype is None:
            raise scanner.error("an integer's suffix on a number that is no integer", match.start(), match.end())
        body = match["special"] or match["digits"] + (match["rest"] or "") + (match["exponent"] or "")
        return (-float(body) if negative else float(body)), dtype
    value = -int(match["digits"]) if negative else int(match["digits"])
    if suffix:
        dtype = ("uint" if suffix[0] == "u" else "int") + suffix[1:]
    else:
        dtype = "int32" if -(2**31) <= value < 2**31 else "int64"
    limits = np.iinfo(dtype)
    if not limits.min <= value <= limits.max:
        raise scanner.error(
            f"the number does not fit into {dtype}",
            match.start(),
            match.end(),
            expected=f"{limits.min} to {limits.max}",
        )
    return value, dtype


def constant(scanner: Scanner, match: re.Match[str]) -> Constant:
    """The scalar constant that a number stands for."""
    value, dtype = number(scanner, match)
    with np.errstate(over="ignore"):  # 1e400f is infinity, as in C++
        data = np.array(value, dtype=dtype)
    return Constant(data, dtype, span=scanner.span(match.start(), match.end()))


def attributes(scanner: Scanner, metadata: MetadataTable | None) -> tuple[Attributes, dict[str, int]]:
    """`name=value, ...` from the present position on, and where each name stands."""
    values: Attributes = {}
    places: dict[str, int] = {}
    while True:
        plain = scanner.match(_PLAIN_ATTRIBUTE)
        match = plain or scanner.match(ATTRIBUTE_NAME)
        if match is None:
            raise scanner.error_here("no attribute here", expected="name=value")
        name = match[1]
        if name in values:
            raise scanner.error(f"the attribute '{name}' stands twice", match.start(1), match.end(1))
        places[name] = match.start(1)
        if plain is not None:
            values[name] = _plain_value(plain)
            if plain[0].rstrip().endswith(","):
                continue
        else:
            values[name] = attribute_value(scanner, metadata)
        if not scanner.accept(","):
            return values, places


def _plain_value(match: re.Match[str]) -> Any:
    """The value of an attribute that was read in one piece."""
    _, integers, text, word = match.groups()
    if integers is not None:
        return _integer_list(integers)
    if text is not None:
        return text
    return _WORDS[word] if word in _WORDS else int(word)


@functools.lru_cache(maxsize=4096)
def _integer_list(text: str) -> tuple[int, ...]:
    return tuple(int(item) for item in text[1:-1].split(", "))


def attribute_value(scanner: Scanner, metadata: MetadataTable | None, depth: int = 0) -> Any:
    """The value that comes next: number, truth value, None, string, list, or something from the metadata."""
    start = scanner.skip()
    if depth > _MAX_DEPTH:
        raise scanner.error(f"attribute values are nested more than {_MAX_DEPTH} deep", start)
    character = scanner.peek()
    if character == '"':
        return scanner.string()
    if character in ("[", "("):
        scanner.accept(character)
        return _items(scanner, metadata, "]" if character == "[" else ")", depth + 1)
    match = scanner.match(NUMBER)
    if match is not None:
        return number(scanner, match)[0]
    match = scanner.match(META)
    if match is not None:
        if metadata is None:
            return f"meta[{match[1]}][{match[2]}]"  # what the text does not bring stays as it is written
        return metadata.value(match[1], int(match[2]), scanner.span(start))
    word = _WORD.match(scanner.text, start)
    if word is not None and word[0] in _WORDS:
        scanner.position = word.end()
        return _WORDS[word[0]]
    raise scanner.error_here(
        "no attribute value here", expected='a number, True, False, None, "text", or a list of these'
    )


def _items(scanner: Scanner, metadata: MetadataTable | None, closing: str, depth: int) -> tuple[Any, ...]:
    items: list[Any] = []
    while not scanner.accept(closing):
        items.append(attribute_value(scanner, metadata, depth))
        if scanner.peek() != closing:
            scanner.expect(",")
    return tuple(items)
