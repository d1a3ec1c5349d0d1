"""The mapping itself: which lists an operator takes, and what is told of others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nir
from nir.errors import ConvertError, VerifyError
from nir.ir import ElementType, Quantisation, TensorType, Value, tensor
from nir.nnapi import OPERAND_CODES, Operands, model_of, operand_type, read_operands, tensor_type
from nir.nnapi.kinds import KINDS
from nir.nnapi.mapping import NOT_OPERANDS, PARSED
from nir.nnapi.operand_types import ELEMENTS, operand_fields
from nir.nnapi.signatures import SIGNATURES
from nir.ops import OPERATORS_BY_NAME
from nnapi.samples import add_case, record

IMAGE, FILTER, BIAS = (tensor(shape, "f32") for shape in ((1, 4, 4, 2), (1, 2, 2, 4), (4,)))


def read(operator: str, *operands: TensorType | bool | int | float):
    """What the mapping makes of a list: tensor types are values, all else scalars."""
    types = [
        "TENSOR_FLOAT32" if isinstance(o, TensorType) else {bool: "BOOL", int: "INT32", float: "FLOAT32"}[type(o)]
        for o in operands
    ]
    values = [Value(o) if isinstance(o, TensorType) else None for o in operands]
    return read_operands(operator, Operands(types, lambda i: values[i], lambda i: [operands[i]]))


def test_width_comes_before_height_in_nnapi() -> None:
    built = read("AVERAGE_POOL_2D", IMAGE, 1, 2, 3, 4, 5, 6, 7, 8, 0)
    assert built.attributes == {
        "padding": (3, 4, 1, 2),
        "strides": (6, 5),
        "window": (8, 7),
        "activation": "none",
    }


@pytest.mark.parametrize(
    ("operands", "padding"),
    [
        ((0, 0, 0, 0, 1, 1, 0), (0, 0, 0, 0)),
        ((0, 0, 0, 0, 1, 1, 0, True, 1, 1), (0, 0, 0, 0)),
        ((1, 1, 1, 0), "same"),
        ((2, 1, 1, 0, True), "valid"),
        ((2, 1, 1, 0, False, 2, 1), "valid"),
    ],
)
def test_the_forms_of_a_convolution_are_told_apart(operands: tuple[int, ...], padding: object) -> None:
    assert read("CONV_2D", IMAGE, FILTER, BIAS, *operands).attributes["padding"] == padding


@pytest.mark.parametrize(
    ("operator", "operands", "words"),
    [
        ("ADD", (IMAGE, IMAGE), "ADD does not take such operands"),
        ("ADD", (IMAGE, IMAGE, 0, 0), "left, right, activation"),
        ("ADD", (IMAGE, IMAGE, 0.5), "found: 3 operands: TENSOR_FLOAT32, TENSOR_FLOAT32, FLOAT32"),
        ("ADD", (IMAGE, IMAGE, 4), "there is no activation of code 4"),
        ("CONV_2D", (IMAGE, FILTER, BIAS, 1, 1, 1, 0, False, 2), r"\[dilations\[1\]\], \[dilations\[0\]\]"),
        ("CONV_2D", (IMAGE, FILTER, BIAS, 3, 1, 1, 0), "there is no padding scheme of code 3"),
        ("DEPTHWISE_CONV_2D", (IMAGE, FILTER, BIAS, 1, 1, 1, 3, 0), "the multiplier is 3, and shapes make it 2"),
    ],
)
def test_what_an_operator_does_not_take_is_told(operator: str, operands: tuple[object, ...], words: str) -> None:
    with pytest.raises(VerifyError, match=words):
        read(operator, *operands)


def test_an_unknown_operator_is_refused_with_a_hint() -> None:
    with pytest.raises(ConvertError, match="did you mean 'CONV_2D'"):
        read("CONV_2DD", IMAGE)


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_signature_names_fields_of_its_operator(name: str) -> None:
    """Each operand once, and each attribute in at least one form."""
    for signature in PARSED[name]:
        operator = OPERATORS_BY_NAME[signature.operator]
        values = [slot.field for slot in signature.slots if slot.is_value]
        assert sorted(values) == sorted(field.name for field in operator.operand_fields)
        assert all(slot.kind_name in KINDS for slot in signature.slots)
    attributes = set().union(*(signature.fields for signature in PARSED[name])) - {"multiplier"}
    known = set(operator.attribute_fields)
    assert known - attributes - NOT_OPERANDS == ({"dilations"} if name == "GROUPED_CONV_2D" else set())
    assert attributes <= known


def test_an_attribute_that_no_operand_states_is_refused_by_name() -> None:
    text = """func @main(%x: tensor<1x5x5x4xf32>, %w: tensor<2x3x3x2xf32>, %b: tensor<2xf32>) -> tensor<1x1x1x2xf32> {
      %0 = grouped_conv_2d(%x, %w, %b) {groups = 2, dilations = [2, 2]} : tensor<1x1x1x2xf32>
      return %0
    }"""
    with pytest.raises(ConvertError, match=r"written as GROUPED_CONV_2D: .*dilations cannot be said"):
        model_of(nir.parse(text))


def test_what_nnapi_cannot_say_is_refused_by_name() -> None:
    text = "func @main(%x: tensor<4xf32>) -> tensor<4xf32> {{ %y = {} : tensor<4xf32> return %y }}"
    with pytest.raises(ConvertError, match=r"@main, leaky_relu %y: NNAPI has no operator for leaky_relu"):
        model_of(nir.parse(text.format("leaky_relu(%x)")))
    with pytest.raises(ConvertError, match="NNAPI has no operator for call"):
        model_of(nir.parse(text.format("call @main(%x)")))
    with pytest.raises(ConvertError, match="returns the constant %y, which no NNAPI model does"):
        model_of(nir.parse(text.format("const dense<0.0>")))
    ranked = "func @main(%x: tensor<4xf32>) -> tensor<i32> { %r = rank(%x) : tensor<i32> %y = neg(%r) : tensor<i32> return %y }"
    with pytest.raises(ConvertError, match="%r: NNAPI has it as a scalar, which 'input' does not take"):
        model_of(nir.parse(ranked))


# --- operand types ---


def test_every_operand_type_has_its_code() -> None:
    assert sorted(OPERAND_CODES.values()) == list(range(16))
    assert ELEMENTS.keys() == OPERAND_CODES.keys() - {"SUBGRAPH"}


@given(st.sampled_from(ElementType), st.booleans(), st.integers(-5, 5), st.booleans(), st.booleans())
def test_a_type_is_said_exactly_or_refused(
    element: ElementType, quantised: bool, zero_point: int, per_channel: bool, symmetric: bool
) -> None:
    quantisation = None
    if quantised and element.is_integer:
        quantisation = Quantisation.per_tensor(0.5, zero_point)
        if per_channel:
            quantisation = Quantisation.per_channel([0.5, 0.25], 0, [zero_point, 0])
    type = TensorType(element, (2, 3), quantisation)
    try:
        name = operand_type(type, symmetric=symmetric)
    except ConvertError:
        expressible = element is not ElementType.U32 and (quantisation is None or element is ElementType.U8)
        assert not expressible or per_channel
        return
    back = tensor_type(operand_fields(type, name))
    if element is ElementType.I32 and per_channel:
        assert back == type.with_quantisation(None)  # the scales follow from input and filter
    else:
        assert back == type


def test_a_reference_to_a_model_is_no_tensor() -> None:
    operand = {**record(add_case()).operand(0), "type": "SUBGRAPH"}
    with pytest.raises(ConvertError, match="SUBGRAPH is not a tensor"):
        tensor_type(operand)
