"""Layer 4: types by themselves, and results against their operator's rule."""

from __future__ import annotations

import pytest

from nir.ir import Module, Operation, Quantisation, QuantisationRule, Shape, TensorType, Value, operand, result, tensor
from nir.ir.types import ANY, ElementType
from nir.ops.builder import Builder
from nir.verify import check

U8 = tensor((4,), "u8", scale=0.5, zero_point=3)


def messages(module: Module) -> list[str]:
    return [diagnostic.message for diagnostic in check(module)]


def parameter(type: TensorType) -> Module:
    b = Builder()
    b.returns(b.parameter("x", type))
    return b.module


@pytest.mark.parametrize(
    "type",
    [
        tensor((4,), "u8", scale=1e-30, zero_point=255),
        tensor((4,), "i8", scale=3e38, zero_point=-128),
        tensor((4,), "u16", scale=0.5, zero_point=65535),
        tensor((4,), "i32", scale=0.5, zero_point=-(2**31)),
        tensor((), "i8", scale=0.5),
        tensor((2, 3), "i8", scales=[0.5, 0.25, 1.0], axis=1),
        tensor((None, 3), "i8", scales=[0.5, 0.25], axis=0),
        tensor((0,), "i8", scales=[], axis=0),
        tensor((4,), "u8"),
    ],
    ids=str,
)
def test_well_formed(type: TensorType) -> None:
    assert messages(parameter(type)) == []


@pytest.mark.parametrize(
    ("type", "message"),
    [
        (tensor((4,), "f16", scale=0.5), "is quantised, but only integers can be"),
        (tensor((4,), "bool", scale=0.5), "is quantised, but only integers can be"),
        (tensor((4,), "u8", scale=0.5, zero_point=256), "has a zero point that cannot be stored"),
        (tensor((4,), "i16", scale=0.5, zero_point=-32769), "has a zero point that cannot be stored"),
        (tensor((4,), "u8", scale=0.0), "has a scale that is no positive number"),
        (tensor((4,), "u8", scale=-1.0), "has a scale that is no positive number"),
        (tensor((4,), "u8", scale=float("inf")), "has a scale that is no positive number"),
        (tensor((4,), "u8", scale=float("nan")), "has a scale that is no positive number"),
        (tensor((2,), "i8", scales=[0.5, float("nan")], axis=0), "has a scale that is no positive number"),
        (tensor((2,), "i8", scales=[0.5, 1], axis=1), "has a quantisation axis that is no dimension"),
        (tensor((2,), "i8", scales=[0.5, 1], axis=-1), "has a quantisation axis that is no dimension"),
        (tensor((), "i8", scales=[0.5], axis=0), "has a quantisation axis that is no dimension"),
        (tensor((3,), "i8", scales=[0.5, 1], axis=0), "has the wrong number of scales"),
        (TensorType(ElementType.I8, (2,), Quantisation((1.0, 2.0), (0,), 0)), "has the wrong number of zero points"),
        (
            TensorType(ElementType.I8, (2,), Quantisation((1.0, 2.0), (0, 0))),
            "has several scales or zero points, but no axis",
        ),
        (TensorType(ElementType.I8, (2,), Quantisation((), ())), "has several scales or zero points, but no axis"),
    ],
)
def test_malformed(type: TensorType, message: str) -> None:
    assert messages(parameter(type)) == [f"parameter %x {message}"]


def test_declared_result_type_is_checked() -> None:
    module = parameter(U8)
    module.main.declared_result_types = (tensor((4,), "u8", scale=0.0, zero_point=3),)
    assert messages(module)[0] == "result 0 of @main has a scale that is no positive number"


def declare(rule: QuantisationRule) -> type[Operation]:
    """An operator whose result follows `rule`."""

    class Copy(Operation, name="copy"):
        __slots__ = ()
        input: Value = operand("anything", ANY)
        output: Value = result("the same", elements=ANY, quantisation=rule)

        def infer_shapes(self) -> list[Shape]:
            return [self.input.shape]

    return Copy


RAW = tensor((4,), "u8")
UNIT_256 = tensor((4,), "u8", scale=1 / 256, zero_point=0)
UNIT_128 = tensor((4,), "i8", scale=1 / 128, zero_point=0)
FLOAT = tensor((4,), "f32")


@pytest.mark.parametrize(
    ("rule", "input", "output", "right"),
    [
        (QuantisationRule.SAME, U8, U8, True),
        (QuantisationRule.SAME, U8, UNIT_256, False),
        (QuantisationRule.SAME, U8, RAW, False),
        (QuantisationRule.SAME, RAW, RAW, True),
        (QuantisationRule.SAME, RAW, U8, False),
        (QuantisationRule.FREE, U8, UNIT_256, True),
        (QuantisationRule.NONE, U8, RAW, True),
        (QuantisationRule.NONE, U8, U8, False),
        (QuantisationRule.UNIT_256, U8, UNIT_256, True),
        (QuantisationRule.UNIT_256, U8, U8, False),
        (QuantisationRule.UNIT_256, U8, RAW, False),
        (QuantisationRule.UNIT_256, RAW, RAW, True),
        (QuantisationRule.UNIT_128, U8, UNIT_128, True),
        (QuantisationRule.UNIT_128, U8, U8, False),
        (QuantisationRule.UNIT_128, FLOAT, FLOAT, True),
        (QuantisationRule.SAME_BY_DEFAULT, U8, UNIT_256, True),
        (QuantisationRule.UNIT_256_BY_DEFAULT, U8, U8, True),
    ],
    ids=str,
)
def test_rules_of_results(rule: QuantisationRule, input: TensorType, output: TensorType, right: bool) -> None:
    b = Builder()
    x = b.parameter("x", input)
    b.returns(b.append(declare(rule)([x], {}, [output], ["y"])))
    found = check(b.module)
    assert [d.message.split("; ")[0] for d in found] == (
        [] if right else ["copy: result 'output' has the wrong quantisation"]
    )


def test_long_lists_of_scales_are_cut_short() -> None:
    channels = 5000
    b = Builder()
    x = b.parameter("x", tensor((channels,), "i8", scales=[0.5] * channels, axis=0))
    wrong = declare(QuantisationRule.SAME)(
        [x], {}, [tensor((channels,), "i8", scales=[0.25] * channels, axis=0)], ["y"]
    )
    b.returns(b.append(wrong))
    [diagnostic] = check(b.module)
    assert len(diagnostic.render()) < 1500
    assert diagnostic.found is not None
    assert diagnostic.found.endswith("... 4992 more]")
