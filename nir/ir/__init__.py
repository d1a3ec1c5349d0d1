"""The IR: types, values, operations, functions, modules, and what works on any of them. Names no operator."""

from nir.ir.builder import FunctionBuilder
from nir.ir.equality import Difference, first_difference, same
from nir.ir.fields import (
    REQUIRED,
    AttributeField,
    Constraint,
    OperandField,
    QuantisationRule,
    ResultField,
    attribute,
    constraint,
    operand,
    result,
)
from nir.ir.function import LANGUAGE_VERSION, Function, Module
from nir.ir.operation import Comments, Cost, InferenceError, Operation, Origin, Trait
from nir.ir.quantisation import Quantisation, float32_text
from nir.ir.traversal import (
    callees,
    copy_function,
    copy_module,
    copy_operation,
    dependency_order,
    reachable,
    replace_uses,
    users,
    walk,
)
from nir.ir.types import ElementType, Shape, TensorType, tensor
from nir.ir.values import ConstantData, Keyword, Symbol, Value

__all__ = [
    "LANGUAGE_VERSION",
    "REQUIRED",
    "AttributeField",
    "Comments",
    "ConstantData",
    "Constraint",
    "Cost",
    "Difference",
    "ElementType",
    "Function",
    "FunctionBuilder",
    "InferenceError",
    "Keyword",
    "Module",
    "OperandField",
    "Operation",
    "Origin",
    "Quantisation",
    "QuantisationRule",
    "ResultField",
    "Shape",
    "Symbol",
    "TensorType",
    "Trait",
    "Value",
    "attribute",
    "callees",
    "constraint",
    "copy_function",
    "copy_module",
    "copy_operation",
    "dependency_order",
    "first_difference",
    "float32_text",
    "operand",
    "reachable",
    "replace_uses",
    "result",
    "same",
    "tensor",
    "users",
    "walk",
]
