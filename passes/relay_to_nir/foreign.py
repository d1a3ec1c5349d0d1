"""Relay operators that NIR does not have, kept by name as `foreign "relay.<operator>"`; those of Relax by their own."""

from __future__ import annotations

import numbers
from typing import Any

from nir.ir import Value
from nir.passes.relay_to_nir.call import RelayCall


def foreign_call(call: RelayCall) -> list[Value]:
    """The results of a `foreign` operation with the call's arguments and attributes."""
    operands = [value for index in range(len(call.entries)) for value in call.values(index)]
    attributes = {name: plain(value) for name, value in call.attrs.items()}
    known = {name: value for name, value in attributes.items() if value is not None and name != "operator"}
    name = call.name if call.name.startswith("relax.") else f"relay.{call.name}"
    op = call.operation("foreign", operator=name, inputs=operands, types=call.types, **known)
    return list(op.results)


def plain(value: Any) -> Any:
    """An attribute as a number, a string or a list of one of them; what is neither becomes its text, None stays."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    if isinstance(value, (tuple, list)):
        items = tuple(plain(item) for item in value)
        kinds = {type(item) for item in items}
        if kinds <= {int} or kinds <= {float, int} or kinds <= {str}:
            return items
    return repr(value)
