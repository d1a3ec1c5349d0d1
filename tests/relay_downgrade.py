"""JSON of TVM 0.15 as an older version would have written it: test input, since hardly any old files are left.

Written from what is known of the formats, not from the reader: which strings stood in the nodes themselves, what nodes
were called, and which attributes were not there yet (for these alone the project's table is asked).
"""

from __future__ import annotations

import copy
from typing import Any

from nir.relay.schema import attributes_schema, described_versions

_OLD_KEYS = {
    "Op": "relay.Op",
    "GlobalVar": "relay.GlobalVar",
    "IRModule": "relay.Module",
    "TupleType": "relay.TupleType",
    "FuncType": "relay.FuncType",
    "tir.Any": "Any",
}
_RESCALING = {
    "qnn.conv2d": ("input_zero_point", "kernel_zero_point", "input_scale", "kernel_scale"),
    "qnn.dense": ("input_zero_point", "kernel_zero_point", "input_scale", "kernel_scale"),
    "qnn.quantize": ("output_scale", "output_zero_point"),
    "qnn.dequantize": ("input_scale", "input_zero_point"),
    "qnn.requantize": ("input_scale", "input_zero_point", "output_scale", "output_zero_point"),
}
_OLD_ATTRIBUTES = {"qnn.conv2d": "relay.attrs.QnnConv2DAttrs", "qnn.dense": "relay.attrs.QnnDenseAttrs"}


class CannotDowngrade(Exception):
    """The module uses what the older version did not have."""


def prepared(content: dict[str, Any]) -> dict[str, Any]:
    """`content` with the choices that older versions could not express made as they made them."""
    content = copy.deepcopy(content)
    for node in content["nodes"]:
        if node["type_key"] == "relay.attrs.RequantizeAttrs":
            node["attrs"] |= {"rounding": "UPWARD", "compute_dtype": "int64"}
        if node["type_key"] == "relay.attrs.Resize2DAttrs":
            node["attrs"]["roi"] = "0"
    return content


def downgraded(content: dict[str, Any], version: tuple[int, int], constant: Any) -> dict[str, Any]:
    """`content` as TVM `version` writes it. `constant` gives the value of the scalar constant that a node stands for."""
    content = copy.deepcopy(content)
    nodes = content["nodes"]
    content["attrs"]["tvm_version"] = f"{version[0]}.{version[1]}.0"
    if version < (0, 8):
        _arguments_to_attributes(nodes, version, constant)
    for node in nodes:
        fields = node.get("attrs", {})
        if version < (0, 9):
            fields.pop("virtual_device_", None)
        if node["type_key"].startswith("relay.attrs."):
            _old_fields(node, nodes, version)
        if node["type_key"] == "IRModule" and version < (0, 8):
            fields.pop("attrs", None)
    if version < (0, 7):
        for node in nodes:
            _old_node(node, nodes)
    return content


def _old_fields(node: dict[str, Any], nodes: list[Any], version: tuple[int, int]) -> None:
    """Drops attributes of later versions, and writes out the strings that were no nodes of their own."""
    fields = node["attrs"]
    name = node["type_key"].removeprefix("relay.attrs.")
    wanted = f"{version[0]}.{version[1]}"
    schema = attributes_schema(name, wanted if wanted in described_versions() else None)
    assert schema is not None
    if "TransposeAttrs" in name and version <= (0, 10) and "kernel_layout" in fields:
        fields["kernel_layout"] = fields["kernel_layout"].translate(str.maketrans("OI", "IO"))
    for key in list(fields):
        if key not in schema.kinds:
            if (key == "axes" and fields[key] != "0") or (key == "axis" and fields[key] != "-1"):
                raise CannotDowngrade("slicing or rescaling along a chosen axis")
            del fields[key]
            continue
        target = nodes[int(fields[key])] if fields[key].isdigit() and int(fields[key]) < len(nodes) else {}
        is_layout = key.endswith("layout") or name + key == "UpSamplingAttrsmethod"
        was_text = (version < (0, 8) and is_layout) or (version < (0, 9) and key in ("pad_mode", "slice_mode", "mode"))
        if target.get("type_key") == "runtime.String" and (was_text or version < (0, 7)):
            fields[key] = target.get("repr_str", "")


def _arguments_to_attributes(nodes: list[Any], version: tuple[int, int], constant: Any) -> None:
    for call in [node for node in nodes if node["type_key"] == "relay.Call"]:
        fields = call["attrs"]
        name = nodes[int(fields["op"])].get("repr_str")
        if name == "nn.batch_matmul":
            written = nodes[int(fields["attrs"])]["attrs"]
            if (written["transpose_a"], written["transpose_b"]) != ("0", "1"):
                raise CannotDowngrade(name)
            fields["attrs"] = "0"
        if name == "nn.pad":
            _move(call, nodes, ("pad_value",), constant, None)
        if version < (0, 7) and name in _RESCALING:
            _move(call, nodes, _RESCALING[name], constant, _OLD_ATTRIBUTES.get(name))
        elif version < (0, 7) and name == "qnn.concatenate":
            raise CannotDowngrade(name)


def _move(call: dict[str, Any], nodes: list[Any], names: tuple[str, ...], constant: Any, key: str | None) -> None:
    """Turns the last arguments of a call into attributes."""
    arguments = nodes[int(call["attrs"]["args"])]["data"]
    node = copy.deepcopy(nodes[int(call["attrs"]["attrs"])])
    for name, argument in zip(names, arguments[-len(names) :], strict=True):
        value = constant(argument)
        if value is None:
            raise CannotDowngrade("one number for each channel")
        node["attrs"][name] = repr(value)
    node["type_key"] = key or node["type_key"]
    nodes.append(node)
    call["attrs"]["attrs"] = str(len(nodes) - 1)
    nodes.append({"type_key": "Array", "data": arguments[: -len(names)]})
    call["attrs"]["args"] = str(len(nodes) - 1)


def _old_node(node: dict[str, Any], nodes: list[Any]) -> None:
    """A node under the name and in the form of TVM 0.6."""
    key = node["type_key"]
    fields = node.get("attrs", {})
    if key in ("GlobalVar", "relay.Id"):
        fields["name_hint"] = (
            nodes[int(fields["name_hint"])].get("repr_str") or nodes[int(fields["name_hint"])]["attrs"]["value"]
        )
    if key in ("Op", "SourceName"):
        node["global_key"] = node.pop("repr_str")
    if key == "runtime.String":
        node["type_key"] = "StringImm"
        node["attrs"] = {"dtype": "handle", "value": node.pop("repr_str", "")}
    if key == "Map" and "keys" in node:
        node["type_key"] = "StrMap"
    node["type_key"] = _OLD_KEYS.get(node["type_key"], node["type_key"])
