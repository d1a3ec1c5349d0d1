"""Levels of detail: a large view becomes a small one whose nodes open the parts that were folded away.

Parts are stretches of the order in which operations run, so that folding them never makes a cycle. First goes
structure that repeats, such as the blocks of a residual network, then what stands between, then whole frames.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from nir.draw.diagram import FOLDED, Diagram, Node, View, contracted, cut_out

MOST = 60
"""Operations that one view shows, unless told otherwise."""
_LONGEST_PERIOD = 256
_PART = 12
"""Operations of a part, about, where nothing repeats."""
_SHORTEST_BLOCK = 2
"""Operations in a block that is worth a node of its own."""

Run = tuple[int, int, int]
"""Repeated structure: where it starts, operations of one repetition, repetitions."""


def fold(diagram: Diagram, most: int = MOST) -> Diagram:
    """The diagram with every view brought down to about `most` operations where it has more."""
    views: dict[str, View] = {}
    waiting = list(diagram.views.values())
    while waiting:
        view = waiting.pop(0)
        folded, parts = fold_view(view, most)
        views[folded.name] = folded
        waiting = parts + waiting
    return Diagram(views)


def fold_view(view: View, most: int) -> tuple[View, list[View]]:
    """A view of at most about `most` operations, and the views of the parts that were folded away."""
    parts: list[View] = []
    for fold_step in (_fold_repeated, _fold_stretches, _fold_groups, _fold_runs, _fold_everything):
        if len(view.operations) <= most:
            break
        view = fold_step(view, parts, most)
    return view, parts


def _fold(view: View, parts: list[View], folds: Sequence[tuple[str, list[Node]]]) -> View:
    """Replaces stretches of nodes, each with its title, by a node that opens them.

    What would be one node for everything is left as it is, so that every part is smaller than the whole.
    """
    if any(len(nodes) == len(view.operations) for _, nodes in folds):
        return view
    made = []
    for title, nodes in folds:
        inner = cut_out(view, [node.name for node in nodes], f"{view.name}.{len(parts)}", title)
        parts.append(inner)
        targets = {node.target for node in nodes}
        group = nodes[0].group if len({node.group for node in nodes}) == 1 else None
        folded = Node(
            f"fold_{inner.name}",
            FOLDED,
            title,
            contents(nodes),
            tooltip=f"{title}: {len(operators(nodes))} operators",
            target=targets.pop() if len(targets) == 1 else None,
            reasons=tuple(dict.fromkeys(reason for node in nodes for reason in node.reasons)),
            group=group,
            opens=inner.name,
            family=Counter(node.family for node in nodes).most_common(1)[0][0],
            key=f"[{' '.join(node.key for node in nodes)}]",
            inside=operators(nodes),
        )
        made.append((folded, {node.name for node in nodes}))
    return contracted(view, made)


def operators(nodes: Sequence[Node]) -> tuple[str, ...]:
    """The titles of all operators that nodes stand for."""
    return tuple(title for node in nodes for title in (node.inside or (node.title,)))


def contents(nodes: Sequence[Node]) -> tuple[str, ...]:
    """What nodes are, in words: `conv_2d x 2`, `add`."""
    counts = Counter(operators(nodes))
    common = [
        f"{title} \N{MULTIPLICATION SIGN} {count}" if count > 1 else title for title, count in counts.most_common(4)
    ]
    return (*common, *(["..."] if len(counts) > 4 else []))


def _fold_groups(view: View, parts: list[View], most: int) -> View:
    """Frames that have a target become nodes, which stand outside of any frame."""
    members: dict[str, list[Node]] = {}
    for node in view.operations:
        if node.group is not None and view.groups[node.group].target is not None:
            members.setdefault(node.group, []).append(node)
    first = len(parts)
    result = _fold(view, parts, [(view.groups[group].label, nodes) for group, nodes in members.items()])
    for group, part in zip(members, parts[first:], strict=False):
        part.target = view.groups[group].target
        folded = result.nodes[f"fold_{part.name}"]
        folded.group, folded.target = None, part.target
    return result


def _fold_repeated(view: View, parts: list[View], most: int) -> View:
    """Each repetition of a structure becomes a node: `block A, 2 of 4`."""
    operations = view.operations
    folds = []
    letters: dict[str, str] = {}
    for start, period, repetitions in repeated(view, _SHORTEST_BLOCK):
        shape = " ".join(node.key for node in operations[start : start + period])
        letter = letters.setdefault(shape, _letter(len(letters)))
        for number in range(repetitions):
            begin = start + number * period
            title = f"block {letter}, {number + 1} of {repetitions}"
            folds.append((title, operations[begin : begin + period]))
    return _fold(view, parts, folds)


def _fold_runs(view: View, parts: list[View], most: int) -> View:
    """All repetitions of a structure together become a node."""
    operations = view.operations
    runs = [run for run in repeated(view, 1) if run[1] * run[2] >= _SHORTEST_BLOCK]
    folds = []
    for start, period, repetitions in runs:
        nodes = operations[start : start + period * repetitions]
        title = nodes[0].title.partition(",")[0] if period == 1 else "blocks"
        folds.append((f"{title} \N{MULTIPLICATION SIGN} {repetitions}", nodes))
    return _fold(view, parts, folds)


def _fold_stretches(view: View, parts: list[View], most: int) -> View:
    """Operations between blocks, of one frame, become parts: cut where few tensors cross."""
    operations = view.operations
    crossing = tensors_across(view)
    pieces = []
    for begin, end in _plain_stretches(operations):
        pieces += _cut(begin, end, -(-(end - begin) // _PART), crossing)
    pieces = [(begin, end) for begin, end in pieces if end - begin >= _SHORTEST_BLOCK]
    titles = [f"part {k} of {len(pieces)}" for k in range(1, len(pieces) + 1)]
    return _fold(view, parts, [(title, operations[a:b]) for title, (a, b) in zip(titles, pieces, strict=True)])


def _plain_stretches(operations: list[Node]) -> list[tuple[int, int]]:
    """Where operations of one frame stand side by side that are no blocks: beginnings and ends."""
    found, begin = [], 0
    for index in range(len(operations) + 1):
        here = operations[index] if index < len(operations) else None
        if here is None or here.kind == FOLDED or here.group != operations[begin].group:
            if index > begin:
                found.append((begin, index))
            begin = index + 1 if here is not None and here.kind == FOLDED else index
    return found


def _fold_everything(view: View, parts: list[View], most: int) -> View:
    """What is left becomes parts, blocks and frames included."""
    operations = view.operations
    pieces = _cut(0, len(operations), max(2, min(most, len(operations) // 8)), tensors_across(view))
    titles = [f"part {k} of {len(pieces)}" for k in range(1, len(pieces) + 1)]
    return _fold(view, parts, [(title, operations[a:b]) for title, (a, b) in zip(titles, pieces, strict=True)])


def _cut(begin: int, end: int, count: int, crossing: Sequence[int]) -> list[tuple[int, int]]:
    """A stretch in `count` pieces of about one length, cut where few tensors cross."""
    length = end - begin
    bounds = [begin]
    for k in range(1, count):
        ideal, reach = begin + length * k // count, max(1, length // (3 * count))
        near = range(max(bounds[-1] + 1, ideal - reach), min(end, ideal + reach + 1))
        bounds.append(min(near, key=lambda cut: (crossing[cut], abs(cut - ideal)), default=ideal))
    return [(a, b) for a, b in itertools.pairwise([*bounds, end]) if b > a]


def tensors_across(view: View) -> list[int]:
    """For each place in the order of operations, the tensors that cross it from earlier to later ones."""
    place = {node.name: index for index, node in enumerate(view.operations)}
    last: dict[tuple[str, str], int] = {}
    for edge in view.edges:
        if edge.tail in place:
            head = place.get(edge.head, len(place))
            last[edge.tail, edge.value] = max(last.get((edge.tail, edge.value), 0), head)
    changes = np.zeros(len(place) + 2, np.int64)
    for (tail, _), head in last.items():
        changes[place[tail] + 1] += 1
        changes[head + 1] -= 1
    return [int(number) for number in np.cumsum(changes)]


def repeated(view: View, shortest: int) -> list[Run]:
    """Structures that stand several times one after the other, without overlaps, those that save most chosen first.

    Two operations are alike where their keys are, and where their operands come from as far before them.
    """
    keys = _keys(view)
    candidates: list[tuple[float, int, int, int]] = []
    for period in range(shortest, min(len(keys) // 2, _LONGEST_PERIOD) + 1):
        same = np.concatenate([[False], keys[:-period] == keys[period:], [False]])
        edges = np.flatnonzero(same[1:] != same[:-1])
        for begin, end in edges.reshape(-1, 2).tolist():
            repetitions = (end - begin) // period + 1
            if repetitions > 1:
                saved = repetitions * period * math.log2(repetitions)  # many small blocks say more than two large ones
                candidates.append((-saved, period, begin, repetitions))
    taken = np.zeros(len(keys), bool)
    chosen = []
    for _, period, start, repetitions in sorted(candidates):
        if not taken[start : start + period * repetitions].any():
            taken[start : start + period * repetitions] = True
            chosen.append((start, period, repetitions))
    return sorted(chosen)


def _keys(view: View) -> np.ndarray:
    """A number for each operation, equal where they are alike."""
    operations = view.operations
    place = {node.name: index for index, node in enumerate(operations)}
    sources: list[list[int]] = [[] for _ in operations]
    for edge in view.edges:
        if edge.head in place:
            sources[place[edge.head]].append(place[edge.head] - place[edge.tail] if edge.tail in place else -1)
    numbers: dict[tuple[str, str | None, tuple[int, ...]], int] = {}
    found = [
        numbers.setdefault((node.key, node.group, tuple(distances)), len(numbers))
        for node, distances in zip(operations, sources, strict=True)
    ]
    return np.asarray(found, np.int64)


def _letter(index: int) -> str:
    """A, B, ... Z, A1, B1, ..."""
    return chr(ord("A") + index % 26) + (str(index // 26) if index >= 26 else "")
