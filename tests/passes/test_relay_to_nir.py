"""Relay to NIR: names, structure, errors, and that what is fused is what was meant."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from relay_cases import converted, main, names, only, outputs

from nir import relay
from nir.errors import ConvertError, NirError
from nir.ir import ElementType, Module, Origin, Quantisation, tensor
from nir.ops.common import Activation
from nir.passes import relay_to_nir
from nir.passes.relay_to_nir import HANDLERS
from nir.relay.schema import operators

RNG = np.random.default_rng(0)


def floats(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def bytes_(*shape: int) -> np.ndarray:
    return RNG.integers(-128, 128, shape, np.int8)


# --- structure and names ---


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


# --- floats ---


@pytest.mark.parametrize("kernel_layout", ["OIHW", "HWIO", "HWOI", "OHWI"])
@pytest.mark.parametrize("bound", [True, False])
@pytest.mark.parametrize(("layout", "groups"), [("NCHW", 1), ("NHWC", 1), ("NHWC", 4), ("NCHW", 4), ("NHWC", 2)])
def test_kernel_layouts_mean_the_same_filter(kernel_layout: str, bound: bool, layout: str, groups: int) -> None:
    """Against a convolution worked out directly from the definition."""
    x, w = floats(1, 4, 5, 6), floats(4, 4 // groups, 3, 2)  # NCHW, OIHW
    arranged = np.ascontiguousarray(w.transpose(["OIHW".index(letter) for letter in kernel_layout]))
    data = x if layout == "NCHW" else np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    source = main(
        f"%x: Tensor[{data.shape}, float32], %w: Tensor[{arranged.shape}, float32]",
        f"nn.conv2d(%x, %w, groups={groups}, channels=4, kernel_size=[3, 2], padding=[1, 0, 1, 1], strides=[1, 2],"
        f' data_layout="{layout}", kernel_layout="{kernel_layout}")',
    )
    if bound:
        source = relay.load(source.source.text, {"w": arranged}) if source.source else source
    module = relay_to_nir(source)
    (found,) = outputs(module, {"x": data} if bound else {"x": data, "w": arranged})
    expected = convolution(x, w, groups)
    np.testing.assert_allclose(found if layout == "NCHW" else found.transpose(0, 3, 1, 2), expected, atol=1e-5)


def convolution(x: np.ndarray, w: np.ndarray, groups: int) -> np.ndarray:
    """Padding top 1, left 0, bottom 1, right 1; strides 1, 2."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (0, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, w.shape[2:], (2, 3))[:, :, :, ::2]
    share, made = x.shape[1] // groups, w.shape[0] // groups
    parts = [
        np.einsum("ncyxij,ocij->noyx", windows[:, g * share : (g + 1) * share], w[g * made : (g + 1) * made])
        for g in range(groups)
    ]
    return np.concatenate(parts, axis=1)


CONVOLUTION = "nn.conv2d(%x, %w, channels=2, kernel_size=[3, 3])"
SIGNATURE = "%x: Tensor[(1, 3, 6, 6), float32], %w: Tensor[(2, 3, 3, 3), float32], %b: Tensor[(2), float32]"


def test_bias_and_activation_become_part_of_the_convolution() -> None:
    module = converted(SIGNATURE, f"%0 = {CONVOLUTION};", "%1 = nn.bias_add(%0, %b);", "clip(%1, a_min=0f, a_max=6f)")
    assert names(module) == ["transpose", "conv_2d"]
    conv = only(module, "conv_2d")
    assert conv.operands[2] is module.main.parameters[2]
    assert conv.attributes["activation"] is Activation.RELU6


def test_what_others_use_is_not_fused() -> None:
    module = converted(SIGNATURE, f"%0 = {CONVOLUTION};", "%1 = nn.bias_add(%0, %b);", "(nn.relu(%1), %0)")
    assert names(module) == ["transpose", "conv_2d", "reshape", "add"]
    assert only(module, "add").attributes["activation"] is Activation.RELU


def test_a_bias_along_another_dimension_is_an_addition() -> None:
    module = converted(
        "%x: Tensor[(1, 3, 4, 4), float32], %w: Tensor[(2, 3, 3, 3), float32], %b: Tensor[(2), float32]",
        f"%0 = {CONVOLUTION};",
        "nn.bias_add(%0, %b, axis=-1)",
    )
    assert names(module) == ["transpose", "conv_2d", "add"]


@pytest.mark.parametrize(
    ("low", "high", "operators"),
    [
        (0, 6, ["relu6"]),
        (-1, 1, ["relu1"]),
        (0, "inf", ["relu"]),
        (0, 7, ["maximum", "minimum"]),
        ("-inf", 3, ["minimum"]),
    ],
)
def test_bounds_of_floats(low: object, high: object, operators: list[str]) -> None:
    module = converted("%x: Tensor[(50), float32]", f"clip(%x, a_min={low}f, a_max={high}f)")
    assert names(module) == operators
    x = floats(50) * 8
    np.testing.assert_array_equal(outputs(module, {"x": x})[0], np.clip(x, float(str(low)), float(str(high))))


def batch_norm(axis: int, before: str = "%x") -> tuple[str, list[str]]:
    signature = f"{SIGNATURE}, %g: Tensor[(2), float32], %m: Tensor[(2), float32], %v: Tensor[(2), float32]"
    lines = [] if before == "%x" else [f"%0 = {before};"]
    operand = "%x" if before == "%x" else "%0"
    return signature, [*lines, f"%1 = nn.batch_norm({operand}, %g, %b, %m, %v, axis={axis});", "%1.0"]


@pytest.mark.parametrize("known", [True, False])
def test_batch_norm_behind_a_convolution(known: bool) -> None:
    signature, lines = batch_norm(1, CONVOLUTION)
    values = {"x": floats(1, 3, 6, 6), "w": floats(2, 3, 3, 3), **{name: floats(2) for name in "bgm"}}
    values["v"] = np.abs(floats(2)) + 1
    source = main(signature, *lines)
    assert source.source is not None
    if known:
        source = relay.load(source.source.text, {name: values[name] for name in values if name != "x"})
    module = relay_to_nir(source)
    assert "conv_2d" in names(module)
    assert (names(module) == ["conv_2d"]) == known
    if known:
        assert [op.attributes["value"].name for op in module.main if op.name == "const"] == ["w", "w_bias"]
    inputs = {parameter.name: values[parameter.name] for parameter in module.main.parameters}
    convolved = outputs(converted(SIGNATURE, CONVOLUTION), {name: values[name] for name in "xwb"})[0]
    g, b, m, v = (values[name].reshape(1, 2, 1, 1) for name in "gbmv")
    expected = (convolved - m) / np.sqrt(v + np.float32(1e-5)) * g + b
    np.testing.assert_allclose(outputs(module, inputs)[0], expected, atol=1e-5)


def test_dropout_and_copies_are_nothing() -> None:
    module = converted("%x: Tensor[(4), float32]", "%0 = nn.dropout(%x, rate=0.5f);", "copy(%0.0)")
    assert names(module) == []


# --- quantised ---


QUANTISED = "%x: Tensor[(1, 4, 4, 3), int8], %w: Tensor[(1, 1, 3, 2), int8], %b: Tensor[(2), int32]"
QNN_CONVOLUTION = (
    "qnn.conv2d(%x, %w, 5, 0, 0.5f, 0.25f, channels=2, kernel_size=[1, 1], "
    'data_layout="NHWC", kernel_layout="HWIO", out_dtype="int32")'
)


def sums(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    return np.einsum("nyxc,co->nyxo", x.astype(np.int64) - 5, w[0, 0].astype(np.int64))


def test_a_quantised_convolution_is_one_operation() -> None:
    module = converted(
        QUANTISED,
        f"%0 = {QNN_CONVOLUTION};",
        "%1 = nn.bias_add(%0, %b, axis=3);",
        '%2 = qnn.requantize(%1, 0.125f, 0, 0.75f, -3, axis=3, rounding="TONEAREST", out_dtype="int8");',
        "clip(%2, a_min=-3f, a_max=127f)",
    )
    assert names(module) == ["transpose", "conv_2d"]
    conv = only(module, "conv_2d")
    assert [value.type.quantisation for value in (*conv.operands, *conv.results) if value] == [
        Quantisation.per_tensor(0.5, 5),
        Quantisation.per_tensor(0.25, 0),
        Quantisation.per_tensor(0.125, 0),
        Quantisation.per_tensor(0.75, -3),
    ]
    assert conv.attributes["activation"] is Activation.RELU
    assert conv.attributes["rounding"].value == "to_nearest"
    assert [p.type.quantisation for p in module.main.parameters] == [
        value.type.quantisation for value in conv.operands if value
    ]  # the filter's through the transpose


def test_a_sum_that_others_read_is_computed_again() -> None:
    module = converted(
        QUANTISED,
        f"%0 = {QNN_CONVOLUTION};",
        '(%0, qnn.requantize(%0, 0.125f, 0, 0.75f, -3, out_dtype="int8"))',
    )
    assert names(module) == ["transpose", "conv_2d", "conv_2d"]
    x, w = bytes_(1, 4, 4, 3), bytes_(1, 1, 3, 2)
    found = outputs(module, {"x": x, "w": w, "b": np.zeros(2, np.int32)})
    np.testing.assert_array_equal(found[0], sums(x, w))
    assert module.main.results[0].type.quantisation == Quantisation.per_tensor(0.125)


def test_a_scale_in_six_digits_is_carried_by_zeros() -> None:
    module = converted(
        QUANTISED, f"%0 = {QNN_CONVOLUTION};", 'qnn.requantize(%0, 0.125001f, 0, 0.75f, -3, out_dtype="int8")'
    )
    bias = only(module, "conv_2d").operands[2]
    assert bias is not None
    assert bias.producer is not None
    assert bias.type == tensor((2,), "i32", scale=0.125001)
    assert not bias.producer.attributes["value"].array.any()


def test_a_scale_that_is_not_the_product_is_refused() -> None:
    with pytest.raises(ConvertError, match="not the product of the scales"):
        converted(QUANTISED, f"%0 = {QNN_CONVOLUTION};", 'qnn.requantize(%0, 0.2f, 0, 0.75f, 0, out_dtype="int8")')


def test_rescaling_to_32_bits_then_clip_and_cast_is_one_operation() -> None:
    """As importers of PyTorch models write it."""
    body = [
        f"%0 = {QNN_CONVOLUTION};",
        "%1 = nn.bias_add(%0, %b, axis=3);",
        '%2 = qnn.requantize(%1, 0.125f, 0, 0.75f, 7, axis=3, out_dtype="int32");',
    ]
    bounds = "clip(%2, a_min={}f, a_max={}f)"
    module = converted(QUANTISED, *body, f"%3 = {bounds.format(0, 255)};", 'cast(%3, dtype="uint8")')
    assert names(module) == ["transpose", "conv_2d"]
    assert module.main.results[0].type == tensor((1, 4, 4, 2), "u8", scale=0.75, zero_point=7)
    narrower = converted(QUANTISED, *body, f"%3 = {bounds.format(7, 200)};", 'cast(%3, dtype="uint8")')
    assert names(narrower) == ["transpose", "conv_2d", "maximum", "minimum"]
    wide = converted(QUANTISED, *body, bounds.format(7, 200))
    inputs = {"x": bytes_(1, 4, 4, 3), "w": bytes_(1, 1, 3, 2), "b": np.array([5, -700], np.int32)}
    (expected,) = outputs(wide, inputs)
    assert expected.dtype == np.int32
    np.testing.assert_array_equal(outputs(narrower, inputs)[0], expected)
    np.testing.assert_array_equal(np.clip(outputs(module, inputs)[0], 7, 200), expected)


@pytest.mark.parametrize(
    ("low", "high", "operators", "activation"),
    [
        (-128, 127, ["add"], Activation.NONE),
        (-3, 127, ["add"], Activation.RELU),
        (-3, 9, ["add"], Activation.RELU6),
        (-5, -1, ["add"], Activation.RELU1),
        (-4, 127, ["add", "maximum"], Activation.NONE),
        (-100, 100, ["add", "maximum", "minimum"], Activation.NONE),
    ],
)
def test_bounds_of_stored_integers(low: int, high: int, operators: list[str], activation: Activation) -> None:
    module = converted(
        "%x: Tensor[(200), int8], %y: Tensor[(200), int8]",
        "%0 = qnn.add(%x, %y, 0.25f, 3, 0.125f, 1, 0.5f, -3);",
        f"clip(%0, a_min={low}f, a_max={high}f)",
    )
    assert names(module) == operators
    assert only(module, "add").attributes.get("activation", Activation.NONE) is activation
    plain = converted(
        "%x: Tensor[(200), int8], %y: Tensor[(200), int8]", "qnn.add(%x, %y, 0.25f, 3, 0.125f, 1, 0.5f, -3)"
    )
    inputs = {"x": bytes_(200), "y": bytes_(200)}
    np.testing.assert_array_equal(outputs(module, inputs)[0], np.clip(outputs(plain, inputs)[0], low, high))
    assert {value.type.quantisation for value in module.main.results} == {Quantisation.per_tensor(0.5, -3)}


def widened(body: str, signature: str = "%x: Tensor[(1, 6, 6, 2), int8]") -> Module:
    return converted(signature, '%0 = cast(%x, dtype="int32");', *body.split("\n"))


def test_average_of_widened_integers_is_taken_before() -> None:
    module = widened('%1 = nn.avg_pool2d(%0, pool_size=[2, 3], strides=[2, 3], layout="NHWC");\ncast(%1, dtype="int8")')
    assert names(module) == ["average_pool_2d"]
    x = bytes_(1, 6, 6, 2)
    total = x.astype(np.int64).reshape(1, 3, 2, 2, 3, 2).sum((2, 4))
    np.testing.assert_array_equal(outputs(module, {"x": x})[0], np.sign(total) * (np.abs(total) // 6))


def test_mean_and_rescaling_are_one_operation() -> None:
    module = widened(
        '%1 = mean(%0, axis=[1, 2]);\nqnn.requantize(%1, 0.5f, 3, 0.25f, -9, out_dtype="int8")',
    )
    assert names(module) == ["mean"]
    assert [v.type.quantisation for v in module.main.values()] == [
        Quantisation.per_tensor(0.5, 3),
        Quantisation.per_tensor(0.25, -9),
    ]


def test_casts_of_integers_drop_upper_bits() -> None:
    module = converted("%x: Tensor[(300), int32]", '(cast(%x, dtype="int8"), cast(%x, dtype="uint8"))')
    x = RNG.integers(-(2**31), 2**31, 300).astype(np.int32)
    for found, dtype in zip(outputs(module, {"x": x}), (np.int8, np.uint8), strict=True):
        np.testing.assert_array_equal(found, x.astype(dtype))


@pytest.mark.parametrize(("function", "operator"), [("sigmoid", "logistic"), ("tanh", "tanh"), ("exp", "exp")])
def test_a_function_between_dequantize_and_quantize_is_one_operation(function: str, operator: str) -> None:
    lines = ["%0 = qnn.dequantize(%x, 0.05f, 3);", f"%1 = {function}(%0);"]
    module = converted("%x: Tensor[(256), int8]", *lines, 'qnn.quantize(%1, 0.01f, -100, out_dtype="int8")')
    assert names(module) == [operator]
    steps = converted("%x: Tensor[(256), int8]", *lines, '(%1, qnn.quantize(%1, 0.01f, -100, out_dtype="int8"))')
    assert names(steps) == ["dequantize", operator, "quantize"]
    x = np.arange(-128, 128).astype(np.int8)
    for profile in ("relay", "tflite", "tvm", "xnnpack"):
        np.testing.assert_array_equal(outputs(module, {"x": x}, profile)[0], outputs(steps, {"x": x}, profile)[1])


def test_weights_that_are_quantised_in_the_graph_are_constants() -> None:
    """As importers of PyTorch models write them."""
    source = main(
        "%x: Tensor[(1, 3, 2, 2), uint8], %w: Tensor[(2, 3, 1, 1), float32], %s: Tensor[(2), float32]",
        '%0 = qnn.quantize(%w, multiply(%s, 0.5f), 0, axis=0, out_dtype="int8");',
        'qnn.conv2d(%x, %0, 7, 0, 0.5f, multiply(%s, 0.5f), channels=2, kernel_size=[1, 1], out_dtype="int32")',
    )
    assert source.source is not None
    weight, scale = floats(2, 3, 1, 1), np.array([0.02, 0.05], np.float32)
    module = relay_to_nir(relay.load(source.source.text, {"w": weight, "s": scale}))
    assert names(module) == ["conv_2d"]
    (constant,) = (op for op in module.main if op.name == "const")
    assert constant.attributes["value"].name == "w"
    stored = np.clip(np.round(weight / (scale.reshape(2, 1, 1, 1) / 2)), -128, 127).astype(np.int8)
    np.testing.assert_array_equal(constant.attributes["value"].array, stored.transpose(0, 2, 3, 1))
    assert constant.results[0].type.quantisation == Quantisation.per_channel(scale / 2, 0)


def test_large_results_of_small_constants_are_left_to_the_run() -> None:
    body = "broadcast_to(reshape(%w, newshape=[1, 4]), shape=[100000000, 4])"
    source = main("%w: Tensor[(4), float32]", body)
    assert source.source is not None
    assert names(relay_to_nir(relay.load(source.source.text, {"w": floats(4)}))) == ["tile"]


@pytest.mark.parametrize(("compute", "profile"), [("int64", None), ("float32", "relay-f32"), ("float64", "relay-f64")])
def test_the_numeric_profile_is_noted(compute: str, profile: str | None) -> None:
    module = converted(
        "%x: Tensor[(4), int8]", f'qnn.requantize(%x, 0.5f, 0, 0.3f, 0, compute_dtype="{compute}", out_dtype="int8")'
    )
    assert module.main.attributes.get("profile") == profile


def test_padding_with_the_zero_point_is_plain_padding() -> None:
    body = "%0 = nn.pad(%x, {}f, pad_width=[[1, 0]]);", "qnn.dequantize(%0, 0.5f, -7)"
    assert names(converted("%x: Tensor[(4), int8]", body[0].format(-7), body[1])) == ["pad", "dequantize"]
    assert names(converted("%x: Tensor[(4), int8]", body[0].format(0), body[1])) == ["pad_v2", "dequantize"]


def test_a_filter_per_channel_that_is_a_parameter_holds_plain_integers() -> None:
    source = main(
        "%x: Tensor[(1, 2, 2, 3), int8], %w: Tensor[(1, 1, 3, 2), int8], %s: Tensor[(2), float32]",
        "qnn.conv2d(%x, %w, 5, 0, 0.5f, %s, channels=2, kernel_size=[1, 1], "
        'data_layout="NHWC", kernel_layout="HWIO", out_dtype="int32")',
    )
    assert source.source is not None
    module = relay_to_nir(relay.load(source.source.text, {"s": np.array([0.25, 0.5], np.float32)}))
    assert names(module) == ["transpose", "cast", "conv_2d"]
    assert module.main.parameters[1].type.quantisation is None
    assert module.main.results[0].type.quantisation == Quantisation.per_channel([0.125, 0.25], 3)
    x, w = bytes_(1, 2, 2, 3), bytes_(1, 1, 3, 2)
    np.testing.assert_array_equal(outputs(module, {"x": x, "w": w})[0], sums(x, w))


@pytest.mark.parametrize(("low", "high"), [(0, -5), (300, 400), (-(10**12), 10**12)])
def test_absurd_bounds_of_stored_integers(low: int, high: int) -> None:
    module = converted("%x: Tensor[(256), uint8]", f"clip(%x, a_min={low}f, a_max={high}f)")
    x = np.arange(256).astype(np.uint8)
    expected = np.minimum(np.maximum(x, np.clip(low, 0, 255)), np.clip(high, 0, 255))
    np.testing.assert_array_equal(outputs(module, {"x": x})[0], expected)


def test_a_constant_that_would_fill_the_memory_is_refused() -> None:
    with pytest.raises(ConvertError, match="too large"):
        converted("%x: Tensor[(4), float32]", 'zeros(shape=[1000000, 1000000], dtype="float32")')


def attributes_of(program: relay.Module) -> list[tuple[relay.Call, str]]:
    calls = [expr for expr in relay.post_order(program.main) if isinstance(expr, relay.Call)]
    return [(call, name) for call in calls for name in sorted(call.attrs)]


ODD_VALUES = [
    0,
    -1,
    7,
    10**12,
    None,
    "",
    "NCHW",
    (),
    (1,),
    (0, 0),
    (1, 2, 3),
    ((1, 1), (0, 0)),
    0.5,
    float("nan"),
    True,
]


@given(data=st.data())
def test_any_attributes_end_in_a_module_or_in_an_error(data: st.DataObject) -> None:
    """Attributes that no reader would let through, changed behind the back of type inference."""
    program = data.draw(st.sampled_from(PROGRAMS))
    module = relay.load(program)
    changeable = attributes_of(module)
    call, name = data.draw(st.sampled_from(changeable))
    call.attrs = {**call.attrs, name: data.draw(st.sampled_from(ODD_VALUES))}
    with contextlib.suppress(NirError):
        relay_to_nir(module)


PROGRAMS = [
    f'#[version = "0.0.5"]\ndef @main({signature}) {{ {body} }}'
    for signature, body in [
        ("%x: Tensor[(1, 3, 6, 6), float32], %w: Tensor[(2, 3, 3, 3), float32]", "nn.conv2d(%x, %w, padding=[1, 1])"),
        ("%x: Tensor[(1, 3, 6, 6), float32]", "nn.avg_pool2d(%x, pool_size=[2, 2], strides=[2, 2])"),
        ("%x: Tensor[(2, 6), float32]", "split(%x, indices_or_sections=2, axis=1)"),
        ("%x: Tensor[(2, 6), float32]", "strided_slice(%x, begin=[0, 1], end=[2, 5], strides=[1, 2])"),
        ("%x: Tensor[(2, 6), float32]", "nn.pad(%x, 0f, pad_width=[[0, 1], [1, 0]])"),
        ("%x: Tensor[(1, 4, 4, 8), float32]", 'image.resize2d(%x, size=[8, 8], layout="NHWC")'),
        ("%x: Tensor[(1, 4, 4, 8), float32]", 'nn.depth_to_space(%x, block_size=2, layout="NHWC")'),
        ("%x: Tensor[(2, 6), float32]", "mean(%x, axis=[1])"),
        ("%x: Tensor[(2, 6), int8]", "clip(%x, a_min=0f, a_max=6f)"),
        ("%x: Tensor[(2, 6), int8]", 'qnn.requantize(%x, 0.5f, 0, 0.25f, 0, out_dtype="int8")'),
        ("%x: Tensor[(2, 6), float32], %i: Tensor[(3), int32]", "take(%x, %i, axis=1)"),
        ("%x: Tensor[(1, 8, 2, 2), float32]", 'layout_transform(%x, src_layout="NCHW", dst_layout="NCHW4c")'),
    ]
]
