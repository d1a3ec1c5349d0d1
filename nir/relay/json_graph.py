"""TVM's JSON container: a list of nodes that refer to each other by number, and tensors in base64.

Whole modules (`save_json`) and the `#[metadata]` section of a text are such graphs. Here are the container, plain
values (numbers, strings, arrays, maps) and attributes; expressions and modules are `nir.relay.json_module`.

Every attribute of a node is a string, and `"1"` may be the number 1 or node 1: which of them, only the schema says.
"""

from __future__ import annotations

import base64
import binascii
import struct
from typing import Any

import numpy as np

from nir.errors import ParseError
from nir.relay.dialect import Dialect, dialect, stated_dialect
from nir.relay.expr import Constant
from nir.relay.ndarray import ByteReader, read_ndarray
from nir.relay.schema import LITERAL_KINDS, attributes_schema
from nir.relay.types import FuncType, TensorType, TupleType, Type, is_dtype
from nir.source import Span

Node = dict[str, Any]

_NEW_KEYS = {
    "relay.Op": "Op",
    "relay.GlobalVar": "GlobalVar",
    "relay.Module": "IRModule",
    "relay.TupleType": "TupleType",
    "relay.FuncType": "FuncType",
    "relay.Any": "tir.Any",
    "Any": "tir.Any",
    "StrMap": "Map",
    "UIntImm": "IntImm",
    "StringImm": "tir.StringImm",
}
"""What TVM 0.6 called nodes, and what they are called since."""

_MAX_DEPTH = 32
_MAX_VALUES = 1_000_000
"""How many values one attribute may hold, counting shared parts as often as they occur."""


class JsonGraph:
    """The nodes of one graph, checked for their form, and what the plain ones among them stand for.

    `span` is where errors point: the metadata section of a text, or None for a JSON file. `tvm_version` replaces the
    version that the graph states, which says what its attributes mean (`dialect`).
    """

    def __init__(self, content: Any, name: str, span: Span | None = None, tvm_version: str | None = None) -> None:
        self.name = name
        self.span = span
        if not isinstance(content, dict) or not isinstance(content.get("nodes"), list):
            raise self.fail("this JSON is no graph of TVM", expected='an object with "root" and "nodes"')
        self.nodes: list[Any] = content["nodes"]
        self.root = self._index(content.get("root"), "the root")
        self.blobs: list[Any] = content.get("b64ndarrays") or []
        attributes = content.get("attrs")
        version = attributes.get("tvm_version") if isinstance(attributes, dict) else None
        self.tvm_version = version if isinstance(version, str) else None
        self.dialect = self._dialect(tvm_version)
        self._values: dict[int, tuple[Any, int]] = {}
        self._types: dict[int, Type | None] = {}
        self._tensors: dict[int, tuple[np.ndarray[Any, Any], str]] = {}

    def _dialect(self, wanted: str | None) -> Dialect:
        if wanted is not None:
            return dialect(wanted)
        if self.tvm_version is None and self.node(self.root).get("type_key") == "relay.Module":
            return dialect("0.6")
        return stated_dialect(self.tvm_version)

    def fail(self, message: str, **details: str | None) -> ParseError:
        """The error for this graph."""
        where = "" if self.span is not None else f"{self.name}: "
        return ParseError(where + message, self.span, **details)  # type: ignore[arg-type]

    def _index(self, value: Any, what: str) -> int:
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12:
            value = int(value)
        if type(value) is not int or not 0 <= value < len(self.nodes):
            raise self.fail(
                f"{what} is no node",
                expected=f"a number from 0 to {len(self.nodes) - 1}",
                found=repr(value)[:60],
            )
        return value

    def node(self, index: int) -> Node:
        """Node `index`."""
        node = self.nodes[index]
        if not isinstance(node, dict):
            raise self.fail(f"node {index} is no JSON object", found=repr(node)[:60])
        return node

    def type_key(self, index: int) -> str:
        """The type of node `index`, "" for the null node."""
        key = self.node(index).get("type_key", "")
        return _NEW_KEYS.get(key, key) if isinstance(key, str) else ""

    def field(self, index: int, name: str) -> str:
        """The attribute `name` of node `index`, as it is written."""
        attributes = self.node(index).get("attrs")
        value = attributes.get(name) if isinstance(attributes, dict) else None
        if not isinstance(value, str):
            raise self.fail(f"node {index} ({self.type_key(index)}) has no field '{name}'")
        return value

    def reference(self, index: int, name: str) -> int:
        """The node that the attribute `name` of node `index` refers to."""
        return self._index(self.field(index, name), f"field '{name}' of node {index} ({self.type_key(index)})")

    def optional_reference(self, index: int, name: str) -> int:
        """Like `reference`, but 0, the null node, where the field is absent (older versions lack some)."""
        attributes = self.node(index).get("attrs")
        return self.reference(index, name) if isinstance(attributes, dict) and name in attributes else 0

    def items(self, index: int) -> list[int]:
        """The nodes that an array refers to; none for the null node."""
        node = self.node(index)
        if self.type_key(index) not in ("Array", ""):
            raise self.fail(f"node {index} is no array", expected="Array", found=self.type_key(index))
        data = node.get("data", [])
        if not isinstance(data, list):
            raise self.fail(f"node {index} has no list of items")
        return [self._index(item, f"an item of node {index}") for item in data]

    def entries(self, index: int) -> list[tuple[int | str, int]]:
        """The keys and values of a map; keys are strings, or nodes."""
        node = self.node(index)
        if self.type_key(index) not in ("Map", ""):
            raise self.fail(f"node {index} is no map", expected="Map", found=self.type_key(index))
        data, keys = node.get("data", []), node.get("keys")
        if not isinstance(data, list) or not (keys is None or isinstance(keys, list)):
            raise self.fail(f"node {index} has no list of items")
        values = [self._index(item, f"an item of node {index}") for item in data]
        if keys is None:
            if len(values) % 2:
                raise self.fail(f"node {index} has a key without a value")
            return list(zip(values[::2], values[1::2], strict=True))
        if len(keys) != len(values) or not all(isinstance(key, str) for key in keys):
            raise self.fail(f"node {index} has not one string key for each value")
        return list(zip(keys, values, strict=True))

    def string(self, index: int) -> str:
        """The text of a node that stands for a string or a name."""
        node = self.node(index)
        text = node.get("repr_str", node.get("global_key"))
        if isinstance(text, str):
            return text
        if isinstance(node.get("repr_b64"), str):
            reader = ByteReader(self._base64(node["repr_b64"], f"node {index}"), f"{self.name}, node {index}")
            (length,) = reader.unpack(struct.Struct("<Q"), "the length of a string")
            return str(reader.take(length, "a string"), "utf-8", "replace")
        if self.type_key(index) == "runtime.String":
            return ""  # TVM leaves an empty representation out
        raise self.fail(f"node {index} is no string", found=self.type_key(index))

    def name_in(self, index: int, field: str) -> str:
        """The name in a field of node `index`: written out until TVM 0.6, since then a string node."""
        if self.dialect.number < (0, 7):
            return self.field(index, field)
        return self.string(self.reference(index, field))

    def tensor(self, index: int) -> tuple[np.ndarray[Any, Any], str]:
        """Tensor `index` of the graph (not node `index`), and its element type."""
        found = self._tensors.get(index)
        if found is None:
            if not isinstance(self.blobs, list) or not 0 <= index < len(self.blobs):
                raise self.fail(f"there is no tensor {index}", found=f"{len(self.blobs)} tensors")
            data = self._base64(self.blobs[index], f"tensor {index}")
            found = self._tensors[index] = read_ndarray(ByteReader(data, f"{self.name}, tensor {index}"))
        return found

    def _base64(self, text: Any, what: str) -> bytes:
        if not isinstance(text, str):
            raise self.fail(f"{what} is no text in base64")
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise self.fail(f"{what} is no valid base64: {error}") from error

    def constant(self, index: int) -> Constant:
        """The constant that node `index` (a `relay.Constant`) stands for."""
        text = self.field(index, "data")
        if not (text.isascii() and text.isdigit() and len(text) < 12):
            raise self.fail(f"node {index} refers to no tensor", found=text[:60])
        array, dtype = self.tensor(int(text))
        return Constant(array, dtype, origin=self.origin(index))

    def origin(self, index: int) -> str | None:
        """What the producer says an expression was made from: the name, and the line where there is one."""
        span = self.optional_reference(index, "span")
        if self.type_key(span) != "Span":
            return None
        source = self.optional_reference(span, "source_name")
        if self.type_key(source) != "SourceName":
            return None
        place = self.node(span).get("attrs", {})
        line, column = str(place.get("line", "0"))[:20], str(place.get("column", "0"))[:20]
        name = self.string(source)
        return name if (line, column) == ("0", "0") else f"{name}:{line}:{column}"

    def value(self, index: int) -> Any:
        """What node `index` stands for in Python: None, a number, a string, a tuple, a dict.

        Shared parts are built once. Raises ParseError for a node that contains itself, and for absurd sizes.
        """
        return self._value(index, 0)[0]

    def _value(self, index: int, depth: int) -> tuple[Any, int]:
        found = self._values.get(index)
        if found is None:
            if depth > _MAX_DEPTH:
                raise self.fail(f"node {index} contains itself, or is nested more than {_MAX_DEPTH} deep")
            found = self._values[index] = self._decode(index, depth + 1)
            if found[1] > _MAX_VALUES:
                raise self.fail(f"node {index} holds more than {_MAX_VALUES} values")
        return found

    def _decode(self, index: int, depth: int) -> tuple[Any, int]:
        key = self.type_key(index)
        if key in ("", "tir.Any"):
            return None, 1
        if key in ("IntImm", "FloatImm"):
            dtype = self.field(index, "dtype")
            kind = "bool" if dtype == "bool" else "float" if key == "FloatImm" else "int"
            return self.literal(kind, self.field(index, "value"), f"node {index}"), 1
        if key == "Array":
            items = [self._value(item, depth) for item in self.items(index)]
            return tuple(item for item, _ in items), 1 + sum(size for _, size in items)
        if key == "Map":
            return self._decode_map(index, depth)
        if key.startswith("relay.attrs."):
            return self._attributes(index, depth)
        if key == "relay.Constant":
            data = self.constant(index).data
            return (data.item() if data.ndim == 0 else f"<{key}>"), 1
        if key == "tir.StringImm":
            return self.name_in(index, "value"), 1
        if key.startswith("runtime.Box"):
            kind = {"runtime.BoxInt": "int", "runtime.BoxFloat": "float"}.get(key, "bool")
            return self.literal(kind, self.string(index), f"node {index}"), 1
        node = self.node(index)
        if "repr_str" in node or "repr_b64" in node or key == "runtime.String":
            return self.string(index), 1
        return f"<{key}>", 1  # targets, devices and the like: known to be there, of no use here

    def _decode_map(self, index: int, depth: int) -> tuple[dict[Any, Any], int]:
        decoded, size = {}, 1
        for key, value in self.entries(index):
            name = key if isinstance(key, str) else self._value(key, depth)[0]
            if isinstance(name, dict):
                raise self.fail(f"node {index} has a key that is a map")
            decoded[name], value_size = self._value(value, depth)
            size += value_size
        return decoded, size

    def attributes(self, index: int) -> dict[str, Any]:
        """The attributes that node `index` (of some type `relay.attrs.X`, or `DictAttrs`) holds, as far as written."""
        if index == 0:
            return {}
        if self.type_key(index) == "DictAttrs":
            content = self.value(self.reference(index, "__dict__"))
            return content if isinstance(content, dict) else {}
        found = self.value(index)
        if not isinstance(found, dict):
            raise self.fail(f"node {index} holds no attributes", found=self.type_key(index))
        return found

    def _attributes(self, index: int, depth: int) -> tuple[dict[str, Any], int]:
        schema = attributes_schema(self.type_key(index), self.dialect.table)
        written = self.node(index).get("attrs", {})
        if not isinstance(written, dict) or not all(isinstance(text, str) for text in written.values()):
            raise self.fail(f"node {index} has attributes that are no strings")
        decoded: dict[str, Any] = {}
        size = 1
        for name, text in written.items():
            kind = schema.kind(name) if schema is not None else None
            if kind is None:
                decoded[name] = text  # an attribute of an operator that no version we know has
                continue
            decoded[name], value_size = self._attribute(index, name, kind, text, depth)
            size += value_size
        return decoded, size

    def _attribute(self, index: int, name: str, kind: str, text: str, depth: int) -> tuple[Any, int]:
        what = f"attribute '{name}' of node {index}"
        if kind == "String" and not text.isdigit():
            return text, 1  # TVM 0.7 and before wrote these strings out
        if kind in LITERAL_KINDS:
            return self.literal(kind, text, what), 1
        return self._value(self._index(text, what), depth)

    def literal(self, kind: str, text: str, what: str) -> Any:
        """The value of kind `kind` that `text` writes."""
        try:
            if kind == "int":
                return int(text[:64])
            if kind == "float":
                return float(text[:400])
            if kind == "bool":
                return {"0": False, "1": True, "False": False, "True": True}[text]
        except (ValueError, KeyError):
            raise self.fail(f"{what} is no {kind}", found=repr(text)[:60]) from None
        return text

    def type(self, index: int) -> Type | None:
        """The type that node `index` stands for, or None when there is none or we have none such."""
        return self._type(index, 0)

    def _type(self, index: int, depth: int) -> Type | None:
        if index in self._types:
            return self._types[index]
        if depth > _MAX_DEPTH:
            raise self.fail(f"type {index} contains itself, or is nested more than {_MAX_DEPTH} deep")
        found = self._types[index] = self._decode_type(index, depth + 1)
        return found

    def _decode_type(self, index: int, depth: int) -> Type | None:
        key = self.type_key(index)
        if key == "relay.TensorType":
            return self._tensor_type(index)
        if key == "TupleType":
            fields = [self._type(item, depth) for item in self.items(self.reference(index, "fields"))]
            known = tuple(field for field in fields if field is not None)
            return TupleType(known) if len(known) == len(fields) else None
        if key == "FuncType":
            arguments = [self._type(item, depth) for item in self.items(self.reference(index, "arg_types"))]
            result = self._type(self.reference(index, "ret_type"), depth)
            known = tuple(argument for argument in arguments if argument is not None)
            return FuncType(known, result) if result is not None and len(known) == len(arguments) else None
        return None

    def _tensor_type(self, index: int) -> TensorType:
        dtype = self.field(index, "dtype")
        shape = self.value(self.reference(index, "shape"))
        if not is_dtype(dtype) or not isinstance(shape, tuple):
            raise self.fail(f"node {index} is no tensor type")
        for extent in shape:
            if not (extent is None or (type(extent) is int and 0 <= extent < 2**62)):
                raise self.fail(f"node {index} has an impossible shape", found=repr(shape)[:60])
        return TensorType(shape, dtype)
