"""An order for every node, so that as few tensors as possible are needed in two frames.

Nodes that touch a tensor together make a component. Each fixed need at its border is a *candidate*: followed through
the component it says in which order each node would have to work so that this need costs nothing. Of two candidates
the best mixture is a minimum cut; with more of them each is tried in turn against the mixture so far (expansion
moves), and taken over where the number of transposes becomes less. Ties are decided by the bytes that are moved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from nir.passes.layout.cut import INFINITE, SINK, SOURCE, FlowNetwork
from nir.passes.layout.frames import Frame
from nir.passes.layout.graph import Graph, Node, Site, Tensor
from nir.passes.layout.rules import Order

_CANDIDATES = 12
"""Candidates that are looked at in one component; more of them are rare, and cost time only."""

_ROUNDS = 3

Orders = dict[int, Order]
"""An order for some of the nodes."""


def choose_orders(graph: Graph) -> list[Order]:
    """An order for each node of the graph."""
    orders: list[Order] = [tuple(range(node.rule.strands)) for node in graph.nodes]
    total = sum(tensor.type.nbytes for tensor in graph.tensors.values()) + 1
    for members in _components(graph):
        component = _Component(graph, members, total)
        if not component.is_settled():
            for node, order in component.solve().items():
                orders[node] = order
    return orders


def _components(graph: Graph) -> Iterable[list[int]]:
    """The nodes, in groups that share tensors."""
    seen = [False] * len(graph.nodes)
    passed: set[Tensor] = set()
    for start in range(len(graph.nodes)):
        if seen[start]:
            continue
        seen[start] = True
        members = [start]
        for node in members:  # grows on the way
            for tensor, _ in graph.nodes[node].tensors:
                if tensor in passed:
                    continue
                passed.add(tensor)
                for site in (tensor.maker, *tensor.users):
                    if site.node >= 0 and not seen[site.node]:
                        seen[site.node] = True
                        members.append(site.node)
        yield members


def _frame(site: Site, orders: Sequence[Order] | Orders) -> Frame:
    return site.need(orders[site.node]) if site.frame is None else site.frame


def _needed(tensor: Tensor, orders: Sequence[Order] | Orders) -> set[Frame]:
    """The keys in which a tensor is needed besides the one in which it is made."""
    made = _frame(tensor.maker, orders)
    needed = {
        tensor.key(_frame(site, orders)) for site in tensor.users if site.accepts is None or not site.accepts(made)
    }
    return needed - {tensor.key(made)}


class _Component:
    """Nodes that depend on each other."""

    def __init__(self, graph: Graph, members: list[int], total: int) -> None:
        self.members = members
        self.nodes: dict[int, Node] = {index: graph.nodes[index] for index in members}
        self.tensors = list(dict.fromkeys(tensor for node in self.nodes.values() for tensor, _ in node.tensors))
        self.total = total

    def is_settled(self) -> bool:
        """True where everything at the border is as it was, and nothing inside is turned."""
        return all(
            site.view is None and (site.frame is None or site.frame == tuple(range(len(site.shape))))
            for tensor in self.tensors
            for site in (tensor.maker, *tensor.users)
        )

    def solve(self) -> Orders:
        """The orders of all nodes."""
        written = {index: tuple(range(node.rule.strands)) for index, node in self.nodes.items()}
        candidates = self._candidates()
        current = dict(written)
        for candidate in reversed(candidates):
            current.update(candidate)
        cost = self.cost(current)
        for _ in range(_ROUNDS):
            improved = False
            for candidate in [*candidates, written]:
                moved = self._expanded(current, candidate)
                moved_cost = self.cost(moved) if moved != current else cost
                if moved_cost < cost:
                    current, cost, improved = moved, moved_cost, True
            if not improved or len(candidates) < 3:
                break
        return current

    def cost(self, orders: Orders) -> int:
        """Transposes that these orders need (times `total`), plus the bytes that those move."""
        return sum(self._weight(tensor) * len(_needed(tensor, orders)) for tensor in self.tensors)

    def _weight(self, tensor: Tensor) -> int:
        weight = self.total + tensor.type.nbytes
        parameters = tensor.type.quantisation
        return 3 * weight if parameters is not None and parameters.is_per_channel else weight  # with two casts

    # --- candidates ---

    def _candidates(self) -> list[Orders]:
        """What follows from each need at the border, the most wanted first, and from what an open interface may be."""
        found: list[Orders] = []
        wanted: Counter[int] = Counter()
        for tensor, frame, weight in self._needs():
            sites = [site for site in (tensor.maker, *tensor.users) if site.frame is None]
            index = self._known(found, tensor, sites, frame)
            if index is None and len(found) < _CANDIDATES:
                orders = self._followed(tensor, sites, frame)
                if orders:
                    index = len(found)
                    found.append(orders)
            if index is not None:
                wanted[index] += weight
        return [found[index] for index, _ in wanted.most_common()]

    def _needs(self) -> Iterator[tuple[Tensor, Frame, int]]:
        """Tensors, frames in which they are made or needed whatever is chosen, and how much that counts."""
        for tensor in self.tensors:
            frames = {site.frame for site in (tensor.maker, *tensor.users) if site.frame is not None}
            for frame in sorted(frames):
                yield tensor, frame, 1
        for node in self.nodes.values():
            for order in sorted(node.allowed or ()):
                for tensor, site in node.tensors:
                    yield tensor, site.need(order), 0

    def _known(self, found: list[Orders], tensor: Tensor, sites: list[Site], frame: Frame) -> int | None:
        """The candidate by which a tensor has the key of `frame` already."""
        wanted = tensor.key(frame)
        for index, orders in enumerate(found):
            if any(site.node in orders and tensor.key(_frame(site, orders)) == wanted for site in sites[:8]):
                return index
        return None

    def _followed(self, tensor: Tensor, sites: list[Site], frame: Frame) -> Orders:
        """The orders in which no tensor is transposed when `tensor` is needed in `frame`, as far as that goes."""
        orders: Orders = {}
        queue: list[int] = []
        self._spread(sites, frame, orders, queue)
        passed = {tensor}
        for index in queue:  # grows on the way
            for other, site in self.nodes[index].tensors:
                if other not in passed:
                    passed.add(other)
                    around = [s for s in (other.maker, *other.users) if s.frame is None]
                    self._spread(around, _frame(site, orders), orders, queue)
        return orders

    def _spread(self, sites: list[Site], frame: Frame, orders: Orders, queue: list[int]) -> None:
        for site in sites:
            if site.node not in orders:
                order = site.order(frame)
                allowed = self.nodes[site.node].allowed
                if order is not None and (allowed is None or order in allowed):
                    orders[site.node] = order
                    queue.append(site.node)

    # --- expansion moves ---

    def _expanded(self, current: Orders, candidate: Orders) -> Orders:
        """The best mixture in which each node keeps its order or takes that of the candidate."""
        network = FlowNetwork()
        mixed = {**current, **candidate}
        variables = {index: network.node() for index in self.members if mixed[index] != current[index]}
        if not variables:
            return current
        for tensor in self.tensors:
            _Pairing(network, variables, self._weight(tensor), tensor, current, mixed).connect()
        keeps = network.source_side()
        return {
            index: current[index] if index not in variables or keeps[variables[index]] else mixed[index]
            for index in self.members
        }


class _Pairing:
    """What one tensor costs when each of its nodes keeps its order (source) or takes another (sink).

    Every site has a pair of keys, one for each choice. Nearly all have the same pair, or a fixed key out of it; what
    has another is left out here (and counted when the result is compared with what was before).
    """

    def __init__(
        self,
        network: FlowNetwork,
        variables: dict[int, int],
        weight: int,
        tensor: Tensor,
        current: Orders,
        mixed: Orders,
    ) -> None:
        self.network = network
        self.variables = variables
        self.weight = weight
        kept, taken = _frame(tensor.maker, current), _frame(tensor.maker, mixed)
        self.made = (tensor.key(kept), tensor.key(taken))
        self.needs: list[tuple[tuple[Frame, Frame], int]] = []
        for site in tensor.users:
            pair = (tensor.key(_frame(site, current)), tensor.key(_frame(site, mixed)))
            if site.accepts is not None:
                accepted = site.accepts(kept), site.accepts(taken)
                if accepted[0] != accepted[1]:
                    pair = (self.made[0], self.made[0]) if accepted[0] else (self.made[1], self.made[1])
                elif accepted[0]:
                    continue
            self.needs.append((pair, site.node))
        self.maker = tensor.maker.node

    def connect(self) -> None:
        """Adds the edges."""
        pairs = Counter(pair for pair, _ in self.needs if pair[0] != pair[1])
        if self.made[0] != self.made[1]:
            kept, taken = self.made
        elif pairs:
            kept, taken = pairs.most_common(1)[0][0]
        else:
            return
        sides = {(kept, taken): None, (kept, kept): SOURCE, (taken, taken): SINK}
        users = set()
        for pair, node in self.needs:
            if pair in sides:
                side = sides[pair]
                users.add(self.variables[node] if side is None else side)
        if self.made in sides:
            side = sides[self.made]
            maker = self.variables[self.maker] if side is None else side
            users.discard(maker)
            self._connect(maker, users, maker)
        else:
            self._connect(SOURCE, users, SINK)

    def _connect(self, above: int, users: set[int], below: int) -> None:
        """Costs where `above` keeps and a user takes, and where a user keeps and `below` takes."""
        if above != SINK:
            self._fan(above, users, forward=True)
        if below != SOURCE:
            self._fan(below, users, forward=False)

    def _fan(self, end: int, users: set[int], forward: bool) -> None:
        """One transpose, however many of the users are on the other side."""
        harmless = SOURCE if forward else SINK
        others = [user for user in users if user not in (harmless, end)]
        if not others:
            return
        if len(others) == 1:
            self._edge(end, others[0], self.weight, forward)
            return
        joint = self.network.node()
        self._edge(end, joint, self.weight, forward)
        for user in others:
            self._edge(joint, user, INFINITE, forward)

    def _edge(self, start: int, end: int, capacity: int, forward: bool) -> None:
        if forward:
            self.network.connect(start, end, capacity)
        else:
            self.network.connect(end, start, capacity)
