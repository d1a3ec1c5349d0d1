"""The operator base class: how fields are gathered, how operations are made, what is refused."""

from __future__ import annotations

import enum

import numpy as np
import pytest

from nir.ir import (
    InferenceError,
    Operation,
    Quantisation,
    QuantisationRule,
    Shape,
    Value,
    attribute,
    constraint,
    operand,
    result,
    tensor,
)
from nir.ir.types import FLOATS, QUANTISED_8, ElementType
from nir.ops.builder import Builder


class Mode(enum.Enum):
    FAST = "fast"
    EXACT = "exact"


class Family(Operation):
    """A shared base class: no operator by itself."""

    data: Value = operand("what comes in", FLOATS | QUANTISED_8)
    output: Value = result("what goes out", like="data")


class Sample(Family, name="sample"):
    """A sample operator.

    More about it.

        func @example(%x: tensor<4xf32>) -> tensor<4xf32> {
          %0 = sample(%x) {factor = 2} : tensor<4xf32>
          return %0
        }
    """

    __slots__ = ()

    extra: Value | None = operand("something optional", optional=True)
    more: tuple[Value, ...] = operand("the others", variadic=True)
    factor: int = attribute("a factor", minimum=1)
    mode: Mode = attribute("how", default=Mode.FAST)
    sizes: tuple[int, int] = attribute("two sizes", default=(1, 1))
    weight: float | None = attribute("a number", default=None)

    @constraint("C1: factor divides the first dimension", at="factor")
    def divides(self) -> bool:
        return self.data.shape[0] % self.factor == 0

    def infer_shapes(self) -> list[Shape]:
        if self.data.type.rank == 0:
            raise InferenceError("a scalar has no dimensions", "data")
        return [self.data.shape]


class Unit(Family, name="unit"):
    """An operator with a fixed output quantisation."""

    __slots__ = ()
    output: Value = result("between 0 and 1", like="data", quantisation=QuantisationRule.UNIT_256)

    def infer_shapes(self) -> list[Shape]:
        return [self.data.shape]


@pytest.fixture
def x() -> Value:
    return Value(tensor((4, 2)), "x")


def test_fields_are_gathered_base_classes_first() -> None:
    assert [(f.name, f.index) for f in Sample.operand_fields] == [("data", 0), ("extra", 1), ("more", 2)]
    assert list(Sample.attribute_fields) == ["factor", "mode", "sizes", "weight"]
    assert [c.label for c in Sample.constraints] == ["C1"]
    assert Unit.result_fields[0].quantisation is QuantisationRule.UNIT_256
    assert Sample.result_fields[0].quantisation is QuantisationRule.FREE


def test_documentation_is_read_from_the_docstring() -> None:
    assert Sample.summary() == "A sample operator."
    assert Sample.example().startswith("func @example(%x: tensor<4xf32>)")
    assert Sample.example().endswith("}\n")
    assert "  %0 = sample(%x)" in Sample.example()


def test_create_takes_operands_by_position_and_by_name(x: Value) -> None:
    by_position = Sample.create(x, x, x, x, factor=2)
    by_name = Sample.create(data=x, extra=x, more=(x, x), factor=2)
    assert by_position.operands == by_name.operands == (x, x, x, x)
    assert by_name.more == (x, x)
    assert by_name.extra is x


def test_omitted_operands_in_the_middle_are_none_and_at_the_end_dropped(x: Value) -> None:
    assert Sample.create(x, None, x, factor=1).operands == (x, None, x)
    assert Sample.create(x, None, factor=1).operands == (x,)
    assert Sample.create(x, factor=1).extra is None


def test_attributes_equal_to_their_default_are_not_stored(x: Value) -> None:
    op = Sample.create(x, factor=2, mode="fast", sizes=[1, 1], weight=None)
    assert op.attributes == {"factor": 2}
    assert op.mode is Mode.FAST
    assert op.sizes == (1, 1)
    assert Sample.create(x, factor=2, mode="exact", sizes=np.array([3, 4])).attributes == {
        "factor": 2,
        "mode": Mode.EXACT,
        "sizes": (3, 4),
    }


@pytest.mark.parametrize(
    ("fields", "error", "words"),
    [
        ({}, TypeError, "attribute 'factor' is missing"),
        ({"factor": 2, "speed": 3}, TypeError, "no operand or attribute 'speed'"),
        ({"factor": 0}, ValueError, "an integer >= 1"),
        ({"factor": True}, ValueError, "an integer >= 1"),
        ({"factor": 2**63}, ValueError, "an integer >= 1"),
        ({"factor": 2, "mode": "slow"}, ValueError, "one of fast, exact"),
        ({"factor": 2, "sizes": (1, 2, 3)}, ValueError, "a list of 2 integers"),
        ({"factor": 2, "weight": "heavy"}, ValueError, "a number"),
    ],
)
def test_create_refuses(x: Value, fields: dict[str, object], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Sample.create(x, **fields)


def test_create_refuses_a_missing_operand() -> None:
    with pytest.raises(TypeError, match="operand 'data' is missing"):
        Sample.create(factor=1)


def test_inference_errors_name_a_field() -> None:
    with pytest.raises(InferenceError) as caught:
        Sample.create(Value(tensor(())), factor=1)
    assert caught.value.at == "data"


def test_free_quantisation_comes_from_the_caller_else_from_the_declaration(x: Value) -> None:
    data = Value(tensor((4,), "u8", scale=0.5, zero_point=3))
    assert Sample.create(data, factor=1, scale=0.25, zero_point=7).results[0].type == tensor(
        (4,), "u8", scale=0.25, zero_point=7
    )
    assert Sample.create(data, factor=1).results[0].type == tensor((4,), "u8")
    declared = tensor((4,), "u8", scale=2.0)
    op = Sample((data,), {"factor": 1}, [declared])
    assert op.infer() == (declared,)


@pytest.mark.parametrize(("element", "zero_point"), [("u8", 0), ("i8", -128)])
def test_fixed_quantisation_follows_storage(element: str, zero_point: int) -> None:
    op = Unit.create(Value(tensor((4,), element, scale=0.5)))
    assert op.results[0].type.quantisation == Quantisation.per_tensor(1 / 256, zero_point)
    assert Unit.create(Value(tensor((4,), element))).results[0].type == tensor((4,), element)
    assert Unit.create(Value(tensor((4,)))).results[0].type.element is ElementType.F32


def test_costs_count_bytes(x: Value) -> None:
    cost = Sample.create(x, factor=1).cost()
    assert (cost.macs, cost.bytes_read, cost.bytes_written) == (0, 32, 32)


def test_an_operator_class_with_a_mistake_is_refused_when_it_is_made() -> None:
    with pytest.raises(TypeError, match="defined twice"):

        class Twice(Family, name="twice"):
            @constraint("C1: one")
            def one(self) -> bool:
                return True

            @constraint("C1: another")
            def another(self) -> bool:
                return True

    with pytest.raises(TypeError, match="only the last operand"):

        class Middle(Operation, name="middle"):
            many: tuple[Value, ...] = operand("many", variadic=True)
            one: Value = operand("one")

    with pytest.raises(TypeError, match="no attribute can be of type"):

        class Odd(Operation, name="odd"):
            table: dict[str, int] = attribute("a table")


@pytest.mark.parametrize("wrong", ["x", 1.0, [1.0]])
def test_an_operand_that_is_no_value_is_a_type_error(wrong: object) -> None:
    builder = Builder()
    value = builder.parameter("x", tensor((2,), "f32"))
    for operands in ((value, wrong), (wrong, value)):
        with pytest.raises(TypeError, match="add: an operand is a Value, not "):
            builder.add(*operands)
