"""The printer: what is read back is structurally equal, and TVM's grammar accepts what is written."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from data import data_folder
from hypothesis import given, settings
from relay_grammar import check
from relay_programs import ODD_NAMES, constants, modules

from nir.errors import ConvertError
from nir.relay import (
    Call,
    Constant,
    Expr,
    Function,
    If,
    Let,
    Module,
    Op,
    Tuple,
    TupleGetItem,
    Var,
    first_difference,
    load,
    print_module,
)
from nir.relay.text import parse
from nir.source import Source

RELAY = (data_folder() or Path("absent")) / "relay"


def read(text: str) -> Module:
    return parse(Source("printed", text))


def recorded() -> list[tuple[str, str]]:
    """Every Relay text and JSON of the recorded data with its name."""
    found = [(path.parent.name, path.read_text()) for path in sorted(RELAY.glob("models/*/model.relay"))]
    found += [(str(path), path.read_text()) for path in sorted(RELAY.glob("mlf/*/model*.json"))]
    found += [(path.name, gzip.decompress(path.read_bytes()).decode()) for path in sorted(RELAY.glob("json/*.gz"))]
    operators = RELAY / "ops.jsonl.gz"
    if operators.exists():
        rows = [json.loads(line) for line in gzip.decompress(operators.read_bytes()).splitlines()]
        found += [(row["name"], row["relay"]) for row in rows]
    return found


@pytest.mark.skipif(not RELAY.is_dir(), reason="no recorded data: set NIR_DATA to its folder")
def test_recorded_modules_are_read_back_equal_from_what_tvm_accepts() -> None:
    texts = recorded()
    assert len(texts) > 240
    for name, text in texts:
        module = load(text)
        printed = print_module(module)
        assert first_difference(module, read(printed)) is None, name
        assert print_module(read(printed)).count("\n") == printed.count("\n")
        if len(printed) < 20_000:
            check(printed)


@given(modules(ODD_NAMES))
@settings(max_examples=150)
def test_any_module_is_read_back_equal_from_what_tvm_accepts(module: Module) -> None:
    printed = print_module(module)
    check(printed)
    assert first_difference(module, read(printed)) is None


@given(modules(ODD_NAMES))
@settings(max_examples=100)
def test_exact_names_are_read_back(module: Module) -> None:
    again = read(print_module(module, exact_names=True))
    assert first_difference(module, again) is None
    for name, function in module.functions.items():
        wanted = [parameter.name_hint for parameter in function.params]
        if len(set(wanted)) == len(wanted) and all(wanted):
            assert [parameter.name_hint for parameter in again[name].params] == wanted


@given(constants())
def test_constants_are_exact(constant: Constant) -> None:
    again = read(print_module(Module({"main": Function((), constant)}))).main.body
    assert isinstance(again, Constant)
    assert again.dtype == constant.dtype
    assert again.data.shape == constant.data.shape
    assert again.data.tobytes() == constant.data.tobytes()


def test_deep_and_wide_graphs() -> None:
    x = Var("x")
    chain: Expr = x
    for _ in range(20_000):
        chain = Call(Op("nn.relu"), [chain])
    nested: Expr = x
    for index in range(2_000):
        nested = If(x, Let(Var(f"v{index}"), nested, x), Function((), nested))
    lets: Expr = x
    for index in range(3_000):
        lets = Let(Var(f"w{index}"), Call(Op("abs"), [x]), lets)
    deep: Expr = x
    for _ in range(2_000):
        deep = Let(Var("d"), deep, x)
    module = Module({"main": Function([x], Tuple([chain, nested, lets, deep]))})
    printed = print_module(module)
    assert first_difference(module, read(printed)) is None
    assert len(printed) < 3_000_000


def test_what_is_used_in_both_branches_is_written_before() -> None:
    x = Var("x")
    shared = Call(Op("abs"), [x])
    module = Module({"main": Function([x], If(x, Call(Op("exp"), [shared]), Call(Op("log"), [shared])))})
    assert print_module(module) == (
        '#[version = "0.0.5"]\n'
        "def @main(%x) {\n"
        "  %0 = abs(%x);\n"
        "  if (%x) {\n"
        "    exp(%0)\n"
        "  } else {\n"
        "    log(%0)\n"
        "  }\n"
        "}\n"
    )


def test_names_become_acceptable_and_stay_apart() -> None:
    parameters = [Var(name) for name in ("conv1.weight", "conv1:weight", "conv1_weight", "let", "_x", "1abc", "a/b")]
    module = Module({"main": Function(parameters, Tuple(parameters))})
    header = print_module(module).splitlines()[1]
    assert header == "def @main(%conv1_weight, %conv1_weight1, %conv1_weight2, %vlet, %v_x, %v1abc, %a/b) {"
    header = print_module(module, exact_names=True).splitlines()[1]
    assert header == 'def @main(%conv1.weight, %"conv1:weight", %conv1_weight, %let, %_x, %"1abc", %a/b) {'


def test_scales_are_written_so_that_they_are_not_taken_for_rounded_ones() -> None:
    for value in (np.float32(0.123456), np.float32(0.023529412), np.float32(1e-20), np.float32(123456)):
        printed = print_module(Module({"main": Function((), Constant(np.array(value)))}))
        digits = printed.splitlines()[2].strip().rstrip("f").partition("e")[0].replace(".", "").lstrip("0")
        assert len(digits) != 6
        assert np.float32(printed.splitlines()[2].strip().rstrip("f")) == value


def test_what_nothing_binds_is_an_error() -> None:
    with pytest.raises(ConvertError, match="nothing binds it"):
        print_module(Module({"main": Function((), TupleGetItem(Var("free"), 0))}))


@pytest.mark.parametrize(
    ("left", "right", "said"),
    [
        ("fn (%x) { abs(%x) }", "fn (%x) { exp(%x) }", "the operator: abs against exp"),
        ("fn (%x) { clip(%x, a_min=0f, a_max=6f) }", "fn (%x) { clip(%x, a_min=0f, a_max=7f) }", "attribute 'a_max'"),
        ("fn (%x, %y) { add(%x, %y) }", "fn (%x, %y) { add(%y, %x) }", "add argument 0"),
        ("fn (%x) { add(%x, 1f) }", "fn (%x) { add(%x, 2f) }", "add argument 1: constants of other values"),
        ("fn (%x: int8) { %x }", "fn (%x: uint8) { %x }", "parameter 0: the type that is written: int8 against uint8"),
        (
            "fn (%x) { %0 = abs(%x); (%0, %0) }",
            "fn (%x) { (abs(%x), abs(%x)) }",
            "tuple field 1: Call(Op(abs), 1 arguments) against Call(Op(abs), 1 arguments): other",
        ),
        ("fn (%x) { %x.0 }", "fn (%x) { %x.1 }", "the field: 0 against 1"),
        ("fn (%x) { let %y = %x; %y }", "fn (%x) { %x }", "body: Let(%y) against Var(%x)"),
        ("fn (%x, n=1) { %x }", "fn (%x) { %x }", "only one has the attribute 'n'"),
    ],
)
def test_the_first_difference_is_named(left: str, right: str, said: str) -> None:
    difference = first_difference(read(left), read(right))
    assert difference is not None
    assert said in difference
    assert first_difference(read(left), read(left)) is None
