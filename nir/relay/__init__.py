"""Relay, TVM's graph language up to version 0.19: its syntax tree, readers for its files, and type inference.

    module = nir.relay.load("model.relay", "model.params")
    for expr in nir.relay.post_order(module.main): ...

Nothing here needs TVM.
"""

from __future__ import annotations

from nir.relay.ast import (
    Call,
    Constant,
    Expr,
    ExternalConstant,
    Function,
    FuncType,
    GlobalVar,
    If,
    Let,
    Module,
    Op,
    TensorType,
    Tuple,
    TupleGetItem,
    TupleType,
    Type,
    Var,
)
from nir.relay.equality import first_difference, structural_equal
from nir.relay.infer import infer_types
from nir.relay.loading import load
from nir.relay.params import load_params, read_params, write_params
from nir.relay.printer import print_module
from nir.relay.visitor import ExprMutator, ExprVisitor, post_order

__all__ = [
    "Call",
    "Constant",
    "Expr",
    "ExprMutator",
    "ExprVisitor",
    "ExternalConstant",
    "FuncType",
    "Function",
    "GlobalVar",
    "If",
    "Let",
    "Module",
    "Op",
    "TensorType",
    "Tuple",
    "TupleGetItem",
    "TupleType",
    "Type",
    "Var",
    "first_difference",
    "infer_types",
    "load",
    "load_params",
    "post_order",
    "print_module",
    "read_params",
    "structural_equal",
    "write_params",
]
