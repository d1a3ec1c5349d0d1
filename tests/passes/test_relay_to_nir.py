"""Relay to NIR: names, structure of the graph, functions, branches, errors."""

from __future__ import annotations

import numpy as np
import pytest
from relay_cases import converted, floats, names, only, outputs

from nir import relay
from nir.errors import ConvertError
from nir.ir import ElementType, Origin, Quantisation, tensor
from nir.passes import relay_to_nir
from nir.passes.relay_to_nir import HANDLERS
from nir.relay.schema import operators


def test_parameters_weights_and_values_are_named_after_the_model() -> None:
    source = relay.load(
        '#[version = "0.0.5"]\n'
        "def @main(%serving_default_x:0: Tensor[(1, 4), float32], %model/w: Tensor[(3, 4), float32]) {\n"
        "  %0 = nn.dense(%serving_default_x:0, %model/w, units=3) /* span=net/block/dense_1/MatMul:0:0 */;\n"
        "  exp(%0)\n"
        "}\n",
        {"model/w": floats(3, 4)},
    )
    module = relay_to_nir(source)
    assert [parameter.name for parameter in module.main.parameters] == ["serving_default_x:0"]
    weight, dense, last = module.main.operations
    assert weight.attributes["value"].name == "model/w"
    assert dense.results[0].name == "dense_1.MatMul"
    assert last.results[0].name == "0"
    assert isinstance(dense.location, Origin)
    assert dense.location.name == "net/block/dense_1/MatMul"
    assert dense.location.span is not None
    assert dense.location.span.line == 3


def test_values_of_one_layer_are_told_apart() -> None:
    module = converted(
        "%x: Tensor[(4), float32]",
        "%0 = exp(%x) /* span=block/layer:0:0 */;",
        "%1 = tanh(%0) /* span=block/layer:0:0 */;",
        "log(%1) /* span=block/layer:0:0 */",
    )
    assert [op.results[0].name for op in module.main] == ["block.layer", "block.layer_1", "block.layer_2"]


def test_shared_nodes_are_converted_once() -> None:
    module = converted("%x: Tensor[(4), float32]", "%0 = exp(%x);", "%1 = add(%0, %0);", "multiply(%1, %0)")
    assert names(module) == ["exp", "add", "mul"]


def test_tuples_leave_no_operators() -> None:
    module = converted(
        "%x: Tensor[(2, 4), float32], %t: (Tensor[(4), float32], Tensor[(3), float32])",
        "%0 = split(%x, indices_or_sections=2, axis=1);",
        "%1 = (%0.1, (%t.1, %0.0));",
        "((%1.1).1, %1.0, %t)",
    )
    assert names(module) == ["split"]
    assert [parameter.name for parameter in module.main.parameters] == ["x", "t.0", "t.1"]
    first, second = only(module, "split").results
    assert module.main.results == [first, second, *module.main.parameters[1:]]


def test_let_and_function_literals_are_converted_in_place() -> None:
    module = converted(
        "%x: Tensor[(4), float32]",
        "let %f = fn (%a: Tensor[(4), float32]) { tanh(%a) };",
        "let %y = exp(%x);",
        "%f(%y)",
    )
    assert names(module) == ["exp", "tanh"]
    assert list(module.functions) == ["main"]


def test_a_function_that_is_called_twice_becomes_one_of_the_module() -> None:
    module = converted("%x: Tensor[(4), float32]", "let %f = fn (%a: Tensor[(4), float32]) { tanh(%a) };", "%f(%f(%x))")
    assert names(module) == ["call", "call"]
    assert [len(function) for function in module] == [2, 1]
    x = floats(4)
    np.testing.assert_allclose(outputs(module, {"x": x})[0], np.tanh(np.tanh(x)), rtol=1e-6)


def test_global_functions_keep_their_names_and_target() -> None:
    source = relay.load(
        '#[version = "0.0.5"]\n'
        "def @main(%x: Tensor[(4), float32]) { @region_0(exp(%x)) }\n"
        'def @region_0(%a: Tensor[(4), float32], Compiler="apu", Primitive=1) -> (Tensor[(4), float32], '
        "Tensor[(4), float32]) { (tanh(%a), %a) }\n"
        "def @unused(%a: Tensor[(4), float32]) -> Tensor[(4), float32] { asinh(%a) }\n"
    )
    module = relay_to_nir(source)
    assert list(module.functions) == ["main", "region_0"]
    assert module["region_0"].attributes == {"target": "apu"}
    assert len(module.main.results) == 2


def test_branches_become_functions_of_what_they_take_from_outside() -> None:
    module = converted(
        "%c: bool, %d: bool, %x: Tensor[(3), float32], %t: (Tensor[(3), float32], Tensor[(3), float32])",
        "let %y = exp(%x);",
        "if (%c) { let %z = add(%y, %t.1); if (%d) { (%z, %y) } else { (%t.0, %z) } } else { (%x, %x) }",
    )
    assert names(module) == ["exp", "if"]
    assert list(module.functions) == ["main", "then", "else", "then_1", "else_1"]
    x, first, second = floats(3), floats(3), floats(3)
    sums = np.exp(x) + second
    answers = {(True, True): (sums, np.exp(x)), (True, False): (first, sums), (False, True): (x, x)}
    for (c, d), expected in answers.items():
        inputs = {"c": np.array(c), "d": np.array(d), "x": x, "t.0": first, "t.1": second}
        for found, answer in zip(outputs(module, inputs), expected, strict=True):
            np.testing.assert_allclose(found, answer, rtol=1e-6)


def test_quantisation_goes_into_branches() -> None:
    module = converted(
        "%c: bool, %x: Tensor[(4), int8]",
        '%0 = if (%c) { reshape(%x, newshape=[2, 2]) } else { zeros(shape=[2, 2], dtype="int8") };',
        "qnn.dequantize(%0, 0.5f, 3)",
    )
    quantised = {value.type.quantisation for function in module for value in function.values() if value.name != "c"}
    assert quantised == {None, Quantisation.per_tensor(0.5, 3)}
    assert all(v.type.quantisation for f in module for v in f.values() if v.element is ElementType.I8)


def test_ten_thousand_operators_deep() -> None:
    lines = ["%0 = nn.relu(%x);", *(f"%{i} = add(%{i - 1}, %x);" for i in range(1, 10_000)), "%9999"]
    module = converted("%x: Tensor[(4), float32]", *lines)
    assert len(module.main) == 10_000


def test_nesting_does_not_recurse() -> None:
    depth = 3000
    lines = [f"%{i} = (%{i - 1}, %x);" for i in range(1, depth)]
    module = converted("%x: Tensor[(4), float32]", "%0 = (%x,);", *lines, f"let %y = %{depth - 1};", "%y.1")
    assert module.main.results == module.main.parameters


# --- errors ---


def test_unknown_operators_are_one_error() -> None:
    with pytest.raises(ConvertError) as caught:
        converted("%x: Tensor[(4), float32]", "%0 = atan(%x);", "%1 = atan(%0);", "(asinh(%1), atan(%1))")
    messages = [(d.message, d.span.line if d.span else None, d.notes) for d in caught.value.diagnostics]
    assert messages == [
        ("NIR has no operator for 'atan'", 3, ("3 times in all; the first is shown",)),
        ("NIR has no operator for 'asinh'", 5, ()),
    ]


def test_foreign_operators_stay_by_name() -> None:
    signature = "%b: Tensor[(1, 4, 6), float32]"
    body = "vision.get_valid_counts(%b, 0.5f, id_index=0, score_index=1)"
    module = converted(signature, body, foreign=True)
    op = only(module, "foreign")
    assert op.attributes["operator"] == "relay.vision.get_valid_counts"
    assert op.attributes["score_index"] == 1
    assert [value.type for value in op.results] == [tensor((1,), "i32"), tensor((1, 4, 6)), tensor((1, 4), "i32")]


def test_what_a_handler_refuses_can_be_foreign_too() -> None:
    signature, body = "%x: Tensor[(1, 2, 4, 4), float32]", 'image.resize2d(%x, size=[8, 8], method="cubic")'
    with pytest.raises(ConvertError, match="method cubic has no counterpart"):
        converted(signature, body)
    assert names(converted(signature, body, foreign=True)) == ["foreign"]


@pytest.mark.parametrize(
    ("signature", "body", "message"),
    [
        ("%x: Tensor[(4), int64]", "%x", "no element type int64"),
        ("%x: Tensor[(4), float64]", "%x", "no element type float64"),
        ("%c: bool, %x: Tensor[(3), float32]", "if (%c) { exp(%x) } else { atan(%x) }", "no operator for 'atan'"),
        ("%x: Tensor[(4), float32]", "meta[relay.Constant][0] /* ty=Tensor[(4), float32] */", "does not bring the val"),
        ("%x: Tensor[(1, 4, 4, 3), int8], %w: Tensor[(3, 3, 3, 2), int8]",
         'nn.conv2d(%x, %w, channels=2, kernel_size=[3, 3], data_layout="NHWC", kernel_layout="HWIO", '
         'out_dtype="int16")', "sums in int16 of products of int8"),
        ("%x: Tensor[(4), int8], %s: float32", "qnn.dequantize(%x, %s, 0)", "a scale must be a constant"),
        ("%x: Tensor[(4), int32]", "exp(%x)", "'exp': on integers it has no counterpart"),
        ("%x: Tensor[(4), int8]", "%0 = qnn.dequantize(%x, 0.5f, 0);\n%1 = add(%x, %x);\n"
         "(%0, qnn.dequantize(%1, 0.5f, 0))", "computes here with stored integers"),
        ("%x: Tensor[(4), int8]", "(qnn.dequantize(%x, 0.5f, 0), qnn.dequantize(%x, 0.25f, 0))",
         "is stated as scale=0.25"),
    ],
)  # fmt: skip
def test_refusals_say_why_and_where(signature: str, body: str, message: str) -> None:
    with pytest.raises(ConvertError, match=message) as caught:
        converted(signature, *body.split("\n"))
    assert all(diagnostic.span is not None for diagnostic in caught.value.diagnostics)


def test_every_handler_is_for_an_operator_of_relay() -> None:
    assert set(HANDLERS) <= set(operators())


def test_a_module_without_main_is_refused() -> None:
    source = relay.load('#[version = "0.0.5"]\ndef @other(%x: Tensor[(4), float32]) { %x }')
    with pytest.raises(ConvertError, match="no function @main") as caught:
        relay_to_nir(source)
    assert caught.value.diagnostics[0].found == "@other"


def test_a_module_built_in_python_gets_its_types_first() -> None:
    x = relay.Var("x", relay.TensorType((2, 3), "float32"))
    module = relay_to_nir(relay.Module({"main": relay.Function([x], relay.Call(relay.Op("tanh"), [x]))}))
    assert names(module) == ["tanh"]
