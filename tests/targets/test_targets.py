"""Targets: what each rule keeps out, that recorded NNAPI cases are within their feature level, targets of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

import nir
import nir.nnapi
from nir.errors import PartitionError
from nir.ir import Operation, Trait, walk
from nir.nnapi.levels import NOT_IN_NEURON, feature_level
from nir.ops import OPERATORS
from nir.targets import ALIASES, TARGETS, Target, get_target, rule
from nir.targets.litert import LEGALISED


def the_operation(body: str, parameters: str = "%x: tensor<1x8x8x4xf32>") -> Operation:
    """The last operation of a function with that body; result types stand in the body."""
    module = nir.parse(f"func @main({parameters}) -> () {{\n{body}\nreturn\n}}\n" + FUNCTIONS)
    return module["main"].operations[-1]


FUNCTIONS = "func @double(%x: tensor<1x8x8x4xf32>) -> tensor<1x8x8x4xf32> { return %x }"


class mentions(str):
    """Equal to every text that has it inside."""

    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and str(self) in other


BROKEN = [
    ("neuron", "not-foreign", '%0 = foreign "tf.Cumsum"(%x) : tensor<4xf32>', None),
    ("cpu", "not-foreign", '%0 = foreign "tf.Cumsum"(%x) : tensor<4xf32>', None),
    ("neuron", "no-calls", "%0 = call @double(%x) : tensor<1x8x8x4xf32>", None),
    ("neuron", "operator", "%0 = leaky_relu(%x) {alpha = 0.1} : tensor<1x8x8x4xf32>", None),
    ("neuron", "available", "%0 = sin(%x) : tensor<1x8x8x4xf32>", None),
    ("nnapi-2", "operator-level", "%0 = exp(%x) : tensor<1x8x8x4xf32>", None),
    ("nnapi-2", "feature-level", "%0 = relu(%x) : tensor<2xf16>", "%x: tensor<2xf16>"),
    ("neuron", "operand-types", "%0 = add(%x, %x) : tensor<2xu32>", "%x: tensor<2xu32>"),
    ("neuron", "scaled-bytes", "%0 = reshape(%x) {shape = [2]} : tensor<2xi8>", "%x: tensor<1x2xi8>"),
    ("neuron", "data-type", "%0 = sqrt(%x) : tensor<2xi32>", "%x: tensor<2xi32>"),
    ("neuron", "rank", "%0 = relu(%x) : tensor<1x1x1x1x2xf32>", "%x: tensor<1x1x1x1x2xf32>"),
    ("neuron", "known-sizes", "%0 = relu(%x) : tensor<?xf32>", "%x: tensor<?xf32>"),
    ("mtk-litert", "operator", "%0 = elu(%x) : tensor<1x8x8x4xf32>", None),
    ("mtk-litert", "element-type", "%0 = abs(%x) : tensor<2xi8>", "%x: tensor<2xi8>"),
    ("mtk-litert", "element-type", "%0 = reshape(%x) {shape = [2]} : tensor<2xu32>", "%x: tensor<1x2xu32>"),
    (
        "mtk-litert",
        "layout",
        "%0 = max_pool_2d(%x) {layout = nchw, strides = [2, 2], window = [2, 2]} : tensor<1x8x4x2xf32>",
        None,
    ),
    (
        "mtk-litert",
        "padding",
        "%0 = max_pool_2d(%x) {padding = [1, 0, 1, 0], strides = [2, 2], window = [2, 2]} : tensor<1x4x4x4xf32>",
        None,
    ),
    ("mtk-litert", "last-axis", "%0 = softmax(%x) {axis = 1} : tensor<1x8x8x4xf32>", None),
    (
        "mtk-litert",
        "square-steps",
        "%w = const dense<0.0> : tensor<4x2x2x4xf32>\n"
        "%0 = transpose_conv_2d(%x, %w) {strides = [2, 1]} : tensor<1x16x9x4xf32>",
        None,
    ),
    (
        "mtk-litert",
        "no-activation",
        "%w = const dense<0.0> : tensor<4x2x2x4xf32>\n"
        "%0 = transpose_conv_2d(%x, %w) {activation = relu, strides = [2, 2]} : tensor<1x16x16x4xf32>",
        None,
    ),
]


@pytest.mark.parametrize(("target", "name", "body", "parameters"), BROKEN)
def test_a_rule_keeps_an_operation_out_and_says_so(target: str, name: str, body: str, parameters: str | None) -> None:
    op = the_operation(body, parameters) if parameters else the_operation(body)
    reasons = get_target(target).reasons(op)
    assert name in [reason.rule for reason in reasons]
    assert all(reason.target == target and str(reason).startswith(f"{target}: ") for reason in reasons)
    sentence = next(reason.sentence for reason in reasons if reason.rule == name)
    assert sentence[0].isupper()
    assert not sentence.endswith(".")


def test_every_rule_is_broken_in_a_test() -> None:
    untested = {
        (target.name, each.name)
        for target in (get_target("neuron"), get_target("mtk-litert"), get_target("nnapi-2"))
        for each in target.rules
    } - {(target, name) for target, name, _, _ in BROKEN}
    shared = {
        "not-foreign",
        "no-calls",
        "known-sizes",
        "operator",
        "operand-types",
        "scaled-bytes",
        "data-type",
        "rank",
    }
    assert {name for _, name in untested} <= shared | {"operands"}


def test_what_the_operand_list_cannot_say_is_named() -> None:
    body = """%w = const dense<0.0> : tensor<4x3x3x2xf32>
    %0 = grouped_conv_2d(%x, %w) {dilations = [2, 2], groups = 2} : tensor<1x4x4x4xf32>"""
    (reason,) = get_target("neuron").reasons(the_operation(body))
    assert (reason.rule, reason.found) == ("operands", mentions("dilations cannot be said"))


@pytest.mark.parametrize(
    "body",
    [
        "%0 = max_pool_2d(%x) {padding = [0, 1, 0, 1], strides = [2, 2], window = [3, 3]} : tensor<1x4x4x4xf32>",
        "%0 = max_pool_2d(%x) {padding = same, strides = [2, 2], window = [3, 3]} : tensor<1x4x4x4xf32>",
        "%0 = max_pool_2d(%x) {strides = [2, 2], window = [2, 2]} : tensor<1x4x4x4xf32>",
    ],
)
def test_padding_that_a_scheme_gives_is_that_scheme(body: str) -> None:
    assert get_target("mtk-litert").reasons(the_operation(body)) == ()


def test_recorded_cases_are_supported_from_their_feature_level_on(nir_data: Path) -> None:
    files = sorted((nir_data / "nnapi").glob("V1_*.jsonl.gz"))
    levels = [get_target(f"nnapi-{level}") for level in range(1, 9)]
    neuron, seen = get_target("neuron"), 0
    for path in files:
        for record in nir.nnapi.read(path):
            for op in walk(nir.nnapi.convert(record).module):
                if Trait.CONSTANT in op.traits:
                    continue
                allowed = Trait.CALLS not in op.traits
                since = feature_level(op)
                assert [target.supports(op) for target in levels] == [allowed and n >= since for n in range(1, 9)]
                known = all(value.type.is_static for value in (*op.operands, *op.results) if value is not None)
                missing = nir.nnapi.levels.NAMES[op.name] in NOT_IN_NEURON
                assert neuron.supports(op) == (allowed and known and not missing)
                seen += 1
    assert seen > 2000


def test_every_operator_has_an_answer_from_every_target() -> None:
    for operator in OPERATORS:
        module = nir.parse(operator.example())
        for op in walk(module):
            answers = [target.reasons(op) for target in TARGETS.values()]
            assert all(reason.rule and reason.sentence for reasons in answers for reason in reasons)


def test_the_plug_in_legalises_operators_that_there_are() -> None:
    assert set(LEGALISED) <= {operator.name for operator in OPERATORS}
    assert set(LEGALISED.values()) <= set(nir.nnapi.mapping.OPERATORS)


def test_names_and_aliases() -> None:
    assert get_target("apu").name == "apu"
    assert get_target("apu").rules == TARGETS[ALIASES["apu"]].rules
    assert get_target("nnapi").rules == TARGETS["nnapi-8"].rules


def test_an_unknown_target_is_told_what_there_is() -> None:
    with pytest.raises(PartitionError, match="did you mean 'mtk-litert'"):
        get_target("mtk-litrt")


def test_a_target_of_ones_own() -> None:
    @rule("small-filters", operators={"conv_2d"})
    def small_filters(op: Operation) -> bool | str:
        """Filters have at most nine taps."""
        height, width = op.operands[1].shape[1:3]  # type: ignore[union-attr]
        return height * width <= 9 or f"{height}x{width}"

    mine = get_target("neuron").renamed("mine").also(small_filters)
    conv = "%w = const dense<0.0> : tensor<1x5x5x4xf32>\n%0 = conv_2d(%x, %w) : tensor<1x4x4x1xf32>"
    (reason,) = mine.reasons(the_operation(conv))
    assert str(reason) == "mine: small-filters: Filters have at most nine taps, but found: 5x5"
    assert mine.without("small-filters").supports(the_operation(conv))
    with pytest.raises(ValueError, match="no rule small"):
        mine.without("small")
    relu = the_operation("%0 = relu(%x) : tensor<1x8x8x4xf32>")
    assert Target.of_operators("two", ["relu", "add"]).supports(relu)
    assert not Target.of_operators("one", ["add"]).supports(relu)
