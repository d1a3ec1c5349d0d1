"""Partitioned Relay modules: TVM's form, the same graph, the same numbers; region counts against TVM's own."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from partition_counts import cases, counts, in_form, networks, operator_sets, operators, split, table

import nir
import nir.passes
import nir.testing
from nir.errors import ConvertError, PartitionError
from nir.passes.partition import RelayOperators, inline_relay_regions, partition_relay
from nir.passes.partition.relay_inlining import tidied
from nir.relay import Function, Module, post_order
from nir.testing import RelayProgram


def same_graph(left: Module, right: Module) -> str | None:
    """The first difference of the main functions, tuples and lets aside."""
    return nir.relay.first_difference(tidied(left.main), tidied(right.main))


def converted(module: Module) -> nir.Module:
    return nir.passes.relay_to_nir(module, foreign=True, layout="keep")


@given(program=nir.testing.relay_programs(max_operators=8), data=st.data())
@settings(max_examples=40)
def test_a_partition_is_the_same_graph_and_computes_the_same(program: RelayProgram, data: st.DataObject) -> None:
    module = program.load()
    known = sorted(set(operators(module.main)))
    chosen = data.draw(st.sets(st.sampled_from(known or ["add"])))
    by_name = data.draw(st.booleans())
    targets = [RelayOperators.of("chosen", chosen)] if by_name else ["nnapi-4", "cpu"]
    parts = partition_relay(module, targets=targets, connected=data.draw(st.booleans()))
    assert same_graph(inline_relay_regions(parts.module), module) is None
    again = nir.relay.load(nir.relay.print_module(parts.module))
    assert same_graph(inline_relay_regions(again), module) is None
    for each in parts.report.outside:
        assert each.reasons
    arrays = program.arrays(1)
    expected, found = (nir.run(converted(each), arrays, profile="relay") for each in (module, parts.module))
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
    parts = partition_relay(module).module
    assert list(parts.functions) == ["main", "tvmgen_default_nir_main_0", "tvmgen_default_nir_main_1"]
    first = parts["tvmgen_default_nir_main_0"]
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
    assert operators(parts.main) == ["cumsum"]
    assert same_graph(inline_relay_regions(parts), module) is None


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
    parts = partition_relay(module)
    assert [region.operators for region in parts.report.regions] == [{"nn.relu": 1}, {"add": 1}]
    assert [(each.operator, each.reasons[0].rule) for each in parts.report.outside] == [("if", "no-calls")]
    assert same_graph(inline_relay_regions(parts.module), module) is None


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
    parts = partition_relay(module, {"w": np.arange(12, dtype=np.float32).reshape(4, 3)})
    assert [len(function.params) for function in parts.module.functions.values()] == [1, 1, 1]
    assert [region.size for region in parts.report.regions] == [1, 1]
    assert same_graph(inline_relay_regions(parts.module), parts.source) is None


def test_a_partitioned_module_is_not_partitioned_again() -> None:
    with pytest.raises(PartitionError, match="@tvmgen_default_nir_main_0 has a compiler"):
        partition_relay(partition_relay(nir.relay.load(TEXT)).module)


def test_a_deep_graph_takes_no_recursion() -> None:
    lines = [f"  %{i} = {'cumsum' if i % 100 == 50 else 'nn.relu'}(%{i - 1});" for i in range(1, 5000)]
    text = "\n".join(
        ['#[version = "0.0.5"]', "def @main(%x: Tensor[(4), float32]) {", "  %0 = nn.relu(%x);", *lines, "  %4999", "}"]
    )
    parts = partition_relay(nir.relay.load(text.replace("cumsum(", "cumsum(").replace(", axis", ", axis")))
    assert len(parts.report.regions) == 51


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

NETWORKS = [pytest.param(*case, id=case[0]) for case in networks()]


@pytest.mark.parametrize(("name", "path", "form"), [pytest.param(*case, id="-".join(case[::2])) for case in cases()])
def test_no_more_regions_than_tvm(name: str, path: Path, form: str) -> None:
    module = in_form(path, form)
    for letter in operator_sets():
        theirs = counts()[name]["variants"][f"{form}/{letter}/merged"]
        for connected in (False, True):
            ours = split(module, letter, connected)
            assert len(ours.report.regions) <= theirs["regions"]
            assert ours.report.offloaded_operators == theirs["ops_in_regions"]
            assert dict(Counter(each.operator for each in ours.report.outside)) == theirs["host_by_op"]
        assert same_graph(inline_relay_regions(ours.module), module) is None


@pytest.mark.parametrize(("name", "path"), NETWORKS)
def test_recorded_networks_are_split_by_what_nir_makes_of_them(name: str, path: Path) -> None:
    params = path.with_suffix(".params")
    try:
        module = nir.relay.load(path, params if params.exists() else None)
        whole = converted(module)
    except ConvertError:
        pytest.skip("the network does not convert")
    parts = partition_relay(module, targets=["apu", "cpu"])
    assert same_graph(inline_relay_regions(parts.module), module) is None
    parts = converted(parts.module)
    nir.verify.verify(parts)
    count = [sum(op.name not in ("const", "call") for op in nir.ir.walk(each)) for each in (whole, parts)]
    assert count[0] == count[1], "composites keep together what makes one operation"


def test_the_page_shows_these_counts(repository: Path) -> None:
    if not NETWORKS:
        pytest.skip("no recorded data: set NIR_DATA to its folder")
    page = (repository / "docs" / "partition.md").read_text("utf-8")
    assert table() in page, "docs/partition.md is stale: `python tests/partition_counts.py` prints the table"
