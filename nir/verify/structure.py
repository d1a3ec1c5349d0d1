"""Layer 1, structure: is every function, operation and type put together the way its definition says?

Checked here: the language version; function names; each operation's number of operands and results, required
operands, its attributes' names and kinds; dimensions of types; a function's returned values against its signature.
Calls between functions are in calls.py. Nothing here looks at whether types fit an operator.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nir.errors import suggestion
from nir.ir import LANGUAGE_VERSION, ElementType, Function, Module, Operation, TensorType, Value
from nir.ir.kinds import Kind
from nir.ir.types import HIGHEST_RANK, LARGEST_DIMENSION
from nir.text.lexical import brief
from nir.verify.findings import (
    Finding,
    Part,
    count,
    function_name,
    is_subject,
    list_text,
    operand_name,
    result_name,
    type_text,
    value_name,
    value_text,
)


def module_findings(module: Module) -> Iterator[Finding]:
    """What is wrong with the module itself."""
    version = module.version
    if version[0] != LANGUAGE_VERSION[0] or version > LANGUAGE_VERSION:
        yield Finding(
            f"the module is in version {_dotted(version)} of the language",
            expected=f"a version from {LANGUAGE_VERSION[0]}.0 to {_dotted(LANGUAGE_VERSION)}",
        )
    for key, function in module.functions.items():
        if key != function.name:
            yield Finding(
                f"the module lists function {function_name(function.name)} under another name", found=function_name(key)
            )


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))


def function_findings(function: Function) -> Iterator[Finding]:
    """What is wrong with a function's name, parameters and declared results."""
    if not isinstance(function.name, str) or not function.name:
        yield Finding("a function has no name", found=repr(function.name))
    for index, parameter in enumerate(function.parameters):
        if not isinstance(parameter, Value):
            yield Finding(f"parameter {index} of {function_name(function.name)} is not a value", found=repr(parameter))
            continue
        if parameter.producer is not None:
            yield Finding(
                f"parameter {value_name(parameter)} is the result of an operation ({parameter.producer.name})",
                at=("parameter", index),
            )
        elif parameter.index != index:
            yield Finding(
                f"parameter {value_name(parameter)} says that it is number {parameter.index}, but it is number {index}",
                at=("parameter", index),
            )
        yield from dimension_findings(
            parameter.type, f"parameter {value_name(parameter)}", ("parameter", index, "type")
        )
    for index, type in enumerate(function.declared_result_types or ()):
        yield from dimension_findings(
            type, f"result {index} of {function_name(function.name)}", ("result", index, "type")
        )


def return_findings(function: Function) -> Iterator[Finding]:
    """Returned values that do not fit the function's signature."""
    strangers = [(i, value) for i, value in enumerate(function.results) if not isinstance(value, Value)]
    if strangers:
        for index, value in strangers:
            yield Finding(f"returned value {index} is not a value", at=("return", index), found=repr(value))
        return
    declared = function.result_types
    if len(declared) != len(function.results):
        yield Finding(
            f"{function_name(function.name)} returns {count(len(function.results), 'value')}",
            at="return",
            expected=count(len(declared), "value") + ", as its signature says",
            found=list_text(map(value_name, function.results)) if function.results else None,
        )
        return
    for index, (type, value) in enumerate(zip(declared, function.results, strict=True)):
        if not fits(value.type, type):
            yield Finding(
                f"{function_name(function.name)} returns {value_name(value)} of another type than its signature says",
                at=("return", index),
                expected=type_text(type),
                found=type_text(value.type),
            )


def fits(given: TensorType, wanted: TensorType) -> bool:
    """True where a value of type `given` can stand where `wanted` is asked for: equal, but `?` goes with any size.

    Scales are compared as text where they are not equal, for NaN, which is reported elsewhere, equals nothing.
    """
    if given is wanted or given == wanted:
        return True
    return (
        given.element is wanted.element
        and (given.quantisation == wanted.quantisation or str(given.quantisation) == str(wanted.quantisation))
        and shapes_fit(given.shape, wanted.shape)
    )


def shapes_fit(left: tuple[int | None, ...], right: tuple[int | None, ...]) -> bool:
    """True for shapes of one rank whose dimensions are equal wherever both are known."""
    return len(left) == len(right) and all(a == b or a is None or b is None for a, b in zip(left, right, strict=True))


def operation_findings(op: Operation) -> list[Finding]:
    """What is wrong with the number of an operation's operands and results, its attributes, and its result types."""
    if not op.name:
        return [Finding(f"{type(op).__name__} is not an operator, but a base class of operators")]
    found = [*_operand_findings(op), *_attribute_findings(op), *_result_findings(op)]
    for index, value in enumerate(op.results):
        found.extend(dimension_findings(value.type, f"{op.name}: result '{result_name(op, index)}'", ("type", index)))
    return found


def _operand_findings(op: Operation) -> Iterator[Finding]:
    fields = op.operand_fields
    required = sum(not (f.optional or f.variadic) for f in fields)
    variadic = bool(fields) and fields[-1].variadic
    given = len(op.operands)
    if given > len(fields) and not variadic:
        yield Finding(
            f"{op.name}: too many operands",
            at=("operand", len(fields)),
            expected=_operands_expected(op, required),
            found=count(given, "operand"),
        )
        return
    for f in fields:
        if f.index >= given and not (f.optional or f.variadic):
            yield Finding(
                f"{op.name}: operand '{f.name}' is missing",
                expected=_operands_expected(op, required),
                found=count(given, "operand"),
            )
            return
    for index, value in enumerate(op.operands):
        operand_field = fields[min(index, len(fields) - 1)]
        if value is None and not operand_field.optional:
            yield Finding(
                f"{op.name}: operand '{operand_name(op, index)}' cannot be left out",
                at=("operand", index),
                found="none",
            )
        elif value is not None and not isinstance(value, Value):
            yield Finding(
                f"{op.name}: operand '{operand_name(op, index)}' is not a value",
                at=("operand", index),
                found=repr(value),
            )


def _operands_expected(op: Operation, required: int) -> str:
    """`2 or 3 operands (data, filter, bias)`."""
    names = ", ".join(f.name + ("..." if f.variadic else "?" if f.optional else "") for f in op.operand_fields)
    most = len(op.operand_fields)
    if not most:
        return "no operands"
    if op.operand_fields[-1].variadic:
        number = f"{required} or more operands" if required else "any number of operands"
    elif most == required:
        number = count(most, "operand")
    else:
        number = f"{required} {'or' if most == required + 1 else 'to'} {most} operands"
    return f"{number} ({names})"


def _attribute_findings(op: Operation) -> Iterator[Finding]:
    for name, value in op.attributes.items():
        attribute_field = op.attribute_fields.get(name)
        if attribute_field is None:
            if not op.open_attributes:
                yield Finding(
                    f"{op.name}: there is no attribute '{brief(str(name))}'",
                    at=("attribute", name),
                    expected=", ".join(op.attribute_fields) or "no attributes",
                    hint=suggestion(str(name), op.attribute_fields),
                )
            continue
        yield from _kind_findings(op, name, attribute_field.kind, value)
    for name, attribute_field in op.attribute_fields.items():
        if attribute_field.required and name not in op.attributes:
            yield Finding(f"{op.name}: attribute '{name}' is missing", expected=attribute_field.kind.describe())


def _kind_findings(op: Operation, name: str, kind: Kind, value: Any) -> Iterator[Finding]:
    """An attribute that its kind refuses, or that is not in the normal form that equal values share."""
    at: Part = "subject" if is_subject(op, name) else ("attribute_value", name)
    try:
        normal = kind.coerce(value)
    except ValueError:
        message = f"{op.name}: attribute '{name}' is of the wrong kind"
        yield Finding(message, at=at, expected=kind.describe(), found=value_text(value))
        return
    # Compared as text, since NaN is not equal to itself.
    if normal is not value and repr(exact_form(normal)) != repr(exact_form(value)):
        yield Finding(
            f"{op.name}: attribute '{name}' is not in normal form",
            at=at,
            expected=repr(normal),
            found=repr(value),
            hint="the builder and Operation.create bring attributes into normal form",
        )


def exact_form(value: Any) -> Any:
    """Something hashable that is equal for equal values of equal types only: 1, 1.0 and True differ in it.

    A constant is represented by its element type and shape: no rule of the IR looks at its elements.
    """
    kind = type(value)
    if kind is tuple:
        return (tuple, *map(exact_form, value))
    if hasattr(value, "array"):
        return kind, value.array.dtype, value.array.shape
    return kind, value


def _result_findings(op: Operation) -> Iterator[Finding]:
    fields, given = op.result_fields, len(op.results)
    variadic = bool(fields) and fields[-1].variadic
    fewest = len(fields) - variadic
    if given < fewest or (given > len(fields) and not variadic):
        yield Finding(
            f"{op.name}: {'too few' if given < fewest else 'too many'} results",
            at="result",
            expected=(f"{fewest} or more results" if variadic else count(fewest, "result"))
            + (f" ({', '.join(f.name for f in fields)})" if fields else ""),
            found=count(given, "result"),
        )


def dimension_findings(type: TensorType, what: str, at: Part) -> Iterator[Finding]:
    """A type that is none, or that has dimensions which are no sizes, or too many (from Python only; text cannot say it)."""
    if not isinstance(type, TensorType) or not isinstance(type.element, ElementType):
        yield Finding(f"{what} has no tensor type", at=at, found=repr(type))
        return
    if type.rank > HIGHEST_RANK:
        yield Finding(
            f"{what} has too many dimensions", at=at, expected=f"at most {HIGHEST_RANK}", found=str(type.rank)
        )
    for dimension in type.shape:
        if dimension is None:
            continue
        if not isinstance(dimension, (int, np.integer)) or isinstance(dimension, bool) or dimension < 0:
            yield Finding(
                f"{what} has a dimension that is no size", at=at, expected="an integer >= 0", found=repr(dimension)
            )
        elif dimension > LARGEST_DIMENSION:
            yield Finding(
                f"{what} has a dimension that is too large",
                at=at,
                expected="less than 2^63",
                found=brief(repr(dimension)),
            )
