"""Feature levels, against those that the recorded cases state."""

from __future__ import annotations

import pytest
from data import data_path

import nir
from nir.ir import walk
from nir.nnapi import convert, read
from nir.nnapi.levels import NOT_IN_NEURON, feature_level, neuron_version, operator_level
from nir.nnapi.mapping import OPERATORS
from nir.nnapi.operand_types import SYMMETRIC
from nir.ops.constant import Const

STATED = {"V1_0": 1, "V1_1": 2, "V1_2": 3, "V1_3": 4, "AIDL_V2": 6, "AIDL_V3": 7}


def test_levels_are_what_the_cases_state() -> None:
    """Relaxed precision came with level 2, and what a relaxed case states may be the level of its file. What is
    TENSOR_QUANT8_SYMM in a case may be signed in NIR, which came later.
    """
    wrong, equal = [], 0
    for record in read([data_path("nnapi")]):
        if record.json["expect_failure"] or any(o["type"] == SYMMETRIC for o in record.json["operands"]):
            continue
        found = max(feature_level(op) for op in walk(convert(record).module) if not isinstance(op, Const))
        stated = STATED[record.json["min_op_version"]]
        if record.json["relaxed"]:
            if max(found, 2) > stated:
                wrong.append(record.name)
        elif found != stated:
            wrong.append(record.name)
        equal += found == stated
    assert wrong == []
    assert equal > 1800


@pytest.mark.parametrize(
    ("operation", "level"),
    [
        ("softmax(%x)", 1),
        ("softmax(%x) {axis = 1}", 3),
        ("resize_bilinear(%x) {size = [4, 4]}", 1),
        ("resize_bilinear(%x) {size = [4, 4], layout = nchw}", 3),
        ("resize_bilinear(%x) {size = [4, 4], half_pixel_centers = true}", 4),
        ("hard_swish(%x)", 4),
        ("reverse(%x) {axis = 1}", 7),
    ],
)
def test_the_level_follows_from_what_is_said(operation: str, level: int) -> None:
    text = f"func @f(%x: tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xf32> {{ %y = {operation} : tensor<1x4x4x4xf32> return %y }}"
    for storage, least in (("f32", 1), ("f16", 3)):
        (op,) = nir.parse(text.replace("f32", storage)).main.operations
        assert feature_level(op) == max(level, least)


def test_levels_and_availability_of_all_operators() -> None:
    assert [operator_level(name) for name in ("ADD", "TANH", "TRANSPOSE", "ABS", "RANK", "PACK", "REVERSE")] == [
        1,
        1,
        2,
        3,
        4,
        6,
        7,
    ]
    assert len(OPERATORS.keys() - NOT_IN_NEURON) == 106 - len(NOT_IN_NEURON)
    assert {name for name in OPERATORS if neuron_version(name) is None} == NOT_IN_NEURON
    assert (neuron_version("ADD"), neuron_version("BATCH_MATMUL"), neuron_version("LSTM")) == ("4.1.0", "5.1.2", None)
    with pytest.raises(KeyError):
        neuron_version("ERF")
