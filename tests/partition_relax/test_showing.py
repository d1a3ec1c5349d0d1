"""Partitioned Relax and Relay modules as pictures."""

from __future__ import annotations

import pytest

import nir
import nir.tvm
from nir.display import bundle
from nir.passes.partition import partition_relay

pytest.importorskip("tvm")

TEXT = """#[version = "0.0.5"]
def @main(%x: Tensor[(1, 4), float32]) {
  %0 = nn.relu(%x);
  %1 = erf(%0);
  tanh(%1)
}
"""


def test_a_partitioned_relax_module_is_drawn_with_its_regions() -> None:
    split = nir.tvm.partition_relax(nir.passes.relay_to_relax(nir.relay.load(TEXT)), targets=["apu"])
    view = nir.tvm.diagram(split.module).main
    assert {group.label for group in view.groups.values()} == {"@nir_0 on apu", "@nir_1 on apu"}
    titles = {node.title: node.target for node in view.operations}
    assert titles == {"nn.relu": "apu", "erf": None, "tanh": "apu"}


def test_notebooks_show_partitions_of_relax_and_relay() -> None:
    pytest.importorskip("pygraphviz")
    relay = nir.relay.load(TEXT)
    for split in (partition_relay(relay), nir.tvm.partition_relax(nir.passes.relay_to_relax(relay), targets=["apu"])):
        shown = bundle(split)
        assert "_0 on apu: 1 operators" in shown["text/plain"]
        assert "<svg" in shown["text/html"]
        assert "<td" in shown["text/html"]
