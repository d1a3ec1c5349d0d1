"""The web page and the graph for Model Explorer: what is in them, and that a browser shows it."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nir
import nir.draw
from nir.ir import Module, Origin, tensor
from nir.ops.builder import Builder

pytest.importorskip("pygraphviz")

HOSTILE = '</script><img src=x onerror="document.title=1">\N{ROCKET}%"'


def network(operations: int = 3, name: str = "layer") -> Module:
    b = Builder("main")
    value = b.parameter("x", tensor((1, 8, 8, 4), "i8", scale=0.5, zero_point=-3))
    weights = b.const(np.ones((4, 1, 1, 4), np.int8), tensor((4, 1, 1, 4), "i8", axis=0, scales=[0.1, 0.2, 0.3, 0.4]))
    for number in range(operations):
        fields = {"element": "i8", "scale": 0.25, "zero_point": number - 3, "location": Origin(f"{name}{number}")}
        value = b.conv_2d(value, weights, activation="relu6", **fields)
    b.returns(value)
    return b.module


def content(page: str) -> dict[str, Any]:
    packed = re.search(r'const packed = "([^"]*)"', page)
    assert packed
    return json.loads(zlib.decompress(base64.b64decode(packed[1])))


def test_a_page_tells_all_about_an_operation() -> None:
    found = content(nir.draw.page(network(), reasons={"1": ["the accelerator is busy"]}))
    (view,) = found["views"]
    told = [node for node in view["nodes"].values() if node["title"] == "conv_2d"]
    assert len(told) == 3
    facts = told[0]["facts"]
    assert "activation = relu6" in facts["attributes"]
    assert "strides = [1, 1]" in facts["attributes"]
    assert any("4 scales, axis 0, from 0.1 to 0.4" in text for text in facts["operands"])
    assert facts["results"] == ["%1: 1x8x8x4 i8, scale 0.25, zero point -3"]
    assert facts["made from"] == "layer0"
    assert facts["text"].startswith("%1 = conv_2d(")
    assert told[0]["reasons"] == ["the accelerator is busy"]
    assert set(re.findall(r'id="(op\d+)"', view["svg"])) == {name for name in view["nodes"] if name.startswith("op")}


def test_a_page_asks_the_network_for_nothing() -> None:
    page = nir.draw.page(network())
    assert "default-src 'none'" in page
    assert not re.search(r'(?:src|href)="(?!data:)', page)
    assert "http:" not in re.sub(r"http://www\.w3\.org/\S+", "", page)
    assert "https:" not in page


def test_names_cannot_break_out_of_the_page() -> None:
    page = nir.draw.page(network(name=HOSTILE))
    assert HOSTILE not in page
    assert page.count("</script>") == 1


def test_large_graphs_are_folded_into_views_that_nodes_open() -> None:
    found = content(nir.draw.page(network(300)))
    names = {view["name"] for view in found["views"]}
    opened = {node["opens"] for view in found["views"] for node in view["nodes"].values() if "opens" in node}
    assert opened == names - {"module"}
    told = [node for view in found["views"] for node in view["nodes"].values() if node["kind"] == "operation"]
    assert len(told) == 300


def chromium() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if shutil.which(name):
            return name
    pytest.skip("there is no Chromium on this machine")


def test_a_browser_shows_the_page(tmp_path: Path) -> None:
    browser, path = chromium(), tmp_path / "page.html"
    nir.draw.save(network(4, HOSTILE), path)
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    options += ["--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}"]
    command = [browser, *options, "--virtual-time-budget=10000", "--dump-dom", path.as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False).stdout
    assert 'data-ready="yes"' in shown
    assert shown.count('class="node') == 6
    assert "4 operators" in shown


def test_model_explorer_gets_a_graph_of_every_view() -> None:
    module = nir.parse("""
        func @main(%c: tensor<1xbool>, %x: tensor<4xf32>) -> tensor<4xf32> {
          %0 = relu(%x) : tensor<4xf32>
          %1 = if(%c, %0) {then_branch = @a, else_branch = @b} : tensor<4xf32>
          return %1
        }
        func @a(%x: tensor<4xf32>) -> tensor<4xf32> { %0 = abs(%x) : tensor<4xf32> return %0 }
        func @b(%x: tensor<4xf32>) -> tensor<4xf32> { %0 = neg(%x) : tensor<4xf32> return %0 }
    """)
    made = json.loads(nir.draw.render(module, "model-explorer"))
    assert made["label"] == "NIR"
    main, *functions = made["graphs"]
    assert [graph["id"] for graph in functions] == ["@a", "@b"]
    nodes = {node["id"]: node for node in main["nodes"]}
    branch = next(node for node in nodes.values() if node["label"] == "if")
    assert branch["subgraphIds"] == ["@a"]
    for node in nodes.values():
        for edge in node["incomingEdges"]:
            outputs = [item["id"] for item in nodes[edge["sourceNodeId"]]["outputsMetadata"]]
            assert edge["sourceNodeOutputId"] in outputs
        assert all(set(pair) == {"key", "value"} and isinstance(pair["value"], str) for pair in node["attrs"])
