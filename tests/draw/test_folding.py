"""Levels of detail: what is folded away can be opened, nothing is lost, and there is never a cycle."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nir.draw.diagram import FOLDED, INPUT, OPERATION, OUTPUT, Diagram, Edge, Group, Node, View
from nir.draw.folding import MOST, fold, repeated, tensors_across


def view_of(links: list[list[int]], titles: list[str], groups: list[int | None] | None = None) -> View:
    """Operation i takes what the operations `links[i]` places before it gave; the input where there is none."""
    view = View("module", "module", {"input": Node("input", INPUT, "input")})
    names = ["input"]
    for index, (sources, title) in enumerate(zip(links, titles, strict=True)):
        group = None if groups is None or groups[index] is None else f"group{groups[index]}"
        if group is not None:
            view.groups.setdefault(group, Group(group, f"@{group}", "apu"))
        view.add(Node(f"op{index}", OPERATION, title, key=title, group=group))
        for source in sources:
            tail = names[max(0, len(names) - 1 - source)]
            view.edges.append(Edge(tail, f"op{index}", tail, "f32"))
        names.append(f"op{index}")
    view.add(Node("output", OUTPUT, "output"))
    view.edges.append(Edge(names[-1], "output", names[-1], "f32"))
    return view


def networks() -> st.SearchStrategy[View]:
    """Views of up to 200 operations, with and without frames, and with structure that repeats."""

    def build(block: list[tuple[list[int], str]], times: int, rest: list[tuple[list[int], str]], framed: int) -> View:
        whole = block * times + rest
        size = max(1, len(whole) // (framed + 1))
        groups = [(i // size if framed and (i // size) % 2 else None) for i in range(len(whole))]
        return view_of([links for links, _ in whole], [title for _, title in whole], groups)

    step = st.tuples(st.lists(st.integers(0, 6), min_size=1, max_size=3), st.sampled_from("abc"))
    return st.builds(
        build, st.lists(step, max_size=12), st.integers(0, 12), st.lists(step, max_size=60), st.integers(0, 6)
    )


def leaves(diagram: Diagram) -> list[str]:
    return [node.name for _, node in diagram.nodes() if node.kind == OPERATION]


@given(networks(), st.integers(2, 40))
def test_every_operation_is_in_one_view_and_every_part_can_be_opened(view: View, most: int) -> None:
    folded = fold(Diagram({view.name: view}), most)
    assert sorted(leaves(folded)) == sorted(node.name for node in view.operations)
    opened = Counter(node.opens for _, node in folded.nodes() if node.kind == FOLDED)
    assert set(opened) == set(folded.views) - {view.name}
    assert set(opened.values()) <= {1}
    assert sum(node.size for node in folded.main.operations) == len(view.operations)


@given(networks(), st.integers(2, 40))
def test_views_have_no_cycles_and_no_loose_ends(view: View, most: int) -> None:
    for part in fold(Diagram({view.name: view}), most).views.values():
        place = {name: index for index, name in enumerate(part.nodes)}
        assert all(place[edge.tail] < place[edge.head] for edge in part.edges)
        ends = {end for edge in part.edges for end in (edge.tail, edge.head)}
        assert all(
            node.name in ends for node in part.nodes.values() if node.kind in (INPUT, OUTPUT) and len(part.nodes) > 2
        )


@given(networks(), st.integers(8, 40))
def test_what_crosses_a_part_is_an_edge_of_the_view(view: View, most: int) -> None:
    """The tensors that enter and leave a folded node are those that enter and leave what it stands for."""
    folded = fold(Diagram({view.name: view}), most)

    def inside(node: Node) -> set[str]:
        if node.kind != FOLDED:
            return {node.name}
        return {name for inner in folded.views[str(node.opens)].operations for name in inside(inner)}

    for node in folded.main.operations:
        members = inside(node)
        entering = {edge.value for edge in view.edges if edge.head in members and edge.tail not in members}
        assert {edge.value for edge in folded.main.edges if edge.head == node.name} == entering
        leaving = {edge.value for edge in view.edges if edge.tail in members and edge.head not in members}
        assert {edge.value for edge in folded.main.edges if edge.tail == node.name} == leaving


def test_the_overview_is_small_whatever_the_size() -> None:
    links, titles = [[0, 3]] * 5000, [str(i * i % 7) + str(i % 11) for i in range(5000)]
    folded = fold(Diagram({"module": view_of(links, titles)}))
    assert all(len(view.operations) <= 2 * MOST for view in folded.views.values())


def test_small_views_are_left_alone() -> None:
    view = view_of([[0]] * MOST, ["a"] * MOST)
    assert fold(Diagram({"module": view})).main is view


def test_blocks_that_repeat_are_found() -> None:
    block = [([0], "conv"), ([0], "relu"), ([0, 2], "add")]
    steps = [([0], "start"), *(block * 9), ([0], "end")]
    view = view_of([links for links, _ in steps], [title for _, title in steps])
    assert repeated(view, 2) == [(1, 3, 9)]
    folded = fold(Diagram({"module": view}), 20).main
    titles = [node.title for node in folded.operations]
    assert titles == ["start", *(f"block A, {k} of 9" for k in range(1, 10)), "end"]
    assert folded.operations[1].words == ("conv", "relu", "add")


def test_few_frames_stay_frames_and_blocks_do_not_cross_them() -> None:
    view = view_of([[0]] * 100, ["a", "b"] * 50, [None] * 30 + [0] * 40 + [None] * 30)
    folded = fold(Diagram({"module": view}), 60).main
    assert set(folded.groups) == {"group0"}
    assert {node.group for node in folded.operations} == {None, "group0"}


@pytest.mark.parametrize("frames", [2, 150])
def test_many_frames_become_nodes_that_run_on_their_target(frames: int) -> None:
    titles = [f"{i}" for i in range(3 * frames)]
    view = view_of([[0]] * len(titles), titles, [i // 3 if i % 3 else None for i in range(len(titles))])
    diagram = fold(Diagram({"module": view}), 8)
    assert sorted(leaves(diagram)) == sorted(node.name for node in view.operations)


def test_tensors_that_cross_are_counted_once() -> None:
    view = view_of([[0], [0], [0, 1], [2]], ["a", "b", "c", "d"])
    assert tensors_across(view)[:5] == [0, 1, 2, 1, 1]
