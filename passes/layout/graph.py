"""A function as tensors and the places where operations touch them, without its transposes.

A transpose is only another way to look at a tensor (a *view*), and a constant can have any order, so neither is here:
what is left are nodes (operations, and an open interface) with sites on tensors. A site says which frame it needs: a
fixed one, or one that follows from the order that is chosen for its node.
"""

from __future__ import annotations

from collections.abc import Callable

from nir.ir import Function, InferenceError, Operation, TensorType, Value
from nir.ops.constant import Const
from nir.ops.shape import Transpose
from nir.passes.layout.frames import Frame, identity, inverse, key, through
from nir.passes.layout.products import Absorption, accepts_exchanged_rows, has_channels
from nir.passes.layout.rules import (
    Order,
    Port,
    Rule,
    frame_in,
    image_frame,
    image_operands,
    is_nchw,
    order_for,
    rule_of,
    whole,
)

_IMAGE_ORDERS = frozenset({(0, 1, 2, 3), (0, 2, 3, 1)})
"""Orders that an open interface may have: as it was, and NHWC."""


class Site:
    """Where a node touches a tensor: as its maker, or through a view as its user.

    `frame` is what it needs, or None where that follows from the order of `node` by `port`. `accepts` tells further
    frames of the tensor that it can do with.
    """

    __slots__ = ("accepts", "frame", "node", "port", "shape", "view")

    def __init__(
        self,
        shape: tuple[int | None, ...],
        view: Frame | None,
        node: int = -1,
        port: Port | None = None,
        frame: Frame | None = None,
        accepts: Callable[[Frame], bool] | None = None,
    ) -> None:
        self.shape = shape
        self.view = view
        self.node = node
        self.port = port
        self.frame = frame
        self.accepts = accepts

    def need(self, order: Order) -> Frame:
        """The frame of the tensor that this site needs when its node has `order`."""
        assert self.port is not None
        frame = frame_in(self.port, order)
        return frame if self.view is None else through(self.view, frame)

    def order(self, frame: Frame) -> Order | None:
        """The order of the node in which this site needs `frame` of the tensor; None where there is none."""
        assert self.port is not None
        return order_for(self.port, frame if self.view is None else through(inverse(self.view), frame), self.shape)


class Tensor:
    """A value that is stored: who makes it and who takes it."""

    __slots__ = ("maker", "type", "users")

    def __init__(self, type: TensorType, maker: Site) -> None:
        self.type = type
        self.maker = maker
        self.users: list[Site] = []

    def key(self, frame: Frame) -> Frame:
        return key(frame, self.type.shape)


class Node:
    """An operation, or an open parameter or result, that can work in any order of its strands."""

    __slots__ = ("allowed", "rule", "tensors")

    def __init__(self, rule: Rule, allowed: frozenset[Order] | None = None) -> None:
        self.rule = rule
        self.allowed = allowed
        self.tensors: list[tuple[Tensor, Site]] = []


class Graph:
    """The tensors and nodes of a function.

    With `convert` operations in NCHW need their images as NHWC. `open_interface` lets parameters and results that are
    images be either.
    """

    def __init__(self, function: Function, convert: bool, open_interface: bool) -> None:
        self.function = function
        self.convert = convert
        self.tensors: dict[Value, Tensor] = {}
        self.nodes: list[Node] = []
        self.node_of: dict[Operation, int] = {}
        self.interface: dict[int, int] = {}
        """The node of each open result, and with -1 - index of each open parameter."""
        self.views: dict[Value, tuple[Value, Frame]] = {}
        """What each result of a transpose looks at, and how."""
        self.constants: set[Value] = set()
        self.absorption = Absorption(function)
        for parameter in function.parameters:
            self._add_parameter(parameter, open_interface)
        for op in function.operations:
            self._add(op)
        for index, value in enumerate(function.results):
            self._add_result(index, value, open_interface)

    @property
    def is_settled(self) -> bool:
        """True where there is nothing to change."""
        return not self.views and not (self.convert and any(is_nchw(op) for op in self.function.operations))

    def root(self, value: Value) -> tuple[Value, Frame | None]:
        """The tensor that a value is, or is a view of."""
        return self.views.get(value, (value, None))

    # --- building ---

    def _add_parameter(self, value: Value, open_interface: bool) -> None:
        site = Site(value.shape, None, frame=identity(len(value.shape)))
        if open_interface and len(value.shape) == 4:
            self.interface[-1 - value.index] = self._interface_node(site)
        self._make(value, site)

    def _add_result(self, index: int, value: Value, open_interface: bool) -> None:
        site = self._fixed(value, identity(len(value.shape)))
        if open_interface and len(value.shape) == 4:
            self.interface[index] = self._interface_node(site)
        self._use(value, site)

    def _interface_node(self, site: Site) -> int:
        site.frame, site.port, site.node = None, whole(4), len(self.nodes)
        self.nodes.append(Node(Rule(4, (), (whole(4),)), _IMAGE_ORDERS))
        return site.node

    def _add(self, op: Operation) -> None:
        if isinstance(op, Const):
            self.constants.add(op.results[0])
        elif isinstance(op, Transpose) and (order := _permutation(op)) is not None:
            source, view = self.root(op.input)
            self.views[op.output] = (source, order if view is None else through(view, order))
        elif self.convert and is_nchw(op):
            self._add_image_operation(op)
        else:
            self._add_node(op)

    def _add_image_operation(self, op: Operation) -> None:
        for value, is_image in zip(op.operands, image_operands(op), strict=True):
            if value is not None:
                self._use(value, self._fixed(value, image_frame(is_image, len(value.shape))))
        for value in op.results:
            self._make(value, Site(value.shape, None, frame=image_frame(True, len(value.shape))))

    def _add_node(self, op: Operation) -> None:
        rule = None if op in self.absorption.chain else rule_of(op)
        index = -1
        if rule is not None:
            index = self.node_of[op] = len(self.nodes)
            self.nodes.append(Node(rule))
        for place, value in enumerate(op.operands):
            port = None if rule is None else rule.operands[place]
            if value is None:
                continue
            if port is not None:
                self._use(value, Site(value.shape, self.root(value)[1], index, port))
            else:
                self._use(value, self._fixed_operand(op, place, value))
        for place, value in enumerate(op.results):
            port = None if rule is None else rule.results[place]
            frame = identity(len(value.shape)) if port is None else None
            self._make(value, Site(value.shape, None, index, port, frame))

    def _fixed(self, value: Value, frame: Frame) -> Site:
        view = self.root(value)[1]
        return Site(value.shape, view, frame=frame if view is None else through(view, frame))

    def _fixed_operand(self, op: Operation, place: int, value: Value) -> Site:
        site = self._fixed(value, identity(len(value.shape)))
        if op.name == "batch_matmul":
            site.accepts = accepts_exchanged_rows(value, site.view)
        else:
            site.accepts = self.absorption.acceptance(op, place, site.view)
        return site

    def _make(self, value: Value, site: Site) -> None:
        tensor = self.tensors[value] = Tensor(value.type, site)
        if site.node >= 0:
            self.nodes[site.node].tensors.append((tensor, site))

    def _use(self, value: Value, site: Site) -> None:
        tensor = self.tensors.get(self.root(value)[0])
        if tensor is None:
            return  # a constant, which can have any order
        tensor.users.append(site)
        if site.node >= 0:
            self.nodes[site.node].tensors.append((tensor, site))


def _permutation(op: Transpose) -> Frame | None:
    """The order of a transpose; None where it must stay: a scale per channel does not go along."""
    if has_channels(op.input) or has_channels(op.output):
        return None
    try:
        return op.order()
    except InferenceError:
        return None  # the verifier's to report
