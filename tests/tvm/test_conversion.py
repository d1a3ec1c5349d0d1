"""Relay to Relax: expressions other than operators, what the Relax module looks like, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tvm import relax

import nir.passes
import nir.relay
import nir.tvm
from nir.errors import ConvertError
from nir.passes.relay_to_relax import relay_to_relax
from nir.passes.relay_to_relax.lowerings import LOWERINGS
from nir.relay import Call, Constant, Function, Module, Op, TensorType, Tuple, Var, infer_types
from nir.relay.schema import complete, operators

HEADER = '#[version = "0.0.5"]\n'
ONE = np.arange(4, dtype=np.float32)
MATRIX = np.arange(12, dtype=np.float32).reshape(3, 4)


def run(text: str, *inputs: Any) -> list[np.ndarray]:
    compiled = nir.tvm.compile(relay_to_relax(nir.relay.load(HEADER + text)))
    names = [parameter.name for parameter in compiled.parameters]
    return compiled.run(dict(zip(names, inputs, strict=True)))


def refused(text: str) -> ConvertError:
    with pytest.raises(ConvertError) as caught:
        relay_to_relax(nir.relay.load(HEADER + text))
    return caught.value


def bindings(text: str) -> list[str]:
    """Names of the operators in the Relax main, in order; programs by the name of their function."""
    module = relay_to_relax(nir.relay.load(HEADER + text))
    calls = [binding.value for block in module["main"].body.blocks for binding in block.bindings]
    return [
        call.op.name if call.op.name != "relax.call_tir" else call.args[0].name_hint
        for call in calls
        if hasattr(call, "op")
    ]


# --- expressions ---


def test_parameters_keep_order_and_names() -> None:
    text = "def @main(%b: Tensor[(2), float32], %x:0: Tensor[(2), float32], %model/a.w: Tensor[(2), float32]) { %b }"
    compiled = nir.tvm.compile(relay_to_relax(nir.relay.load(HEADER + text)))
    assert [parameter.name for parameter in compiled.parameters] == ["b", "x:0", "model/a.w"]


def test_equal_names_are_told_apart() -> None:
    kind = TensorType((2,), "float32")
    parameters = [Var("x", kind), Var("x", kind), Var("x_1", kind)]
    module = Module({"main": Function(parameters, Tuple(parameters))})
    infer_types(module)
    compiled = nir.tvm.compile(relay_to_relax(module))
    names = [parameter.name for parameter in compiled.parameters]
    assert len(set(names)) == 3
    assert names[0] == "x"
    arrays = [np.full(2, number, np.float32) for number in range(3)]
    found = compiled.run(dict(zip(names, arrays, strict=True)))
    np.testing.assert_array_equal(found, arrays)


def test_results_may_be_parameters_and_constants() -> None:
    found = run("def @main(%x: Tensor[(4), float32]) { (%x, 3f, (%x, 4)) }", ONE)
    assert [array.tolist() for array in found] == [ONE.tolist(), 3.0, ONE.tolist(), 4]


def test_types_of_a_module_built_by_hand_are_inferred() -> None:
    x = Var("x", TensorType((3, 4), "float32"))
    attributes = complete(operators()["reshape"], {"newshape": (-1, 2)}, lambda _name: None)
    module = Module({"main": Function([x], Call(Op("reshape"), (x,), attributes))})
    (found,) = nir.tvm.run(relay_to_relax(module), {"x": MATRIX})
    np.testing.assert_array_equal(found, MATRIX.reshape(6, 2))


def test_tuples_go_in_and_out() -> None:
    text = """def @main(%p: (Tensor[(4), float32], Tensor[(4), float32])) {
        let %q = (%p.1, add(%p.0, %p.1)); (%q.1, %q) }"""
    found = run(text, (ONE, ONE * 2))
    np.testing.assert_array_equal(found, [ONE * 3, ONE * 2, ONE * 3])


def test_lets_and_shared_nodes_are_computed_once() -> None:
    text = """def @main(%x: Tensor[(4), float32]) {
        let %a = exp(%x); %0 = add(%a, %a); let %b = %0; multiply(%b, %0) }"""
    assert bindings(text) == ["relax.exp", "relax.add", "relax.multiply"]
    np.testing.assert_allclose(run(text, ONE)[0], (2 * np.exp(ONE)) ** 2, rtol=1e-6)


def test_conditions_select() -> None:
    text = """def @main(%c: bool, %x: Tensor[(4), float32]) {
        %0 = if (%c) { (add(%x, 1f), %x) } else { (%x, negative(%x)) }; (%0.0, %0.1) }"""
    for chosen, expected in ((True, [ONE + 1, ONE]), (False, [ONE, -ONE])):
        np.testing.assert_array_equal(run(text, np.asarray(chosen), ONE), expected)


def test_functions_are_called() -> None:
    text = """def @main(%x: Tensor[(4), float32]) {
        let %twice = fn (%y: Tensor[(4), float32]) -> Tensor[(4), float32] { add(%y, %y) };
        %0 = fn (%z: Tensor[(4), float32], Composite="nir.sum", PartitionedFromPattern="add_") -> (Tensor[(4), float32], float32) {
            (@inner(%z), 2f) };
        %1 = %0(%x);
        add(%twice(%1.0), %1.1) }
    def @inner(%w: Tensor[(4), float32], Compiler="nir", global_symbol="inner") -> Tensor[(4), float32] { subtract(%w, 5f) }
    def @unused(%w: Tensor[(4), float32]) { argwhere(%w) }"""
    np.testing.assert_array_equal(run(text, ONE)[0], (ONE - 5) * 2 + 2)


def test_a_function_called_twice_is_converted_once() -> None:
    text = "def @main(%x: float32) -> float32 { @f0(%x) }\n" + "".join(
        f"def @f{i}(%x: float32) -> float32 {{ add(@f{i + 1}(%x), @f{i + 1}(%x)) }}\n" for i in range(20)
    )
    found = run(text + "def @f20(%x: float32) -> float32 { %x }", np.float32(1))
    assert found[0] == 2**20


QUANTISED = """
    def @q(%y: Tensor[(4), float32], %s: float32, %z: int32, Compiler="nir") -> Tensor[(4), int8] {
        qnn.quantize(%y, %s, annotation.compiler_begin(%z, compiler="nir"), out_dtype="int8") }"""


def test_scales_are_found_through_calls_and_marks() -> None:
    text = "def @main(%x: Tensor[(4), float32]) { let %s = 0.5f; (@q(%x, %s, 3), @q(negative(%x), %s, 3)) }" + QUANTISED
    assert "not a constant" in str(refused(text))  # two constants of one value are two
    text = (
        "def @main(%x: Tensor[(4), float32]) { let %s = 0.5f; let %z = 3; (@q(%x, %s, %z), @q(%x, %s, %z)) }"
        + QUANTISED
    )
    np.testing.assert_array_equal(run(text, ONE), [ONE * 2 + 3] * 2)


@pytest.mark.parametrize(
    ("name", "arguments", "attributes", "expected"),
    [
        ("dyn.tile", [[2, 1]], {}, np.tile(MATRIX, (2, 1))),
        ("dyn.strided_slice", [[0, 3], [3, 0], [1, -2]], {}, MATRIX[:, 3:0:-2]),
        ("dyn.nn.pad", [[[1, 0], [0, 2]], -1.0], {}, np.pad(MATRIX, ((1, 0), (0, 2)), constant_values=-1)),
        ("dyn.topk", [2], {"axis": 1, "ret_type": "values"}, MATRIX[:, :1:-1]),
        ("dyn.reshape", [[4, 3]], {"newshape": None}, MATRIX.reshape(4, 3)),
        ("strided_slice", [], {"begin": (1, 1), "end": (2, -1), "slice_mode": "size"}, MATRIX[1:3, 1:]),
    ],
)
def test_dynamic_operators_with_constant_arguments(
    name: str, arguments: list[Any], attributes: dict[str, Any], expected: np.ndarray
) -> None:
    x = Var("x", TensorType(MATRIX.shape, "float32"))
    x.checked_type = x.type_annotation
    constants = [Constant(np.asarray(value)) for value in arguments]
    call = Call(Op(name), (x, *constants), {**operators()[name].attributes.defaults, **attributes})
    call.checked_type = TensorType(expected.shape, "float32")
    (found,) = nir.tvm.run(relay_to_relax(Module({"main": Function([x], call)})), {"x": MATRIX})
    np.testing.assert_array_equal(found, expected)


# --- the Relax module ---


def test_operators_of_relax_are_used_where_there_are_any() -> None:
    text = """def @main(%x: Tensor[(1, 8, 8, 3), float32], %w: Tensor[(3, 3, 3, 4), float32], %b: Tensor[(4), float32]) {
        %0 = nn.conv2d(%x, %w, channels=4, kernel_size=[3, 3], data_layout="NHWC", kernel_layout="HWIO");
        nn.max_pool2d(nn.relu(nn.bias_add(%0, %b, axis=3)), pool_size=[2, 2], strides=[2, 2], layout="NHWC") }"""
    assert bindings(text) == ["relax.nn.conv2d", "relax.add", "relax.nn.relu", "relax.nn.max_pool2d"]


def test_programs_have_telling_names() -> None:
    text = """def @main(%x: Tensor[(4), int8]) {
        qnn.requantize(qnn.tanh(%x, 0.5f, 1, 0.0078125f, 0), 0.5f, 0, 0.25f, 0, out_dtype="int8") }"""
    assert bindings(text) == ["lookup", "requantize"]


def test_the_public_name_is_the_function() -> None:
    module = nir.relay.load(HEADER + "def @main(%x: Tensor[(4), float32]) { exp(%x) }")
    converted = nir.passes.relay_to_relax(module)
    assert isinstance(converted["main"], relax.Function)


def test_lowerings_are_for_operators_that_relay_has() -> None:
    assert set(LOWERINGS) <= set(operators())


# --- size ---


def test_long_chains_need_no_deep_stack() -> None:
    kind = TensorType((1,), "float32")
    x = Var("x", kind)
    expr: Any = x
    attrs = complete(operators()["negative"], {}, lambda _name: None)
    for _ in range(3_000):
        expr = Call(Op("negative"), (expr,), attrs)
        expr.checked_type = kind
    x.checked_type = kind
    module = relay_to_relax(Module({"main": Function([x], expr)}))
    assert sum(len(block.bindings) for block in module["main"].body.blocks) == 3_001


def test_deep_tuples_are_refused() -> None:
    expr: Any = Constant(np.asarray(1, np.float32))
    for _ in range(100_000):
        expr = Tuple([expr])
    with pytest.raises(ConvertError, match="nested too deeply"):
        relay_to_relax(Module({"main": Function([], expr)}))


# --- what is refused ---


def test_all_unknown_operators_are_named_at_once() -> None:
    text = """def @main(%x: Tensor[(4, 2), float32]) {
        %0 = argwhere(%x); %1 = argwhere(%x);
        (%0, %1, unique(reshape(%x, newshape=[8])) /* ty=(Tensor[(8), float32], Tensor[(8), int32], Tensor[(8), int32], Tensor[(1), int32]) */) }"""
    error = refused(text)
    assert [diagnostic.message for diagnostic in error.diagnostics] == [
        "operator 'argwhere' has no counterpart in Relax",
        "operator 'unique' has no counterpart in Relax",
    ]
    assert [diagnostic.found for diagnostic in error.diagnostics] == ["2 calls", "1 call"]
    assert all(diagnostic.span is not None and diagnostic.span.text for diagnostic in error.diagnostics)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'def @main(%x: Tensor[(4), float32], %s: float32) { qnn.quantize(%x, %s, 0, out_dtype="int8") }',
            "a scale of 'qnn.quantize' is not a constant",
        ),
        (
            "def @main(%x: Tensor[(4, ?), float32]) { exp(%x) }",
            "the shape of parameter %x is known only at run time",
        ),
        (
            "def @main(%x: float32) -> float32 { @main(%x) }",
            "recursive call of @main",
        ),
        (
            "def @main(%x: float32) { let %f = fn (%y: float32) -> float32 { add(%x, %y) }; %f(%x) }",
            "%x belongs to another function",
        ),
        (
            "def @main(%x: float32) { (fn (%y: float32) -> float32 { %y }, %x) }",
            "a function is used as a value",
        ),
        (
            "def @main(%x: Tensor[(2), float32]) { add(%x, meta[relay.Constant][0] /* ty=Tensor[(2), float32] */) }",
            "the values of constants are not in the text",
        ),
        (
            "def @main(%x: Tensor[(1, 4, 8, 8), float32]) {"
            ' nn.max_pool2d(%x, pool_size=[2, 2], out_layout="NHWC") /* ty=Tensor[(1, 7, 7, 4), float32] */ }',
            "'nn.max_pool2d' changes the layout",
        ),
    ],
)
def test_refusals_say_why(text: str, message: str) -> None:
    error = refused(text)
    assert error.diagnostics[0].message == message
    assert error.diagnostics[0].span is not None


def test_a_type_that_would_change_is_noticed() -> None:
    x = Var("x", TensorType((4,), "float32"))
    x.checked_type = x.type_annotation
    call = Call(Op("exp"), (x,), {})
    call.checked_type = TensorType((5,), "float32")
    with pytest.raises(ConvertError, match="another type on Relax") as caught:
        relay_to_relax(Module({"main": Function([x], call)}))
    assert caught.value.diagnostics[0].found == "Tensor[(4), float32]"


def test_a_module_needs_main() -> None:
    with pytest.raises(ConvertError, match="no function @main"):
        relay_to_relax(Module({}))


@pytest.mark.parametrize(
    ("option", "hint"), [({"rounding": "UPWARDS"}, "UPWARD"), ({"compute_dtype": "int46"}, "int64")]
)
def test_options_are_checked(option: dict[str, str], hint: str) -> None:
    with pytest.raises(ConvertError, match="no way to requantise") as caught:
        relay_to_relax(Module({}), **option)
    assert hint in str(caught.value.diagnostics[0].hint)


def test_nothing_is_written_to_the_terminal_on_failure(capfd: pytest.CaptureFixture[str]) -> None:
    refused('def @main(%x: Tensor[(4), float32], %s: float32) { qnn.quantize(exp(%x), %s, 0, out_dtype="int8") }')
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")
