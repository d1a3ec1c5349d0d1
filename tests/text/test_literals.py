"""Numbers: every bit survives, decimals are read correctly rounded, absurd ones are refused."""

from __future__ import annotations

import struct
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nir.errors import ParseError
from nir.ir import ConstantData, ElementType, Function, Module, TensorType, float32_text
from nir.ops.constant import Const
from nir.source import Source
from nir.text import parse, print_module
from nir.text.lexical import quote, unquote
from nir.text.literals import narrow_all, nearest_float32


def through_text(array: np.ndarray) -> np.ndarray:
    """The constant `array` printed and read."""
    op = Const(
        (), {"value": ConstantData(array)}, [TensorType(ElementType.from_numpy(array.dtype), array.shape)], ["c"]
    )
    module = parse(print_module(Module([Function("f", (), [op], op.results)])))
    read: np.ndarray = module["f"].operations[0].value.array  # type: ignore[attr-defined]
    return read


def same_numbers(left: np.ndarray, right: np.ndarray) -> bool:
    """Equal bits, but for NaN, whose payload is not written."""
    nan = np.isnan(left)
    return np.array_equal(nan, np.isnan(right)) and left[~nan].tobytes() == right[~nan].tobytes()


def test_all_float16() -> None:
    every = np.arange(65536, dtype=np.uint16).view(np.float16)
    assert same_numbers(every, through_text(every))


def test_a_sample_of_float32() -> None:
    """Every exponent and sign with mantissas of all zeros, all ones, one bit, and random ones."""
    rng = np.random.default_rng(1)
    mantissas = np.concatenate(
        [[0, 0x7FFFFF], 1 << np.arange(23), (1 << np.arange(1, 23)) - 1, rng.integers(0, 1 << 23, 40)]
    )
    every = (np.arange(512, dtype=np.uint32)[:, None] << 23 | mantissas.astype(np.uint32)).reshape(-1).view(np.float32)
    assert same_numbers(every, through_text(every))


@given(st.integers(0, 2**32 - 1))
def test_any_float32(bits: int) -> None:
    array = np.array([bits, 0], np.uint32).view(np.float32)
    assert same_numbers(array, through_text(array))


def rounded(exact: Fraction, bits: int, smallest: int) -> Fraction:
    """`exact` rounded to a float of `bits` bits with least exponent `smallest`, ties to even: the definition."""
    if exact == 0:
        return Fraction(0)
    exponent = smallest
    while abs(exact) >= Fraction(2) ** (exponent + bits):
        exponent += 1
    unit = Fraction(2) ** exponent
    return Fraction(round(exact / unit)) * unit  # Python rounds halves to even


DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-60000, max_value=60000)


@st.composite
def near_ties(draw: st.DrawFn) -> Decimal:
    """Decimals near the middle of two float32 or float16 numbers, by less than a float64 can tell."""
    bits = draw(st.sampled_from([24, 11]))
    middle = Fraction(2 * draw(st.integers(0, 2**bits)) + 1, 2) * Fraction(2) ** draw(
        st.integers(-24, 4 if bits == 11 else -9)
    )
    digits = Decimal(middle.numerator) / Decimal(middle.denominator)
    return digits + draw(st.sampled_from([Decimal(0), Decimal("1e-25"), Decimal("-1e-25")])) * (digits or 1)


@given(DECIMALS | near_ties())
@example(Decimal("16777217.0000000001"))
@example(Decimal("-16777218.99999999999999"))
def test_decimals_are_read_correctly_rounded(decimal: Decimal) -> None:
    token = f"{decimal:f}"
    expected = rounded(Fraction(token), 24, -149)
    assert Fraction(nearest_float32(token)) == expected
    assert Fraction(float(narrow_all([token], np.dtype(np.float32))[0])) == expected
    if abs(decimal) < 65504:
        assert Fraction(float(narrow_all([token], np.dtype(np.float16))[0])) == rounded(Fraction(token), 11, -24)


@given(st.floats(allow_nan=False, width=32))
def test_scales_keep_their_bits(scale: float) -> None:
    text = f"nir 1.0\n\nfunc @f(%x: tensor<u8, scale={float32_text(scale)}, zero_point=0>) -> () {{\n  return\n}}\n"
    module = parse(text)
    assert struct.pack("f", module["f"].parameters[0].type.quantisation.scale) == struct.pack("f", scale)  # type: ignore[union-attr]
    assert print_module(module) == text


@given(st.text(st.characters(exclude_categories=())))
def test_quoted_text_keeps_every_character(text: str) -> None:
    token = quote(text)
    assert token.isprintable()
    token.encode("utf-8")
    assert unquote(token, Source("x", token), 0) == text


ABSURD = "9" * 1_000_000


@pytest.mark.parametrize(
    "text",
    [
        f"func @f(%x: tensor<{ABSURD}xf32>) -> () {{ return }}",
        f"func @f(%x: tensor<u8, scale={ABSURD}, zero_point=0>) -> () {{ return }}",
        f"func @f(%x: tensor<u8, scale=1.{ABSURD}, zero_point=0>) -> () {{ return }}",
        f"func @f(%x: tensor<u8, scale=1, zero_point=-{ABSURD}>) -> () {{ return }}",
        f"func @f() -> () attributes {{a = {ABSURD}}} {{ return }}",
        f"func @f() -> () attributes {{a = 1e{ABSURD}}} {{ return }}",
        f"func @f() -> () {{ %c = const dense<[{ABSURD}]> : tensor<1xi32> return }}",
        f"func @f() -> () {{ %c = const dense<{ABSURD}.5> : tensor<f32> return }}",
        f"nir {ABSURD}.0",
        f"nir 1.{ABSURD}",
    ],
    ids=lambda text: text[:45],
)
def test_numbers_of_a_million_digits_are_refused(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert len(str(caught.value)) < 2000
