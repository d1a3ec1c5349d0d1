"""A function written anew: each operation in the order chosen for it, with reshapes and transposes where they are needed.

An operation that has nothing to change stays the object that it was. storage.py knows where the tensors are.
"""

from __future__ import annotations

from nir.ir import Operation, TensorType, Value, copy_operation
from nir.ops.shape import Reshape
from nir.passes.layout.constants import Columns
from nir.passes.layout.frames import NEW, Frame, identity, inverse, stored_type, through
from nir.passes.layout.graph import Graph
from nir.passes.layout.products import columns_of, rows_sorted
from nir.passes.layout.rules import (
    Order,
    Port,
    Rule,
    attributes_in,
    frame_in,
    image_frame,
    image_operands,
    is_nchw,
)
from nir.passes.layout.storage import Storage


def rewrite(graph: Graph, orders: list[Order]) -> None:
    """Puts the operations, and the interface where it is open, of a graph's function into the given orders."""
    _Rewriter(graph, orders).run()


class _Rewriter:
    def __init__(self, graph: Graph, orders: list[Order]) -> None:
        self.graph = graph
        self.orders = orders
        self.function = graph.function
        self.storage = Storage(graph)
        self.sorted: dict[Value, Columns] = {}
        """Flat tensors whose rows are in another order than the program says."""

    def run(self) -> None:
        function = self.function
        function.parameters = [self._parameter(index, value) for index, value in enumerate(function.parameters)]
        for op in function.operations:
            self._operation(op)
        results = [self._result(index, value) for index, value in enumerate(function.results)]
        self._set_results(results)
        function.operations = self.storage.listed()

    # --- the interface ---

    def _parameter(self, index: int, value: Value) -> Value:
        node = self.graph.interface.get(-1 - index)
        frame = identity(len(value.shape)) if node is None else self.orders[node]
        if frame == identity(len(value.shape)):
            self.storage.put(value, frame, value)
            return value
        parameter = Value(stored_type(value.type, frame), value.name, None, index)
        self.storage.put(value, frame, parameter)
        return parameter

    def _result(self, index: int, value: Value) -> Value:
        node = self.graph.interface.get(index)
        return self.storage.in_frame(value, identity(len(value.shape)) if node is None else self.orders[node])

    def _set_results(self, results: list[Value]) -> None:
        declared = self.function.declared_result_types
        if declared is not None:
            nodes = [self.graph.interface.get(index) for index in range(len(results))]
            self.function.declared_result_types = tuple(
                type if node is None else stored_type(type, self.orders[node])
                for type, node in zip(declared, nodes, strict=True)
            )
        self.function.results = results

    # --- operations ---

    def _operation(self, op: Operation) -> None:
        if op.results and op.results[0] in self.graph.constants:
            self.storage.put_constant(op)
        elif op.results and op.results[0] in self.graph.views:
            pass
        elif op in self.graph.node_of:
            node = self.graph.node_of[op]
            self._in_order(op, self.graph.nodes[node].rule, self.orders[node])
        elif self.graph.convert and is_nchw(op):
            self._image_operation(op)
        elif op.name == "batch_matmul":
            self._matrix_product(op)
        elif op in self.graph.absorption.chain or columns_of(op) is not None:
            self._sorted_product(op)
        else:
            self._put(op, [self.storage.as_written(value) for value in op.operands], op.attributes)

    def _in_order(self, op: Operation, rule: Rule, order: Order) -> None:
        if rule.reshapes:
            self._reshape(op, rule, order)
            return
        operands = []
        for value, port in zip(op.operands, rule.operands, strict=True):
            if value is None or port is None:
                operands.append(self.storage.as_written(value))
            elif rule.broadcasts:
                operands.append(self.storage.in_frame(value, _broadcast_frame(port, order, value)))
            else:
                operands.append(self.storage.in_frame(value, frame_in(port, order)))
        straight = order == identity(rule.strands)
        attributes = op.attributes if straight else attributes_in(op, rule, order)
        frames = [
            identity(len(value.shape)) if port is None else frame_in(port, order)
            for value, port in zip(op.results, rule.results, strict=True)
        ]
        self._put(op, operands, attributes, frames)

    def _reshape(self, op: Operation, rule: Rule, order: Order) -> None:
        value, result = op.operands[0], op.results[0]
        taken, made = rule.operands[0], rule.results[0]
        assert value is not None
        assert taken is not None
        assert made is not None
        source = self.storage.in_frame(value, frame_in(taken, order), exactly=False)
        frame = frame_in(made, order)
        type = stored_type(result.type, frame)
        if source is value and type == result.type:
            self._put(op, [source], op.attributes, [frame])
        elif source.type == type:
            self.storage.put(result, frame, source)
        else:
            self._put_reshape(op, source, type, frame)

    def _put_reshape(self, op: Operation, source: Value, type: TensorType, frame: Frame) -> None:
        result = op.results[0]
        shape = tuple(size or 0 for size in type.shape)
        made = Reshape([source], {"shape": shape}, [type], [result.name], op.location)
        made.comments = op.comments
        self.storage.operations.append(made)
        self.storage.put(result, frame, made.results[0])

    def _image_operation(self, op: Operation) -> None:
        operands = [
            None if value is None else self.storage.in_frame(value, image_frame(is_image, len(value.shape)))
            for value, is_image in zip(op.operands, image_operands(op), strict=True)
        ]
        attributes = {name: value for name, value in op.attributes.items() if name != "layout"}
        self._put(op, operands, attributes, [image_frame(True, len(value.shape)) for value in op.results])

    def _put(
        self,
        op: Operation,
        operands: list[Value | None],
        attributes: dict[str, object],
        frames: list[Frame] | None = None,
    ) -> None:
        """Adds an operation with these parts, itself where nothing changes."""
        if frames is None:
            frames = [identity(len(value.shape)) for value in op.results]
        types = [stored_type(value.type, frame) for value, frame in zip(op.results, frames, strict=True)]
        unchanged = attributes is op.attributes and tuple(operands) == op.operands
        if not unchanged or any(type != value.type for type, value in zip(types, op.results, strict=True)):
            made = copy_operation(op, operands, attributes, types)
        else:
            made = op
        self.storage.operations.append(made)
        for value, frame, result in zip(op.results, frames, made.results, strict=True):
            self.storage.put(value, frame, result)

    # --- products ---

    def _matrix_product(self, op: Operation) -> None:
        """Operands that are there with their last two dimensions exchanged are exchanged back by the product."""
        operands: list[Value | None] = []
        attributes = dict(op.attributes)
        for value, name in zip(op.operands, ("transpose_left", "transpose_right"), strict=True):
            found = self._exchanged(value)
            if found is not None and not attributes.pop(name, False):
                attributes[name] = True
            operands.append(self.storage.as_written(value) if found is None else found)
        self._put(op, operands, op.attributes if attributes == op.attributes else attributes)

    def _exchanged(self, value: Value | None) -> Value | None:
        """What is stored with the last two dimensions of `value` exchanged; None where it should not be taken."""
        if value is None or len(value.shape) < 2:
            return None
        root, view = self.graph.root(value)
        rank = len(value.shape)
        own = (*range(rank - 2), rank - 1, rank - 2)
        frames = [frame if view is None else through(view, frame) for frame in (identity(rank), own)]
        if root in self.graph.constants or any(frame == frames[0] for frame, _ in self.storage.frames(root)):
            return None
        return next((found for frame, found in self.storage.frames(root) if frame == frames[1]), None)

    def _sorted_product(self, op: Operation) -> None:
        """A flattening, what follows it, or a fully connected layer: rows may be in another order."""
        absorption = self.graph.absorption
        columns = absorption.columns.get(op.results[0]) if op in absorption.chain else columns_of(op)
        assert columns is not None
        rows: Columns | None = None
        operands: list[Value | None] = []
        for place, value in enumerate(op.operands):
            if place == 0 and value is not None and self._takes_any_rows(op, value):
                stored, rows = self._any_rows(value, columns)
                operands.append(stored)
            elif place == 1 and value is not None and rows is not None and op not in absorption.chain:
                operands.append(self.storage.sorted_columns(value, rows))
            else:
                operands.append(self.storage.as_written(value))
                rows = self.sorted.get(value, rows) if value is not None else rows
        if op in absorption.chain and rows is not None:
            self.sorted[op.results[0]] = rows
        self._put(op, operands, op.attributes)

    def _takes_any_rows(self, op: Operation, value: Value) -> bool:
        """Whether the rows of operand 0 may stay in the order in which they are stored."""
        root, view = self.graph.root(value)
        if root in self.graph.constants:
            return False
        accepts = self.graph.absorption.acceptance(op, 0, view)
        return accepts is not None and accepts(self.storage.frames(root)[0][0])

    def _any_rows(self, value: Value, columns: int) -> tuple[Value, Columns | None]:
        """The image as it is stored, and how its rows are sorted then."""
        root, view = self.graph.root(value)
        frame, stored = self.storage.frames(root)[0]
        own = frame if view is None else through(inverse(view), frame)
        return stored, rows_sorted(value.shape, columns, own)


def _broadcast_frame(port: Port, order: Order, value: Value) -> Frame:
    """The frame of an operand that may lack strands: with new dimensions of size 1, but none in front."""
    frame = [axis for strand in order for axis in (port[strand] or (NEW,))]
    extra = len(frame) - len(value.shape)
    while extra > 0 and (frame[0] == NEW or value.shape[frame[0]] == 1):
        del frame[0]
        extra -= 1
    return tuple(frame)
