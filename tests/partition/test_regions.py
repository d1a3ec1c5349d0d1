"""Regions of numbered graphs: as few as exhaustive search finds, never more than TVM's way, and able to run."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from partition_search import (
    fewest_by_trying,
    in_one_piece,
    is_acyclic,
    merged_greedily,
    owned_graphs,
    set_partitions,
)

from nir.passes.partition import Dag, Region, execution_order, find_owned_regions, find_regions
from nir.passes.partition.phases import phases

CHAIN = Dag.from_edges(5, [(0, 1), (1, 2), (2, 3), (3, 4)])
DIAMOND = Dag.from_edges(4, [(0, 1), (0, 2), (1, 3), (2, 3)])


def check(graph: Dag, owners: list[int | None], regions: list[Region], connected: bool) -> None:
    """What every partition has to be."""
    held = [node for region in regions for node in region.nodes]
    assert sorted(held) == [node for node in range(len(graph)) if owners[node] is not None]
    assert all(owners[node] == region.owner for region in regions for node in region.nodes)
    assert is_acyclic(graph, [region.nodes for region in regions])
    if connected:
        assert all(in_one_piece(graph, sum(1 << node for node in region.nodes)) for region in regions)
    place = {node: i for i, block in enumerate(execution_order(graph, [r.nodes for r in regions])) for node in block}
    assert all(place[p] <= place[node] for node in range(len(graph)) for p in graph.predecessors[node])
    assert [place[region.nodes[0]] for region in regions] == sorted(place[region.nodes[0]] for region in regions)


@pytest.mark.parametrize("connected", [False, True])
@given(owned_graphs())
@settings(max_examples=70)
def test_one_target_has_as_few_regions_as_exhaustive_search_finds(
    connected: bool, case: tuple[Dag, list[int | None]]
) -> None:
    graph, owners = case
    regions = find_owned_regions(graph, owners, connected=connected)
    check(graph, owners, regions, connected)
    assert len(regions) == fewest_by_trying(graph, owners, connected)


@pytest.mark.parametrize("connected", [False, True])
@given(owned_graphs(owners=3, most=10))
@settings(max_examples=75)
def test_several_targets_have_as_few_regions_as_exhaustive_search_finds(
    connected: bool, case: tuple[Dag, list[int | None]]
) -> None:
    graph, owners = case
    regions = find_owned_regions(graph, owners, connected=connected)
    check(graph, owners, regions, connected)
    assert len(regions) == fewest_by_trying(graph, owners, connected)


@given(owned_graphs(most=7))
@settings(max_examples=40)
def test_the_search_by_sequences_misses_no_partition(case: tuple[Dag, list[int | None]]) -> None:
    graph, owners = case
    supported = [node for node in range(len(graph)) if owners[node] is not None]
    best = min(len(parts) for parts in set_partitions(supported) if is_acyclic(graph, parts))
    assert best == fewest_by_trying(graph, owners, connected=False)
    assert best == len(find_regions(graph, [owner is not None for owner in owners]))


@pytest.mark.parametrize("owners", [1, 2])
@given(data=st.data())
@settings(max_examples=60)
def test_there_are_never_more_regions_than_by_greedy_merging(owners: int, data: st.DataObject) -> None:
    graph, owner_of = data.draw(owned_graphs(owners, most=40))
    greedy = merged_greedily(graph, owner_of)
    assert is_acyclic(graph, [sorted(region) for region in greedy])
    pieces = find_owned_regions(graph, owner_of, connected=True)
    free = find_owned_regions(graph, owner_of)
    check(graph, owner_of, pieces, connected=True)
    check(graph, owner_of, free, connected=False)
    assert len(free) <= len(pieces) <= len(greedy)


def bytes_across(graph: Dag, regions: list[Region], weights: list[int]) -> int:
    """What crosses: each node's result once for leaving its region, and once for each region that it enters."""
    home = {node: index for index, region in enumerate(regions) for node in region.nodes}
    total = 0
    for node, consumers in enumerate(graph.successors):
        others = {home.get(consumer) for consumer in consumers} - {home.get(node)}
        total += weights[node] * (len(others - {None}) + (node in home and bool(others)))
    return total


@given(owned_graphs(owners=2), st.randoms(use_true_random=False))
def test_parts_are_placed_where_fewer_bytes_cross(case: tuple[Dag, list[int | None]], random: random.Random) -> None:
    graph, owners = case
    weights = [random.randrange(1, 100) for _ in owners]
    settled = find_owned_regions(graph, owners, weights=weights)
    plain = [Region(owners[nodes[0]] or 0, tuple(nodes)) for nodes in phases(graph, owners)]
    assert bytes_across(graph, settled, weights) <= bytes_across(graph, plain, weights)
    assert len(settled) <= len(plain)


def test_what_is_needed_late_runs_late() -> None:
    # 0 is a large result that only 3 takes, behind the host's 2.
    graph = Dag.from_edges(4, [(1, 2), (2, 3), (0, 3)])
    owners = [0, 0, None, 0]
    assert find_owned_regions(graph, owners) == [Region(0, (1,)), Region(0, (0, 3))]


def test_regions_are_convex() -> None:
    # The sum cannot be in the region of what it adds up: the host's node lies in between.
    assert find_regions(DIAMOND, [True, False, True, True]) == [frozenset({0, 2}), frozenset({3})]
    assert find_regions(CHAIN, [True, False, True, False, True]) == [frozenset({0}), frozenset({2}), frozenset({4})]


def test_regions_do_not_wait_for_one_another() -> None:
    # Either pair alone is convex: {0, 3} and {1, 2} together are not, since 0 -> 2 and 1 -> 3.
    graph = Dag.from_edges(6, [(0, 4), (4, 2), (1, 5), (5, 3)])
    regions = find_regions(graph, [True, True, True, True, False, False])
    assert regions == [frozenset({0, 1}), frozenset({2, 3})]


def test_unconnected_parts_share_a_region_unless_told_otherwise() -> None:
    graph = Dag.from_edges(5, [(0, 1), (0, 2), (1, 3), (2, 4)])
    supported = [False, True, True, True, True]
    assert find_regions(graph, supported) == [frozenset({1, 2, 3, 4})]
    assert find_regions(graph, supported, connected=True) == [frozenset({1, 3}), frozenset({2, 4})]


def test_targets_take_turns_in_the_better_order() -> None:
    # 0 and 1 belong to the first, 2 and 3 to the second: to begin with the second costs no third turn.
    graph = Dag.from_edges(4, [(2, 0), (3, 1), (2, 1)])
    assert find_owned_regions(graph, [0, 0, 1, 1]) == [Region(1, (2, 3)), Region(0, (0, 1))]


def test_an_empty_graph_and_a_graph_without_supported_nodes_have_no_regions() -> None:
    assert find_regions(Dag([]), []) == []
    assert find_regions(CHAIN, [False] * 5, connected=True) == []


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dag.from_edges(2, [(0, 1), (1, 0)]), "cycle"),
        (lambda: Dag([[7]]), "only 1 nodes"),
        (lambda: find_regions(CHAIN, [True]), "1 owners are given for 5 nodes"),
        (lambda: execution_order(CHAIN, [{0, 2}]), "wait for one another"),
        (lambda: execution_order(CHAIN, [{0}, {0, 1}]), "node 0 is in two regions"),
    ],
)
def test_nonsense_is_refused(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()  # type: ignore[operator]


@pytest.mark.parametrize("connected", [False, True])
@pytest.mark.parametrize("owners", [1, 3])
def test_large_graphs(connected: bool, owners: int) -> None:
    generator = random.Random(7)
    count = 10_000
    edges = [(generator.randrange(max(0, node - 12), node), node) for node in range(1, count) for _ in range(2)]
    graph = Dag.from_edges(count, edges)
    chosen = [generator.choice([*range(owners)] * 6 + [None]) for _ in range(count)]
    regions = find_owned_regions(graph, chosen, connected=connected)
    assert sum(len(region.nodes) for region in regions) == sum(owner is not None for owner in chosen)
    execution_order(graph, [region.nodes for region in regions])
