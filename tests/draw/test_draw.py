"""Pictures: what becomes a node, an edge, a box; hostile names; and a layout with and without Graphviz's program."""

from __future__ import annotations

import re
import shutil
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nir.draw
from nir.draw import style
from nir.draw.columns import columns
from nir.draw.dot import Graph
from nir.draw.nir_views import nir_diagram
from nir.draw.painting import paint
from nir.errors import RunError
from nir.ir import Function, Module, Origin, Quantisation, Symbol, TensorType, Value, tensor
from nir.ops import FAMILIES
from nir.ops.builder import Builder
from nir.ops.control import Call, Foreign

TYPE = tensor((1, 8, 8, 3), "i8", scale=0.5, zero_point=-128)
SVG = "{http://www.w3.org/2000/svg}"


def picture(module: Module, function: str | None = None) -> Graph:
    return paint(nir_diagram(module, function).main)


def step(builder: Builder, *operands: Value, operator: str = "step", type: TensorType = TYPE) -> Value:
    result: Value = builder.append(Foreign(operands, {"operator": operator}, [type]))[0]
    return result


def chain(length: int, name: str = "main", module: Module | None = None) -> Module:
    """A module with a function of `length` operations, one after the other."""
    builder = Builder(name, module)
    value = builder.parameter("x", TYPE)
    for _ in range(length):
        value = step(builder, value)
    builder.returns(value)
    return builder.module


def from_links(links: Sequence[Sequence[int]]) -> Function:
    """Operation i takes the values numbered `links[i]`, each modulo what there is: parameter 0, then results."""
    builder = Builder("main")
    values = [builder.parameter("x", TYPE)]
    for sources in links:
        values.append(step(builder, *(values[-1 - source % len(values)] for source in sources)))
    return builder.returns(values[-1])


def nodes_and_edges(graph: Graph) -> tuple[dict[str, dict], list[tuple[str, str, dict]]]:
    nodes, edges = dict(graph.nodes), list(graph.edges)
    for cluster in graph.clusters:
        inner_nodes, inner_edges = nodes_and_edges(cluster)
        nodes.update(inner_nodes)
        edges += inner_edges
    return nodes, edges


LINKS = st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=3), min_size=1, max_size=60)


@given(LINKS)
def test_every_operation_is_a_node_and_every_use_an_edge(links: list[list[int]]) -> None:
    function = from_links(links)
    nodes, edges = nodes_and_edges(picture(Module([function])))
    assert len(nodes) == len(function.operations) + len(function.parameters) + len(function.results)
    assert len(edges) == sum(len(op.operands) for op in function.operations) + len(function.results)
    assert {name for edge in edges for name in edge[:2]} <= set(nodes)


@given(LINKS)
def test_one_edge_crosses_between_columns(links: list[list[int]]) -> None:
    function = from_links(links)
    view = nir_diagram(Module([function])).main
    column = columns(view)
    in_order = [column[node.name] for node in view.operations]
    assert in_order == sorted(in_order)
    for boundary in range(1, max(column.values()) + 1):
        crossing = [edge for edge in view.edges if column[edge.tail] < boundary <= column[edge.head]]
        assert len(crossing) == 1


def test_a_long_chain_is_folded_and_a_short_one_is_not() -> None:
    assert max(columns(nir_diagram(chain(14)).main).values()) == 0
    assert max(columns(nir_diagram(chain(60)).main).values()) >= 4


def test_constants_are_folded_into_the_label() -> None:
    builder = Builder("main")
    weights = builder.const(np.zeros((4, 3, 3, 2), np.int8), scale=0.5)
    tenth = builder.const(np.float32(0.1))
    builder.returns(step(builder, builder.parameter("x", TYPE), weights, tenth))
    nodes, edges = nodes_and_edges(picture(builder.module))
    assert (len(nodes), len(edges)) == (3, 2)
    label = next(node["label"] for name, node in nodes.items() if name.startswith("op"))
    assert "4x3x3x2 i8" in label
    assert "= 0.1<" in label


def test_a_returned_constant_is_a_node() -> None:
    builder = Builder("main")
    builder.returns(builder.const(np.zeros(3, np.float32)))
    nodes, edges = nodes_and_edges(picture(builder.module))
    assert sorted(name.rstrip("0123456789") for name in nodes) == ["const", "output"]
    assert len(edges) == 1


def partitioned() -> Module:
    module = chain(3, "nir_0")
    module["nir_0"].attributes["target"] = "apu"
    builder = Builder("main", module)
    value = step(builder, builder.parameter("x", TYPE))
    value = builder.append(Call((value,), {"callee": Symbol("nir_0")}, [TYPE]))[0]
    builder.returns(step(builder, value))
    return module


def test_a_function_with_a_target_is_a_box_where_it_is_called() -> None:
    graph = picture(partitioned())
    (box,) = graph.clusters
    assert box.attributes["label"] == "@nir_0 on apu"
    assert len(box.nodes) == 3
    _, edges = nodes_and_edges(graph)
    entering = [edge for edge in edges if edge[0] not in box.nodes and edge[1] in box.nodes]
    leaving = [edge for edge in edges if edge[0] in box.nodes and edge[1] not in box.nodes]
    assert (len(entering), len(leaving)) == (1, 1)


def test_functions_without_a_target_stand_beside_each_other() -> None:
    graph = picture(chain(2, "second", chain(3)))
    assert [cluster.attributes["label"] for cluster in graph.clusters] == ["@main", "@second"]
    assert "subgraph" in graph.to_dot()


def test_labels_and_tooltips_say_what_an_operation_is() -> None:
    builder = Builder("main")
    x = builder.parameter("x", tensor((1, 8, 8, 3), "u8", scale=0.5))
    weights = builder.const(np.zeros((2, 3, 3, 3), np.int8), quantisation=Quantisation.per_channel([0.5, 0.25], 0))
    y = builder.conv_2d(x, weights, strides=(2, 2), activation="relu6", scale=0.1, location=Origin("layer1"))
    y = builder.leaky_relu(builder.dequantize(y), alpha=0.1)
    builder.returns(y)
    nodes, _ = nodes_and_edges(picture(builder.module))
    convolution, _, leaky = (node for name, node in nodes.items() if name.startswith("op"))
    assert "strides 2x2" in convolution["label"]
    assert "relu6" in convolution["label"]
    assert "filter 2x3x3x3 i8" in convolution["label"]
    assert "alpha 0.1<" in leaky["label"]
    assert convolution["tooltip"].splitlines()[0] == "conv_2d"
    assert "scale 0.1, zero point 0" in convolution["tooltip"]
    assert convolution["tooltip"].splitlines()[-1] == "from layer1"


def test_an_engine_that_fails_or_takes_for_ever_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = tmp_path / "dot"
    monkeypatch.setattr("shutil.which", lambda name: str(engine))
    engine.write_text("#!/bin/sh\necho no such luck >&2\nexit 3\n")
    engine.chmod(0o755)
    with pytest.raises(RunError, match="no such luck"):
        nir.draw.render(chain(2))
    engine.write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr("nir.draw.layout._TIME_LIMIT", 0.1)
    with pytest.raises(RunError, match="found no layout"):
        nir.draw.render(chain(2))


def test_one_function_can_be_drawn_alone() -> None:
    nodes, _ = nodes_and_edges(picture(partitioned(), "nir_0"))
    assert len(nodes) == 5
    with pytest.raises(RunError, match="there is no function @nowhere"):
        picture(partitioned(), "nowhere")


def test_edges_carry_type_and_quantisation_once() -> None:
    builder = Builder("main")
    value = builder.parameter("x", TYPE)
    builder.returns(step(builder, value, value))
    _, edges = nodes_and_edges(picture(builder.module))
    labels = [edge[2]["label"].split("\n")[0].strip() for edge in edges if "label" in edge[2]]
    assert labels == ["1x8x8x3 i8", "1x8x8x3 i8"]
    assert all("scale=0.5, zero_point=-128" in edge[2]["tooltip"] for edge in edges)


@given(st.text(min_size=1, max_size=30), st.text(min_size=1, max_size=30))
def test_any_name_makes_sound_dot(name: str, operator: str) -> None:
    """Quotes, backslashes and brackets in names never end a DOT string or an HTML-like label early."""
    builder = Builder("main")
    builder.returns(step(builder, builder.parameter(name, TYPE), operator=operator))
    for label in (node["label"] for node in picture(builder.module).nodes.values()):
        ElementTree.fromstring(label.replace("<br/>", ""))
    for line in nir.draw.to_dot(builder.module).splitlines():
        strings = re.sub(r"label=<<table.*?</table>>", "", line).replace("\\\\", "").replace('\\"', "")
        assert strings.count('"') % 2 == 0


HOSTILE = ('a"b', "x\\", "</td>&<b>", "\N{ROCKET}\u202e\0\x07", "line\nbreak", "{port|x}", "\\N\\G")


@pytest.mark.parametrize("format", ["svg", "png", "pdf"])
def test_hostile_names_are_drawn(format: str) -> None:
    if not shutil.which("dot"):
        pytest.importorskip("pygraphviz")
    builder = Builder("main")
    value = builder.parameter(HOSTILE[0], TYPE)
    for name in HOSTILE:
        value = step(builder, value, operator=name)
        value.name = name
    builder.returns(value)
    drawn = nir.draw.render(builder.module, format)
    starts = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}
    assert drawn.startswith(starts[format])


def test_the_svg_holds_all_nodes_and_their_tooltips(tmp_path: Path) -> None:
    pytest.importorskip("pygraphviz")
    path = tmp_path / "chain.svg"
    nir.draw.save(chain(20), path)
    tree = ElementTree.parse(path)
    groups = [group.get("class") for group in tree.iter(f"{SVG}g")]
    assert groups.count("node") == 22
    assert groups.count("edge") == 21
    titles = [link.get("{http://www.w3.org/1999/xlink}title", "") for link in tree.iter(f"{SVG}a")]
    assert sum("scale 0.5, zero point -128" in title for title in titles) >= 20


def test_without_the_dot_program_the_wheel_draws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("pygraphviz")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert nir.draw.render(chain(2), "png").startswith(b"\x89PNG")


def test_without_any_engine_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(RunError, match=r"neuron-ir\[draw\]"):
        nir.draw.render(chain(2))


def test_dot_text_needs_no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    nir.draw.save(chain(2), tmp_path / "chain.dot")
    assert (tmp_path / "chain.dot").read_text().startswith("digraph")


def test_wrong_formats_and_huge_graphs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="svg, png, pdf, dot"):
        nir.draw.save(chain(1), tmp_path / "chain.bmp")
    with pytest.raises(RunError, match="10000 operations cannot be laid out"):
        nir.draw.render(chain(10_000), folded=False)
    assert nir.draw.to_dot(chain(10_000)).count("->") == 10_001
    with pytest.raises(RunError, match="there is no theme 'sepia'"):
        nir.draw.render(chain(1), "dot", theme="sepia")
    with pytest.raises(RunError, match="a list cannot be drawn"):
        nir.draw.render([])  # type: ignore[arg-type]


def test_every_family_of_operators_has_a_colour() -> None:
    families = {module.__name__.rpartition(".")[2] for module in FAMILIES.values()}
    assert families - set(style.FAMILIES) == {"control", "control_flow"}


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb` (WCAG 2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(left: str, right: str) -> float:
    """Contrast ratio of two colours (WCAG 2)."""
    darker, lighter = sorted(luminance(colour) + 0.05 for colour in (left, right))
    return lighter / darker


@pytest.mark.parametrize("theme", style.THEMES.values(), ids=list(style.THEMES))
@pytest.mark.parametrize("family", style.FAMILIES)
def test_text_on_every_colour_can_be_read(family: str, theme: style.Theme) -> None:
    """Contrast of at least 7:1 for names, 4.5:1 for the fainter lines (WCAG 2, levels AAA and AA)."""
    fill = theme.tinted(style.FAMILIES[family], style.NODE_TINT)
    assert contrast(fill, theme.text) >= 7
    assert contrast(fill, theme.faint) >= 4.5


@pytest.mark.parametrize("theme", style.THEMES.values(), ids=list(style.THEMES))
@pytest.mark.parametrize("target", style.TARGETS)
def test_text_in_frames_can_be_read(target: str, theme: style.Theme) -> None:
    fill = theme.tinted(target, style.FRAME)
    assert contrast(fill, theme.text) >= 7
    assert contrast(fill, theme.faint) >= 4.5


def test_a_notebook_shows_a_picture() -> None:
    pytest.importorskip("pygraphviz")
    assert "<svg" in nir.draw.show(chain(1))._repr_svg_()
