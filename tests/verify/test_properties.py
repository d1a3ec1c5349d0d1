"""Properties of the verifier on operations whose types and attributes are drawn without any sense."""

from __future__ import annotations

import enum
import functools
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nir.ir import ElementType, Function, Module, Operation, Quantisation, TensorType, Value
from nir.ops import OPERATORS
from nir.text import parse
from nir.verify import check

ELEMENTS = list(ElementType)


@functools.cache
def model(operator: type[Operation]) -> Operation:
    """The operation in the operator's example."""
    module = parse(operator.example())
    return next(op for function in module for op in function if type(op) is operator)


def dimensions() -> st.SearchStrategy[int | None]:
    return st.one_of(st.integers(0, 4), st.sampled_from([None, 8, 2**40]))


def shapes() -> st.SearchStrategy[list[int | None]]:
    return st.lists(dimensions(), max_size=5)


@st.composite
def quantisations(draw: st.DrawFn) -> Quantisation | None:
    kind = draw(st.sampled_from(["none", "tensor", "tensor", "channel", "wild"]))
    if kind == "none":
        return None
    if kind == "tensor":
        return Quantisation.per_tensor(draw(st.sampled_from([0.5, 0.25, 2.0])), draw(st.sampled_from([0, 0, 3, 200])))
    if kind == "channel":
        return Quantisation.per_channel([0.5] * draw(st.integers(1, 4)), draw(st.integers(-1, 3)))
    scales = draw(st.lists(st.sampled_from([0.0, -1.0, float("nan"), float("inf"), 1.0]), max_size=3))
    points = draw(st.lists(st.sampled_from([0, 1, -(10**9), 10**12]), max_size=3))
    return Quantisation(tuple(scales), tuple(points), draw(st.sampled_from([None, 0, 1, 9])))


@st.composite
def similar_types(draw: st.DrawFn, type: TensorType) -> TensorType:
    """The given type with none, some or all of its parts drawn anew."""
    element, shape, quantisation = type.element, list(type.shape), type.quantisation
    if draw(st.integers(0, 2)) == 0:
        element = draw(st.sampled_from(ELEMENTS))
    if draw(st.integers(0, 2)) == 0:
        shape = draw(shapes())
    elif shape and draw(st.booleans()):
        shape[draw(st.integers(0, len(shape) - 1))] = draw(dimensions())
    if draw(st.integers(0, 2)) == 0:
        quantisation = draw(quantisations())
    return TensorType(element, shape, quantisation)


def similar_values(value: Any) -> st.SearchStrategy[Any]:
    """Attribute values of the same kind as `value`, near it and far from it."""
    if isinstance(value, bool):
        return st.booleans()
    if isinstance(value, enum.Enum):
        return st.sampled_from(list(type(value)))
    if isinstance(value, int):
        return st.one_of(st.integers(-3, 9), st.sampled_from([2**62, -(2**62)]))
    if isinstance(value, float):
        return st.sampled_from([0.0, -1.0, 1.5, float("nan"), float("inf")])
    if isinstance(value, tuple):
        return st.lists(similar_values(value[0]) if value else st.integers(-3, 9), max_size=6).map(tuple)
    return st.just(value)


@st.composite
def operations(draw: st.DrawFn, operator: type[Operation]) -> Function:
    """A function of one operation that resembles the operator's example, however wrong."""
    base = model(operator)
    function = Function("f")
    operands: list[Value | None] = []
    for value in base.operands:
        if value is None or draw(st.integers(0, 9)) == 0:
            operands.append(None)
            continue
        operands.append(Value(draw(similar_types(value.type)), f"x{len(operands)}", None, len(function.parameters)))
        function.parameters.append(operands[-1])
    operands = operands[: draw(st.integers(0, len(operands)))] if draw(st.integers(0, 9)) == 0 else operands
    attributes = {
        **{f.name: f.default for f in operator.attribute_fields.values() if not f.required},
        **base.attributes,
    }
    for name, value in list(attributes.items()):
        if value is None or draw(st.integers(0, 3)):
            attributes.pop(name) if name not in base.attributes else None
        else:
            attributes[name] = draw(similar_values(value))
    results = [draw(similar_types(value.type)) for value in base.results]
    function.operations.append(operator(operands, attributes, results, [f"r{i}" for i in range(len(results))]))
    return function


def reports(module: Module) -> list[str]:
    return [diagnostic.render() for diagnostic in check(module)]


@settings(max_examples=60)
@given(st.data())
def test_any_operation_is_accepted_or_refused(data: st.DataObject) -> None:
    """Never an exception; what is said can be shown, and stays short."""
    for operator in data.draw(st.lists(st.sampled_from(OPERATORS), min_size=8, max_size=8)):
        for report in reports(Module([data.draw(operations(operator))])):
            assert len(report) < 5000


@settings(max_examples=40)
@given(st.data())
def test_operations_do_not_influence_each_other(data: st.DataObject) -> None:
    """What is remembered between operations of equal types changes nothing: all in one module is as each by itself."""
    operator = data.draw(st.sampled_from(OPERATORS))
    functions = [data.draw(operations(operator)) for _ in range(4)]
    functions += [data.draw(st.sampled_from(functions)) for _ in range(2)]
    module = Module()
    for number, function in enumerate(functions):
        module.functions[f"f{number}"] = function
    alone = [report for function in functions for report in reports(Module([function]))]
    together = [report for report in reports(module) if "under another name" not in report]
    assert together == alone
