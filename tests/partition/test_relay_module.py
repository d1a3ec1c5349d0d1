"""Partitioned Relay modules: TVM's form, the same graph, the same numbers; region counts against TVM's own."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data import data_folder
from hypothesis import given, settings
from hypothesis import strategies as st

import nir
import nir.passes
import nir.testing
from nir.errors import ConvertError, PartitionError
from nir.passes.partition import RelayOperators, inline_relay_regions, partition_relay
from nir.passes.partition.relay_inlining import tidied
from nir.relay import Call, Function, Module, post_order
from nir.testing import RelayProgram


def same_graph(left: Module, right: Module) -> str | None:
    """The first difference of the main functions, tuples and lets aside."""
    return nir.relay.first_difference(tidied(left.main), tidied(right.main))


def converted(module: Module) -> nir.Module:
    return nir.passes.relay_to_nir(module, foreign=True, layout="keep")


def operators(function: Function) -> list[str]:
    return [expr.op_name for expr in post_order(function) if isinstance(expr, Call) and expr.op_name]


@given(program=nir.testing.relay_programs(max_operators=8), data=st.data())
@settings(max_examples=40)
def test_a_partition_is_the_same_graph_and_computes_the_same(program: RelayProgram, data: st.DataObject) -> None:
    module = program.load()
    known = sorted(set(operators(module.main)))
    chosen = data.draw(st.sets(st.sampled_from(known or ["add"])))
    by_name = data.draw(st.booleans())
    targets = [RelayOperators.of("chosen", chosen)] if by_name else ["nnapi-4", "cpu"]
    split = partition_relay(module, targets=targets, connected=data.draw(st.booleans()))
    assert same_graph(inline_relay_regions(split.module), module) is None
    again = nir.relay.load(nir.relay.print_module(split.module))
    assert same_graph(inline_relay_regions(again), module) is None
    for each in split.report.outside:
        assert each.reasons
    arrays = program.arrays(1)
    expected, found = (nir.run(converted(each), arrays, profile="relay") for each in (module, split.module))
    for left, right in zip(expected.values(), found.values(), strict=True):
        np.testing.assert_array_equal(left, right, strict=True)


TEXT = """#[version = "0.0.5"]
def @main(%x: Tensor[(1, 4, 8, 8), float32], %w: Tensor[(4, 4, 1, 1), float32], %b: Tensor[(4), float32]) {
  %0 = nn.conv2d(%x, %w, kernel_size=[1, 1], channels=4);
  %1 = nn.bias_add(%0, %b);
  %2 = nn.relu(%1);
  %3 = cumsum(%2, axis=1);
  %4 = split(%3, indices_or_sections=2, axis=1);
  %5 = %4.0;
  %6 = %4.1;
  let %y = tanh(%6);
  (%5, %y, %2)
}
"""


def test_regions_have_the_form_of_tvm() -> None:
    module = nir.relay.load(TEXT)
    split = partition_relay(module).module
    assert list(split.functions) == ["main", "tvmgen_default_nir_main_0", "tvmgen_default_nir_main_1"]
    first = split["tvmgen_default_nir_main_0"]
    assert first.attrs == {
        "Compiler": "nir",
        "Primitive": 1,
        "Inline": 1,
        "global_symbol": "tvmgen_default_nir_main_0",
        "nir_target": "apu",
    }
    assert [parameter.name_hint for parameter in first.params] == ["nir_0_i0", "nir_0_i1", "nir_0_i2"]
    (composite,) = [expr for expr in post_order(first) if isinstance(expr, Function) and expr is not first]
    assert composite.attrs == {
        "Composite": "nir.conv_2d",
        "PartitionedFromPattern": "nn.conv2d_nn.bias_add_nn.relu_",
    }
    assert operators(composite) == ["nn.conv2d", "nn.bias_add", "nn.relu"]
    assert operators(split.main) == ["cumsum"]
    assert same_graph(inline_relay_regions(split), module) is None


def test_the_report_names_what_keeps_a_call_outside() -> None:
    report = partition_relay(nir.relay.load(TEXT), targets=["apu"]).report
    (outside,) = report.outside
    assert outside.operator == "cumsum"
    assert [(reason.rule, reason.found) for reason in outside.reasons] == [("not-foreign", "relay.cumsum")]
    assert [region.operators for region in report.regions] == [
        {"nn.conv2d": 1, "nn.bias_add": 1, "nn.relu": 1},
        {"split": 1, "tanh": 1},
    ]
    assert report.offloaded_macs == report.macs == 4 * 4 * 64
    assert (report.regions[1].bytes_in, report.regions[1].bytes_out) == (1024, 1024)


def test_branches_and_functions_stay_whole() -> None:
    text = """#[version = "0.0.5"]
def @main(%c: bool, %x: Tensor[(4), float32]) {
  %0 = nn.relu(%x);
  %1 = if (%c) {
    tanh(%0)
  } else {
    %2 = fn (%y: Tensor[(4), float32]) { sigmoid(%y) };
    %2(%x)
  };
  add(%0, %1)
}
"""
    module = nir.relay.load(text)
    split = partition_relay(module)
    assert [region.operators for region in split.report.regions] == [{"nn.relu": 1}, {"add": 1}]
    assert [(each.operator, each.reasons[0].rule) for each in split.report.outside] == [("if", "no-calls")]
    assert same_graph(inline_relay_regions(split.module), module) is None


def test_parameters_become_constants_and_what_they_alone_determine_goes_along() -> None:
    text = """#[version = "0.0.5"]
def @main(%x: Tensor[(1, 4), float32], %w: Tensor[(4, 3), float32]) {
  %0 = transpose(%w, axes=[1, 0]);
  %1 = nn.dense(%x, %0, units=3);
  %2 = cumsum(%1, axis=1);
  nn.dense(%2, reshape(%0, newshape=[4, 3]), units=4)
}
"""
    module = nir.relay.load(text)
    split = partition_relay(module, {"w": np.arange(12, dtype=np.float32).reshape(4, 3)})
    assert [len(function.params) for function in split.module.functions.values()] == [1, 1, 1]
    assert [region.size for region in split.report.regions] == [1, 1]
    assert same_graph(inline_relay_regions(split.module), split.source) is None


def test_a_partitioned_module_is_not_partitioned_again() -> None:
    with pytest.raises(PartitionError, match="@tvmgen_default_nir_main_0 has a compiler"):
        partition_relay(partition_relay(nir.relay.load(TEXT)).module)


def test_a_deep_graph_takes_no_recursion() -> None:
    lines = [f"  %{i} = {'cumsum' if i % 100 == 50 else 'nn.relu'}(%{i - 1});" for i in range(1, 5000)]
    text = "\n".join(
        ['#[version = "0.0.5"]', "def @main(%x: Tensor[(4), float32]) {", "  %0 = nn.relu(%x);", *lines, "  %4999", "}"]
    )
    split = partition_relay(nir.relay.load(text.replace("cumsum(", "cumsum(").replace(", axis", ", axis")))
    assert len(split.report.regions) == 51


def test_partition_for_nir_gives_back_the_kind_it_was_given(tmp_path: Path) -> None:
    module = nir.relay.load(TEXT)
    relay = nir.partition_for_nir(module, nir_targets=["apu"], nir_debug=tmp_path)
    assert "tvmgen_default_nir_main_1" in relay
    written = {path.name for path in tmp_path.iterdir()}
    assert {"report.json", "partitioned.nir", "partitioned.relay", "tvmgen_default_nir_main_0.nir"} <= written
    assert json.loads((tmp_path / "report.json").read_text())["outside"][0]["operator"] == "cumsum"
    nir.verify.verify(nir.load(tmp_path / "tvmgen_default_nir_main_0.nir"))
    split = nir.partition_for_nir(converted(module), nir_targets=["apu"])
    assert [function.attributes.get("target") for function in split] == [None, "apu", "apu"]


# --- TVM's own partitioner ---

FOLDER = data_folder()


def recorded() -> Iterator[tuple[str, Path]]:
    """The networks with recorded counts whose Relay there is."""
    if FOLDER is None:
        return
    for name in sorted(json.loads((FOLDER / "relay/partition/partition_counts.json").read_text())):
        places = ("models/{}/model.json", "models/{}/model.relay", "json/{}.json.gz")
        found = [path for place in places if (path := FOLDER / "relay" / place.format(name)).exists()]
        if found:
            yield name, found[0]


def as_recorded(module: Module, wanted: dict[str, int]) -> Module:
    """The network that TVM's counts are of: those from TFLite had no bias behind matrix products then."""
    present = Counter(operators(module.main))
    if present["nn.bias_add"] > wanted.get("nn.bias_add", 0):

        class WithoutBias(nir.relay.ExprMutator):
            def visit_call(self, call: Call) -> Any:
                data = call.args[0] if call.args else None
                is_bias = call.op_name == "nn.bias_add" and isinstance(data, Call)
                if is_bias and data.op_name in ("nn.dense", "qnn.dense"):
                    return self.visit(data)
                return super().visit_call(call)

        main = module.main
        changed = Function(main.params, WithoutBias().visit(main.body), None, main.attrs)
        module = Module({**module.functions, "main": changed})
        nir.relay.infer_types(module)
    assert dict(Counter(operators(module.main))) == wanted
    return module


@pytest.mark.parametrize(("name", "path"), [pytest.param(*case, id=case[0]) for case in recorded()])
def test_no_more_regions_than_tvm(name: str, path: Path) -> None:
    assert FOLDER is not None
    counts = json.loads((FOLDER / "relay/partition/partition_counts.json").read_text())[name]
    module = as_recorded(nir.relay.load(path), counts["by_op"])
    for letter, names in json.loads((FOLDER / "relay/partition/op_sets.json").read_text())["sets"].items():
        theirs = counts["variants"][f"raw/{letter}/merged"]
        for connected in (False, True):
            split = partition_relay(module, targets=[RelayOperators.of(letter, names)], connected=connected)
            assert len(split.report.regions) <= theirs["regions"]
            assert split.report.offloaded_operators == theirs["ops_in_regions"]
            assert dict(Counter(each.operator for each in split.report.outside)) == theirs["host_by_op"]
        assert same_graph(inline_relay_regions(split.module), module) is None


@pytest.mark.parametrize(("name", "path"), [pytest.param(*case, id=case[0]) for case in recorded()])
def test_recorded_networks_are_split_by_what_nir_makes_of_them(name: str, path: Path) -> None:
    params = path.with_suffix(".params")
    try:
        module = nir.relay.load(path, params if params.exists() else None)
        whole = converted(module)
    except ConvertError:
        pytest.skip("the network does not convert")
    split = partition_relay(module, targets=["apu", "cpu"])
    assert same_graph(inline_relay_regions(split.module), module) is None
    parts = converted(split.module)
    nir.verify.verify(parts)
    count = [sum(op.name not in ("const", "call") for op in nir.ir.walk(each)) for each in (whole, parts)]
    assert count[0] == count[1], "composites keep together what makes one operation"
