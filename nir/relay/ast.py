"""The syntax tree of Relay in one place: expressions, types and modules. Only names; each is defined elsewhere."""

from __future__ import annotations

from nir.relay.expr import (
    Attributes,
    Call,
    Constant,
    Expr,
    ExternalConstant,
    Function,
    GlobalVar,
    If,
    Let,
    Op,
    Tuple,
    TupleGetItem,
    Var,
)
from nir.relay.module import Module
from nir.relay.types import Dimension, FuncType, TensorType, TupleType, Type

__all__ = [
    "Attributes",
    "Call",
    "Constant",
    "Dimension",
    "Expr",
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
]
