"""Functions and modules: building, walking, copying, comparing."""

from __future__ import annotations

import numpy as np
import pytest

from nir.ir import (
    ConstantData,
    Function,
    Module,
    Symbol,
    callees,
    copy_function,
    copy_module,
    first_difference,
    reachable,
    replace_uses,
    same,
    tensor,
    users,
    walk,
)
from nir.ops.builder import Builder


def small(extra: bool = False, element: float = 1.0, name: str = "y") -> Module:
    b = Builder("main")
    x = b.parameter("x", tensor((2,)))
    one = b.const([element, 2.0])
    y = b.add(x, one, name=name)
    b.returns(b.add(y, one) if extra else y)
    return b.module


def test_builder_numbers_and_separates_names() -> None:
    b = Builder()
    x, twin = b.parameter("x", tensor((2,))), b.parameter("x", tensor((2,)))
    assert (x.name, twin.name) == ("x", "x_1")
    assert b.add(x, twin).name == "0"
    assert b.add(x, twin, name="x").name == "x_2"
    assert b.add(x, twin, name="1").name == "1"
    assert b.add(x, twin).name == "2"


def test_builder_says_which_operator_it_does_not_know() -> None:
    with pytest.raises(AttributeError, match="no operator 'frobnicate'"):
        Builder().frobnicate()
    assert "add" in dir(Builder())


def test_builder_constants_have_the_types_people_mean() -> None:
    b = Builder()
    assert b.const([1.5]).type == tensor((1,), "f32")
    assert b.const(3).type == tensor((), "i32")
    assert b.const(np.zeros(2, np.float16)).type == tensor((2,), "f16")
    quantised = tensor((2,), "i8", scale=0.5)
    assert b.const([1, 2], quantised).type == quantised


def test_equal_modules_are_the_same_whatever_their_values_are_called() -> None:
    assert same(small(), small(name="other"))
    assert not same(small(), small(name="other"), names=True)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (small(extra=True), "@main, number of operations: 2 on the left, 3 on the right"),
        (small(element=-0.0), r"@main, operation 0 \(%0 = const\), attribute value"),
        (Module(), "functions: @main on the left, none on the right"),
    ],
)
def test_the_first_difference_reads_well(other: Module, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(str(first_difference(small(), other)))


def test_operands_are_compared_by_what_defines_them() -> None:
    def swapped(swap: bool) -> Module:
        b = Builder()
        x, y = b.parameter("x", tensor((2,))), b.parameter("y", tensor((2,)))
        b.returns(b.sub(y, x) if swap else b.sub(x, y))
        return b.module

    difference = first_difference(swapped(False), swapped(True))
    assert difference is not None
    assert "operand 0" in difference.where


def test_constants_compare_by_bits_and_not_by_name() -> None:
    nan = np.array([np.nan, -0.0], np.float32)
    assert ConstantData(nan, "w") == ConstantData(nan.copy())
    assert ConstantData(nan) != ConstantData(np.array([np.nan, 0.0], np.float32))
    assert ConstantData(np.zeros(2, np.int8)) != ConstantData(np.zeros(2, np.uint8))
    assert ConstantData(np.zeros((), np.int8)) != ConstantData(np.zeros(1, np.int8))


def test_copies_share_no_operation_and_are_equal() -> None:
    module = small(extra=True)
    duplicate = copy_module(module)
    assert same(module, duplicate, names=True)
    assert not {id(op) for op in walk(module)} & {id(op) for op in walk(duplicate)}
    assert not {id(v) for v in module.main.values()} & {id(v) for v in duplicate.main.values()}
    duplicate.main.operations.pop()
    assert len(module.main) == 3
    assert copy_function(module.main, "twin").name == "twin"


def test_users_and_replacement() -> None:
    function = small(extra=True).main
    const, add, last = function.operations
    assert users(function)[const.results[0]] == [(add, 1), (last, 1)]
    replace_uses(function, {add.results[0]: function.parameters[0], last.results[0]: const.results[0]})
    assert last.operands[0] is function.parameters[0]
    assert function.results == [const.results[0]]


def test_reachable_follows_calls_once_and_skips_unknown_names() -> None:
    module = Module()
    for name, targets in {"a": ["b", "c"], "b": ["a", "gone"], "c": [], "d": ["a"]}.items():
        b = Builder(name, module)
        x = b.parameter("x", tensor((2,)))
        for target in targets:
            b.call(x, callee=target, types=[tensor((2,))])
        b.returns(x)
    assert [f.name for f in reachable(module, ["a"])] == ["a", "b", "c"]
    assert callees(module["d"].operations[0]) == [Symbol("a")]


def test_a_module_finds_its_main_function() -> None:
    only = Module([Function("f")])
    assert only.main.name == "f"
    assert Module([Function("f"), Function("main")]).main.name == "main"
    with pytest.raises(KeyError):
        _ = Module([Function("f"), Function("g")]).main
    with pytest.raises(ValueError, match="@f already"):
        only.add(Function("f"))


def test_long_chains_are_walked_without_recursion() -> None:
    b = Builder()
    x = b.parameter("x", tensor((2,)))
    for _ in range(20_000):
        x = b.add(x, x)
    b.returns(x)
    duplicate = copy_module(b.module)
    assert same(b.module, duplicate)
    assert sum(1 for _ in walk(duplicate)) == 20_000
