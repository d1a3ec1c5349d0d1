"""Lookup, hashing, and created tensors: against dictionaries, known fingerprints and distributions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nir.errors import RunError
from nir.interp import run
from nir.ir import InferenceError, TensorType, tensor
from nir.ops.builder import Builder
from nir.ops.farmhash import fingerprint64
from nir.verify import check

FINGERPRINTS = {
    0: 0x9AE16A3B2F90404F,
    1: 0x47A24C13B17E583E,
    3: 0x24D88E92DDA019C2,
    4: 0x62C6640A2B1BBC21,
    7: 0xF9F006AFB4D38EE1,
    8: 0xBEDDCD7A08EBFA68,
    12: 0x47FD9C235708A2A9,
    16: 0xF5220DCC139AF27E,
    17: 0x13017A2F66650D06,
    32: 0xE5FA5F1C61DC3D3D,
    33: 0x0812D575DE85CB88,
    64: 0x37EE38C31F167714,
    65: 0xDF6EEC9707D4274F,
    127: 0x781176764800B761,
    128: 0x3DC7A3893355B793,
    129: 0xA74262EBDB61DDC3,
    192: 0x107276493F4B8DF6,
    193: 0xE85EC042E3AA3F7A,
    1000: 0xB6087B4E77400052,
}
"""Of the strings whose byte i is 31 i^2 + 7 i + length, by length: what Google's FarmHash gives (pyfarmhash 0.5.1)."""


def evaluate(operator: str, *operands: tuple[TensorType, Any], **fields: Any) -> list[np.ndarray]:
    """An operator's results for operands given by type and elements."""
    builder = Builder()
    values = [builder.parameter(f"x{i}", type) for i, (type, _) in enumerate(operands)]
    results = getattr(builder, operator)(*values, **fields)
    builder.returns(*(results if isinstance(results, tuple) else (results,)))
    assert [diagnostic.render() for diagnostic in check(builder.module)] == []
    arrays = [np.asarray(elements, type.element.numpy) for type, elements in operands]
    return list(run(builder.module, arrays).values())


@pytest.mark.parametrize("length", FINGERPRINTS)
def test_fingerprints_are_those_of_farmhash(length: int) -> None:
    i = np.arange(length)
    key = (31 * i * i + 7 * i + length).astype(np.uint8)
    assert int(fingerprint64(key[np.newaxis])[0]) == FINGERPRINTS[length]


@given(st.integers(0, 150), st.data())
def test_fingerprints_of_many_keys_are_those_of_each(length: int, data: st.DataObject) -> None:
    keys = [data.draw(st.binary(min_size=length, max_size=length)) for _ in range(3)]
    together = fingerprint64(np.array([list(key) for key in keys], np.uint8).reshape(3, length))
    alone = [fingerprint64(np.frombuffer(key, np.uint8)[np.newaxis])[0] for key in keys]
    assert together.tolist() == alone


keys_and_lookups = st.tuples(
    st.lists(st.integers(-20, 20), min_size=1, max_size=8, unique=True).map(sorted),
    st.lists(st.integers(-25, 25), max_size=8),
)


@given(keys_and_lookups)
def test_a_hashtable_is_a_dictionary(drawn: tuple[list[int], list[int]]) -> None:
    keys, lookups = drawn
    values = np.arange(1, 2 * len(keys) + 1, dtype=np.float32).reshape(len(keys), 2)
    table = dict(zip(keys, values.tolist(), strict=True))
    output, hits = evaluate(
        "hashtable_lookup",
        (tensor(len(lookups), "i32"), lookups),
        (tensor(len(keys), "i32"), keys),
        (tensor((len(keys), 2)), values),
    )
    assert output.tolist() == [table.get(key, [0.0, 0.0]) for key in lookups]
    assert hits.tolist() == [int(key in table) for key in lookups]


def test_keys_out_of_order_are_an_error() -> None:
    with pytest.raises(RunError, match="ascending"):
        evaluate(
            "hashtable_lookup", (tensor(1, "i32"), [1]), (tensor(2, "i32"), [2, 1]), (tensor((2, 1)), [[1.0], [2.0]])
        )


@pytest.mark.parametrize("index", [-1, 3])
def test_an_index_without_a_row_is_an_error(index: int) -> None:
    with pytest.raises(RunError, match=f"index {index} lies outside of the 3 rows"):
        evaluate("embedding_lookup", (tensor(1, "i32"), [index]), (tensor((3, 2)), np.zeros((3, 2))))


def test_projections_agree_with_each_other() -> None:
    """The numbers of a sparse projection are made of the bits of the dense one, with weights of 1."""
    rng = np.random.default_rng(3)
    seeds, data = rng.standard_normal((5, 6)), rng.integers(-1000, 1000, (7, 4))
    operands = (tensor((5, 6)), seeds), (tensor((7, 4), "i32"), data)
    [dense] = evaluate("lsh_projection", *operands, (tensor(7), np.ones(7)), projection="dense")
    [plain] = evaluate("lsh_projection", *operands, projection="sparse_without_offset")
    [offset] = evaluate("lsh_projection", *operands)
    assert plain.tolist() == [int("".join(map(str, bits)), 2) for bits in dense.reshape(5, 6).tolist()]
    assert offset.tolist() == (plain + np.arange(5) * 64).tolist()
    assert 5 < dense.sum() < 25, "bits are hardly all equal"


def test_classes_are_drawn_by_their_probability() -> None:
    """The chi-square statistic of 20,000 draws stays below its 99.99 % quantile (35.6 for 9 degrees of freedom)."""
    logits = np.random.default_rng(5).standard_normal((2, 10)).astype(np.float32)
    [drawn] = evaluate("random_multinomial", (tensor((2, 10)), logits), samples=20_000, seed=(37, 42))
    for row, classes in zip(logits.astype(np.float64), drawn, strict=True):
        expected = np.exp(row) / np.exp(row).sum() * 20_000
        found = np.bincount(classes, minlength=10)
        assert ((found - expected) ** 2 / expected).sum() < 35.6
    assert (drawn[0] != drawn[1]).any()


def test_a_seed_gives_its_own_numbers() -> None:
    operand = tensor((1, 100)), np.zeros((1, 100))
    first, again, other = (
        evaluate("random_multinomial", operand, samples=50, seed=seed)[0].tolist() for seed in ((1, 2), (1, 2), (2, 1))
    )
    assert first == again
    assert first != other


def test_impossible_classes_are_never_drawn() -> None:
    logits = [[-np.inf, 0.0, -np.inf, 1.0, -np.inf]]
    [drawn] = evaluate("random_multinomial", (tensor((1, 5)), logits), samples=1000, seed=(0, 1))
    assert set(drawn.ravel().tolist()) == {1, 3}


@given(st.lists(st.integers(0, 4), max_size=4))
def test_a_filled_tensor_has_the_shape_that_its_operand_says(shape: list[int]) -> None:
    [output] = evaluate("fill", (tensor(len(shape), "i32"), shape), (tensor((), "i32"), -7))
    assert list(output.shape) == shape
    assert (output == -7).all()


@pytest.mark.parametrize("shape", [[2, -1], [2**31 - 1, 2**31 - 1]])
def test_no_shape_is_an_error(shape: list[int]) -> None:
    with pytest.raises(RunError, match="cannot fill the shape"):
        evaluate("fill", (tensor(2, "i32"), shape), (tensor(()), 1.0))


def test_values_must_be_as_many_as_keys() -> None:
    builder = Builder()
    lookups, keys = builder.parameter("lookups", tensor(4, "i32")), builder.parameter("keys", tensor(3, "i32"))
    values = builder.parameter("values", tensor((2, 5)))
    with pytest.raises(InferenceError, match="not one slice for each key"):
        builder.hashtable_lookup(lookups, keys, values)


@pytest.mark.parametrize("shape", [(0, 3), (2, 0)])
def test_nothing_to_hash_has_bits_all_the_same(shape: tuple[int, int]) -> None:
    """No slices sum up to 0, which is not positive; slices without bytes are still hashed with the seed."""
    seeds = tensor((2, 3)), np.arange(6).reshape(2, 3)
    [numbers] = evaluate("lsh_projection", seeds, (tensor(shape), np.zeros(shape)), projection="sparse_without_offset")
    assert numbers.shape == (2,)
    if not shape[0]:
        assert numbers.tolist() == [0, 0]
