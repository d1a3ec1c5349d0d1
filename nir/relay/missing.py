"""What an archive does not bring for its module, said in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nir.errors import ConvertError
from nir.relay.expr import ExternalConstant
from nir.relay.infer.external import ASSUMED_WEIGHTS
from nir.relay.module import Module
from nir.relay.visitor import post_order


def bind_matching(module: Module, params: Mapping[str, np.ndarray[Any, Any]]) -> tuple[Module, list[str]]:
    """`module` with those of `params` bound that are parameters of `main` by name and type, and notes on the others."""
    if not params:
        return module, ["the parameter file of the archive is empty: its constants are in compiled code"]
    bound: list[str] = []
    for name, array in params.items():
        try:
            module = module.bind({name: array})
        except ConvertError:
            continue
        bound.append(name)
    others = [name for name in params if name not in bound]
    if not others:
        return module, []
    note = (
        f"{len(others)} of {len(params)} tensors in the archive's parameter file fit no parameter of '@main' "
        f"({', '.join(others)[:80]}): the compiler has named and laid them out anew"
    )
    return module, [note]


def unresolved_constants(module: Module) -> list[str]:
    """A note on the constants that the text only refers to; empty when there are none."""
    found = {
        expr.index: expr
        for function in module.functions.values()
        for expr in post_order(function)
        if isinstance(expr, ExternalConstant)
    }
    if not found:
        return []
    untyped = sum(expr.type_annotation is None for expr in found.values())
    types = ""
    if untyped:
        types = (
            f"; for {untyped} of them not even the type is stated, which is deduced from the operators that use them "
            f"(weights of qnn operators are taken for {ASSUMED_WEIGHTS})"
        )
    return [
        f"{len(found)} {'constants are' if len(found) > 1 else 'constant is'} only referred to (meta[relay.Constant][...]): the text has no metadata section, "
        f"so their values are missing{types}"
    ]
