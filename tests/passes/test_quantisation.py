"""Quantisation propagation: what follows from stated parameters, in both directions, and what happens where two meet."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nir.errors import ConvertError
from nir.ir import ElementType, FunctionBuilder, Module, Quantisation, Value, tensor
from nir.ops.builder import Builder
from nir.passes import propagate_quantisation
from nir.verify import verify

HALF = Quantisation.per_tensor(0.5, 3)
OTHER = Quantisation.per_tensor(0.25, 3)


def stated(value: Value, quantisation: Quantisation = HALF) -> Value:
    """`value` with parameters on its type."""
    value.type = value.type.with_quantisation(quantisation)
    return value


def quantisations(builder: FunctionBuilder) -> list[Quantisation | None]:
    return [value.type.quantisation for value in builder.function.values()]


def images() -> tuple[Builder, Value]:
    b = Builder("main")
    return b, b.parameter("x", tensor((1, 4, 4, 2), "i8"))


def test_forwards_and_backwards_through_operators_that_carry_none() -> None:
    b, x = images()
    pooled = b.max_pool_2d(x, window=(2, 2), strides=(2, 2))
    flat = b.reshape(pooled, shape=(4, 2))
    left, right = b.split(flat, axis=0, parts=2)
    b.returns(b.transpose(right), b.slice(left, begin=(0, 0), size=(1, 1)))
    stated(left)
    assert propagate_quantisation(b.module) == 6
    assert quantisations(b) == [HALF] * 7
    verify(b.module)
    assert propagate_quantisation(b.module) == 0


def test_floats_and_raw_integers_stay() -> None:
    b = Builder("main")
    x, i = b.parameter("x", tensor((4, 2))), b.parameter("i", tensor((3,), "i32"))
    b.returns(b.gather(x, i, axis=0), b.reshape(i, shape=(3, 1)))
    assert propagate_quantisation(b.module) == 0
    assert quantisations(b) == [None] * 4


def test_indices_do_not_take_part_in_what_is_moved() -> None:
    b = Builder("main")
    x, i = b.parameter("x", tensor((4,), "i32")), b.parameter("i", tensor((2,), "i32"))
    y = b.gather(stated(x), i, axis=0)
    y.type = y.type.with_quantisation(None)
    b.returns(y)
    propagate_quantisation(b.module)
    assert quantisations(b) == [HALF, None, HALF]


def test_an_operator_that_rescales_ties_nothing() -> None:
    b, x = images()
    wide = b.parameter("wide", tensor((1, 4, 4, 2), "i8"))
    b.returns(b.add(stated(x), stated(wide, OTHER), scale=1.0))
    assert propagate_quantisation(b.module) == 0


@pytest.mark.parametrize("raw", [True, False])
def test_joining_rescales_unless_it_is_known_to_copy(raw: bool) -> None:
    b, x = images()
    y = b.parameter("y", tensor((1, 4, 4, 2), "i8"))
    joined = b.concatenation(x, y, axis=3, quantisation=HALF)
    b.returns(joined)
    propagate_quantisation(b.module, raw={joined.producer} if raw else ())
    assert quantisations(b) == ([HALF, HALF, HALF] if raw else [None, None, HALF])


def test_results_with_a_rule_of_their_own_take_it() -> None:
    b, x = images()
    y = b.logistic(x)
    z = b.max_pool_2d(y, window=(2, 2))
    b.returns(z)
    stated(x)
    propagate_quantisation(b.module)
    unit = Quantisation.per_tensor(1 / 256, -128)
    assert quantisations(b) == [HALF, unit, unit]
    verify(b.module)


def test_stated_results_keep_what_is_stated() -> None:
    b, x = images()
    y = b.logistic(x)
    b.returns(stated(y, OTHER))
    stated(x)
    assert propagate_quantisation(b.module) == 0
    assert quantisations(b) == [HALF, OTHER]


def test_a_late_discovery_reaches_a_rule() -> None:
    """The operand of the logistic becomes known only backwards, from behind."""
    b, x = images()
    y = b.logistic(x)
    stated(b.reshape(x, shape=(32,)))
    b.returns(y)
    propagate_quantisation(b.module)
    assert y.type.quantisation == Quantisation.per_tensor(1 / 256, -128)


def test_through_calls_in_both_directions() -> None:
    module = Module()
    main, callee = Builder("main", module), Builder("callee", module)
    a = callee.parameter("a", tensor((4,), "u8"))
    callee.returns(callee.reshape(a, shape=(2, 2)))
    x = main.parameter("x", tensor((4,), "u8"))
    (y,) = main.call(callee="callee", arguments=[x], types=[tensor((2, 2), "u8")])
    main.returns(stated(y))
    propagate_quantisation(module)
    assert quantisations(main) == [HALF, HALF]
    assert quantisations(callee) == [HALF, HALF]


def test_a_conflict_names_both_parameters_and_their_paths() -> None:
    b, x = images()
    stated(x)
    pooled = b.max_pool_2d(x, window=(2, 2), name="pooled")
    flat = b.reshape(pooled, shape=(18,), name="flat")
    for value in (pooled, flat):
        value.type = value.type.with_quantisation(None)
    last = b.reshape(flat, shape=(9, 2), name="last")
    b.returns(stated(last, OTHER))
    with pytest.raises(ConvertError) as caught:
        propagate_quantisation(b.module, sources={x: "somebody", last: "somebody else"})
    text = str(caught.value)
    assert "must have the same quantisation, and have not" in text
    assert "scale=0.5, zero_point=3" in text
    assert "scale=0.25, zero_point=3" in text
    assert "stated for %x by somebody" in text
    assert "to %pooled through max_pool_2d" in text
    assert "stated for %last by somebody else" in text
    assert len(caught.value.diagnostics) == 1


def test_a_long_path_is_shortened() -> None:
    b = Builder("main")
    value = stated(b.parameter("x", tensor((2, 3), "i8")))
    for _ in range(100):
        value = b.transpose(value)
        value.type = value.type.with_quantisation(None)
    last = b.transpose(value)
    b.returns(stated(last, OTHER))
    with pytest.raises(ConvertError) as caught:
        propagate_quantisation(b.module)
    assert "more steps" in str(caught.value)
    assert len(str(caught.value).split("\n")) < 40


MOVES = {
    "reshape": lambda b, v: b.reshape(v, shape=(v.type.size,)),
    "unfold": lambda b, v: b.reshape(v, shape=(1, v.type.size)),
    "transpose": lambda b, v: b.transpose(v),
    "join": lambda b, v: b.concatenation(v, v, axis=0),
    "largest": lambda b, v: b.maximum(v, v),
    "tile": lambda b, v: b.tile(v, multiples=(1,) * v.type.rank),
}


@given(
    steps=st.lists(st.tuples(st.sampled_from(sorted(MOVES)), st.integers(0, 5)), min_size=1, max_size=12),
    seed=st.integers(0, 12),
    scale=st.floats(2**-10, 4, width=32),
    zero_point=st.integers(-128, 127),
)
def test_one_statement_reaches_all_that_is_connected(
    steps: list[tuple[str, int]], seed: int, scale: float, zero_point: int
) -> None:
    """Whatever the graph of copying operators looks like, and wherever in it the parameters are stated."""
    b = Builder("main")
    values = [b.parameter("x", tensor((2,), ElementType.I8))]
    for name, source in steps:
        values.append(MOVES[name](b, values[source % len(values)]))
    raw = {value.producer for value in values[1:] if value.producer is not None}
    quantisation = Quantisation.per_tensor(scale, zero_point)
    chosen = values[seed % len(values)]
    stated(chosen, quantisation)
    b.returns(*values[1:])
    assert propagate_quantisation(b.module, raw=raw) == len(values) - 1
    assert {value.type.quantisation for value in values} == {quantisation}


def test_a_long_chain_backwards() -> None:
    b = Builder("main")
    value = first = b.parameter("x", tensor((2, 2), "i8"))
    for _ in range(20_000):
        value = b.transpose(value)
    stated(value)
    b.returns(value)
    assert propagate_quantisation(b.module) == 20_000
    assert first.type.quantisation == HALF
    assert np.all([q == HALF for q in quantisations(b)])
