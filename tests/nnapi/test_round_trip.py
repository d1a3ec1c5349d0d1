"""From NNAPI to NIR and back: the same operand lists.

What may differ is stated here, in `difference`: an operand that a case feeds or computes where NIR has an attribute is a
constant afterwards, an omitted one has no shape, and a size that is not known beforehand may be inferred.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from data import data_path

import nir
from nir.ir import Module, same, walk
from nir.nnapi import Record, Spelling, convert, model_of, read
from nir.nnapi.mapping import NAMES, PARSED
from nir.nnapi.model import Model
from nir.nnapi.operand_types import SYMMETRIC
from nir.ops import OPERATORS
from nir.ops.control_flow import ControlFlow
from nnapi.samples import case, record


def difference(before: Record, after: Model, *, shortest: bool = False) -> str | None:
    """Where the operand lists of two models differ, or None. With `shortest`, those of `after` may end earlier."""
    names = [operation["op"] for operation in after["operations"]]
    if names != before.operators:
        return f"operations {names}"
    identities: dict[int, int] = {}
    for old, new in zip(before.json["operations"], after["operations"], strict=True):
        if len(old["outputs"]) != len(new["outputs"]) or len(old["inputs"]) - len(new["inputs"]) not in (
            range(8) if shortest else (0,)
        ):
            return f"{old['op']}: {len(new['inputs'])} operands, not {len(old['inputs'])}"
        for i, j in [
            *zip(old["inputs"], new["inputs"], strict=False),
            *zip(old["outputs"], new["outputs"], strict=True),
        ]:
            problem = _operand_difference(before, i, after["operands"][j])
            if problem is None and after["operands"][j]["value"] is None and not before.is_omitted(i):
                problem = None if identities.setdefault(i, j) == j else "it is another value"
            if problem is not None:
                return f"{old['op']}: operand {i}: {problem}"
    return None


def _operand_difference(before: Record, index: int, new: dict[str, Any]) -> str | None:
    old = before.operand(index)
    if before.is_omitted(index) or new["lifetime"] == "NO_VALUE":
        both = before.is_omitted(index) and new["lifetime"] == "NO_VALUE"
        return None if both and old["type"] == new["type"] else f"omitted: {old} {new}"
    keys = ["type", "scale", "zero_point", "channel_quant"]
    if new["value"] is not None or not (0 in old["dims"] or (not old["dims"] and before.json["unknown_dims"])):
        keys.append("dims")
    wrong = [key for key in keys if _plain(old[key]) != _plain(new[key])]
    if wrong:
        return f"{wrong[0]} is {new[wrong[0]]}, not {old[wrong[0]]}"
    if new["value"] is None or old["type"] == "SUBGRAPH":
        return None
    dtype = np.float16 if "FLOAT16" in old["type"] else np.float32 if "FLOAT32" in old["type"] else np.int64
    equal = np.array_equal(np.array(before.values(index), dtype), np.array(new["value"], dtype))
    return None if equal else "other elements"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return value["dim"], np.array(value["scales"], np.float32).tolist()
    return float(np.float32(value)) if isinstance(value, float) else value


def differences(spelled: bool, records: list[Record]) -> dict[str, str]:
    found = {}
    for one in records:
        converted = convert(one)
        model = model_of(converted.module, converted.spelling if spelled else None)
        problem = difference(one, model, shortest=not spelled)
        for subgraph in model["subgraphs"]:
            number = int(subgraph["name"].removeprefix("model_"))
            problem = problem or difference(one.subgraph(number), subgraph, shortest=not spelled)
        if problem is not None:
            found[one.name] = problem
    return found


def test_every_case_comes_back_with_the_same_operands() -> None:
    assert differences(True, list(read([data_path("nnapi")]))) == {}


def test_without_its_spelling_a_case_comes_back_with_the_shortest_lists() -> None:
    """What i8 is written as is the one thing besides that NIR does not keep."""
    records = list(read([data_path("nnapi")]))
    found = differences(False, records)
    symmetric = {one.name for one in records if any(operand["type"] == SYMMETRIC for operand in one.json["operands"])}
    assert found.keys() <= symmetric
    assert len(found) <= 3


EXAMPLES = [operator for operator in OPERATORS if operator.name in NAMES]


@pytest.mark.parametrize("operator", EXAMPLES, ids=lambda operator: operator.name)
def test_every_example_survives_as_an_nnapi_model(operator: type[nir.Operation]) -> None:
    module = nir.parse(operator.example())
    module.functions["main"] = module.functions.pop("example")
    module.functions["main"].name = "main"
    model = model_of(module)
    back = convert(record(case("example", model))).module
    if issubclass(operator, ControlFlow):
        assert sorted(len(function) for function in back) == sorted(len(function) for function in module)
        assert model_of(back)["operations"] == model["operations"]
        return
    assert same(_without_rounding(module), back), nir.first_difference(module, back)
    assert model_of(back)["operations"] == model["operations"]


def _without_rounding(module: Module) -> Module:
    for op in walk(module):
        op.attributes.pop("rounding", None)
    return module


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("padding = [1, 0, 2, 3]", 10),
        ("padding = [1, 0, 2, 3], layout = nchw", 11),
        ("padding = [1, 0, 2, 3], dilations = [1, 2]", 13),
        ("padding = same", 7),
        ("padding = same, layout = nchw", 8),
        ("padding = same, dilations = [2, 1]", 10),
        ("padding = valid, layout = nchw, dilations = [2, 1]", 10),
    ],
)
def test_both_forms_of_padding_are_kept(text: str, count: int) -> None:
    shape = "1x9x9x9"
    draft = nir.parse(
        f"func @main(%x: tensor<{shape}xf32>, %w: tensor<4x3x2x9xf32>, %b: tensor<4xf32>) -> tensor<1x?x?x?xf32> {{\n"
        f"  %0 = conv_2d(%x, %w, %b) {{{text}}} : tensor<1x?x?x?xf32>\n  return %0\n}}"
    )
    (op,) = draft["main"].operations
    model = model_of(draft)
    assert len(model["operations"][0]["inputs"]) == count
    (back,) = convert(record(case("conv", model))).module["main"].operations
    assert back.attributes == op.attributes
    longest = len(PARSED["CONV_2D"][0 if "[1, 0" in text else 1].slots)
    spelled = model_of(draft, Spelling(counts={op: longest}))
    assert len(spelled["operations"][0]["inputs"]) == longest
    (again,) = convert(record(case("conv", spelled))).module["main"].operations
    assert again.attributes == op.attributes
