"""What the printer writes inside an expression: names, numbers, attribute values, and the metadata section.

The facts about what TVM's own reader takes are those of its tokenizer, versions 0.7 to 0.19: names consist of letters,
digits, `_` and `/`; floats need an `f`; strings have no escapes; all else goes into the metadata section.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import numpy as np

from nir.errors import ConvertError
from nir.relay.expr import Constant, ExternalConstant
from nir.relay.ndarray import write_ndarray
from nir.relay.text.names import plain_global_name, plain_local_name

CONSTANT_KEY = "relay.Constant"
KEYWORDS = frozenset(
    ("let", "fn", "def", "if", "else", "type", "match", "extern", "free_var", "ref", "ref_read", "ref_write")
)
"""Words that TVM's reader takes for the beginning of something else, even behind `%`."""

_NOT_ACCEPTED = re.compile(r"[^A-Za-z0-9_/]|/(?=/)")
_PLAIN_STRING = re.compile(r'[^"\\\x00-\x1f]*')
_SUFFIXES = {"float16": "f16", "float32": "f", "float64": "f64", "int16": "i16", "int32": "", "int64": "i64"}
_LIMIT_OF_F = float(np.finfo(np.float32).max)
_VERSION_WRITTEN = "0.15.0"
_SIX_DIGITS = 6


class Names:
    """Names that are unique among themselves, and (unless `exact`) acceptable to TVM's reader."""

    def __init__(self, exact: bool) -> None:
        self.exact = exact
        self._taken: set[str] = set()
        self._next: dict[str, int] = {}

    def take(self, wanted: str) -> str:
        """A name like `wanted` that was not taken before."""
        name = wanted if self.exact and wanted else acceptable(wanted)
        found = name
        while found in self._taken:
            self._next[name] = self._next.get(name, 0) + 1
            found = f"{name}{self._next[name]}"
        self._taken.add(found)
        return found

    def is_taken(self, name: str) -> bool:
        """Whether the name is in use."""
        return name in self._taken


def acceptable(name: str) -> str:
    """`name` as TVM's reader takes it: like TVM's own printer, with a `v` in front where no letter begins it."""
    name = _NOT_ACCEPTED.sub("_", name)
    if not name[:1].isalpha() or name in KEYWORDS or name.startswith("inff"):
        name = "v" + name
    return name


def local(name: str) -> str:
    """A local variable as it is written."""
    return "%" + (name if plain_local_name(name) else _quoted(name))


def quoted_local(written: str) -> str:
    """A local variable with quotes around its name, however it was written."""
    return written if written.startswith('%"') else f'%"{written[1:]}"'


def global_(name: str) -> str:
    """A mention of a function as it is written."""
    return "@" + (name if plain_global_name(name) else _quoted(name))


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    for character, escape in (("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        escaped = escaped.replace(character, escape)
    return f'"{escaped}"'


def real(value: float, suffix: str = "f") -> str:
    """A finite or infinite number, exact, in a form that is not taken for one that was cut to six digits."""
    if math.isinf(value):
        return "-inff" if value < 0 else "inff"
    text = repr(value)
    digits, mark, exponent = text.removesuffix(".0").partition("e")
    if looks_rounded(digits):
        digits = (digits if "." in digits else digits + ".") + "000"
    return digits + mark + exponent + suffix


def looks_rounded(digits: str) -> bool:
    """Whether a decimal number without exponent has exactly six significant digits, as C++ streams write."""
    return len(digits.lstrip("-").replace(".", "").lstrip("0")) == _SIX_DIGITS


class Metadata:
    """The metadata section: constants and values that have no literal, each object once."""

    def __init__(self, externals: Iterable[ExternalConstant]) -> None:
        self._lists: dict[str, list[Any]] = {}
        self._indices: dict[tuple[str, int], int] = {}
        self._kept: list[Any] = []
        self._reserved = {external.index for external in externals}

    def reference(self, key: str, value: Any) -> str:
        """`meta[key][index]` for `value`, which is put into the section."""
        identity = (key, id(value))
        if identity not in self._indices:
            entries = self._lists.setdefault(key, [])
            while key == CONSTANT_KEY and len(entries) in self._reserved:
                entries.append(None)  # the number of a constant whose value is elsewhere
            self._indices[identity] = len(entries)
            self._kept.append(value)  # so that no other object gets its identity
            entries.append(value)
        return f"meta[{key}][{self._indices[identity]}]"

    def constant(self, constant: Constant) -> str:
        """A constant: a literal where one says it exactly, else a reference."""
        return _literal(constant) or self.reference(CONSTANT_KEY, constant)

    def section(self) -> str:
        """The section as text, empty when nothing was put into it."""
        return "#[metadata]\n" + _JsonWriter().graph(self._lists) + "\n" if self._lists else ""

    def attributes(self, attributes: Mapping[str, Any], exact: bool) -> list[str]:
        """`name=value` for each attribute."""
        return [f"{name}={self._value(value, exact)}" for name, value in attributes.items()]

    def _value(self, value: Any, exact: bool) -> str:
        if value is None or isinstance(value, bool):
            return str(value)
        if isinstance(value, int):
            return str(value)
        if isinstance(value, float):
            if math.isnan(value):
                return self.reference("FloatImm", value)
            return real(value, "f64" if not math.isinf(value) and abs(value) > _LIMIT_OF_F else "f")
        if isinstance(value, str):
            if _PLAIN_STRING.fullmatch(value):
                return f'"{value}"'
            return _quoted(value) if exact else self.reference("runtime.String", value)
        if isinstance(value, tuple):
            return f"[{', '.join(self._value(item, exact) for item in value)}]"
        if isinstance(value, dict):
            return self.reference("Map", value)
        raise ConvertError(f"attributes cannot hold a {type(value).__name__}")


def _literal(constant: Constant) -> str | None:
    """The scalar constant as a literal that reads back to the same bits and element type, or None."""
    if constant.data.ndim or constant.dtype not in (*_SUFFIXES, "bool"):
        return None
    value = constant.data.item()
    if constant.dtype == "bool":
        return str(value)
    suffix = _SUFFIXES[constant.dtype]
    if isinstance(value, int):
        return f"{value}{suffix}" if value != -(2**63) else None
    if math.isnan(value) or (math.isinf(value) and constant.dtype != "float32"):
        return None
    if value != 0 and abs(value) < float(np.finfo(np.float64).tiny):
        return None  # TVM's reader refuses numbers that C's strtod calls out of range
    shortest = Decimal(np.format_float_scientific(constant.data.reshape(1)[0], trim="0"))
    return real(float(shortest), suffix) if constant.data.dtype.type(float(shortest)) == constant.data else None


class _JsonWriter:
    """Writes values as a graph of nodes in the form that TVM 0.9 to 0.19 reads."""

    def __init__(self) -> None:
        self.nodes: list[dict[str, Any]] = [{"type_key": ""}]
        self.blobs: list[str] = []

    def graph(self, lists: Mapping[str, list[Any]]) -> str:
        """The graph of a map from keys to arrays."""
        root = self._add({"type_key": "Map", "keys": list(lists), "data": []})
        self.nodes[root]["data"] = [self._array(entries) for entries in lists.values()]
        content = {
            "root": root,
            "nodes": self.nodes,
            "b64ndarrays": self.blobs,
            "attrs": {"tvm_version": _VERSION_WRITTEN},
        }
        return json.dumps(content, indent=1, ensure_ascii=True)

    def _add(self, node: dict[str, Any]) -> int:
        self.nodes.append(node)
        return len(self.nodes) - 1

    def _array(self, values: Iterable[Any]) -> int:
        return self._add({"type_key": "Array", "data": [self._node(value) for value in values]})

    def _node(self, value: Any) -> int:
        if value is None:
            return 0
        if isinstance(value, Constant):
            self.blobs.append(base64.b64encode(write_ndarray(value.data)).decode("ascii"))
            fields = {"_checked_type_": "0", "data": str(len(self.blobs) - 1), "span": "0", "virtual_device_": "0"}
            return self._add({"type_key": CONSTANT_KEY, "attrs": fields})
        if isinstance(value, str):
            return self._string(value)
        if isinstance(value, bool | int):
            dtype = "bool" if isinstance(value, bool) else "int32" if -(2**31) <= value < 2**31 else "int64"
            return self._add({"type_key": "IntImm", "attrs": {"dtype": dtype, "span": "0", "value": str(int(value))}})
        if isinstance(value, float):
            return self._add({"type_key": "FloatImm", "attrs": {"dtype": "float64", "span": "0", "value": repr(value)}})
        if isinstance(value, tuple):
            return self._array(value)
        if isinstance(value, dict):
            data = [self._node(item) for item in value.values()]
            return self._add({"type_key": "Map", "keys": [str(key) for key in value], "data": data})
        raise ConvertError(f"the metadata section cannot hold a {type(value).__name__}")

    def _string(self, value: str) -> int:
        if not value:
            return self._add({"type_key": "runtime.String"})
        if value.isascii() and value.isprintable():
            return self._add({"type_key": "runtime.String", "repr_str": value})
        data = value.encode("utf-8", "surrogatepass")
        encoded = base64.b64encode(len(data).to_bytes(8, "little") + data).decode("ascii")
        return self._add({"type_key": "runtime.String", "repr_b64": encoded})
