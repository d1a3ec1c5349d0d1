"""Where the tensors of a function are while it is rewritten: in which frames each is there by now.

A tensor is brought into another frame where the first user needs it, once for all users: by a reshape where only
dimensions of size 1 move, else by a transpose. A transpose that the function had is taken for that where it fits.
"""

from __future__ import annotations

from collections.abc import Callable

from nir.ir import Operation, TensorType, Value, copy_operation
from nir.ops.quantise import Cast
from nir.ops.shape import Reshape, Transpose
from nir.passes.layout.constants import Columns, Constants
from nir.passes.layout.frames import (
    NEW,
    TO_NHWC,
    Frame,
    identity,
    is_complete,
    key,
    permutation_between,
    stored_type,
    through,
)
from nir.passes.layout.graph import Graph
from nir.passes.layout.names import Names
from nir.passes.layout.products import has_channels


class Storage:
    """The tensors of a graph, and the operations of the new function so far."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.operations: list[Operation] = []
        self._names = Names(graph.function)
        self._constants = Constants()
        self._stored: dict[Value, list[tuple[Frame, Value]]] = {}
        """The frames in which a tensor is there by now; the first is the one it was made in."""
        self._transposes: dict[tuple[Value, Frame], Operation] = {}
        """The first transpose of the function for each frame of a tensor."""
        for op in graph.function.operations:
            if op.results and op.results[0] in graph.views:
                self._transposes.setdefault(graph.views[op.results[0]], op)

    def put(self, value: Value, frame: Frame, stored: Value) -> None:
        """Says how a tensor of the old function is stored in the new one."""
        self._stored[value] = [(frame, stored)]

    def put_constant(self, op: Operation) -> None:
        """The place of a constant."""
        self._constants.add(op)
        self.operations.append(op)

    def listed(self) -> list[Operation]:
        """The operations of the new function, with each constant in all its forms."""
        found = []
        for op in self.operations:
            is_constant = op.results and op.results[0] in self.graph.constants
            found += self._constants.forms(op, self._names) if is_constant else [op]
        return found

    def sorted_columns(self, value: Value, columns: Columns) -> Value:
        """A constant matrix with its columns sorted."""
        return self._constants.needed(value, identity(2), columns)

    def frames(self, root: Value) -> list[tuple[Frame, Value]]:
        """The frames in which a tensor is there, the one that it was made in first."""
        return self._stored[root]

    def as_written(self, value: Value | None) -> Value | None:
        return None if value is None else self.in_frame(value, identity(len(value.shape)))

    def in_frame(self, value: Value, own: Frame, exactly: bool = True) -> Value:
        """A value as it is stored in a frame; `exactly` also where dimensions of size 1 stand."""
        root, view = self.graph.root(value)
        frame = own if view is None else through(view, own)
        if root in self.graph.constants:
            return self._constants.needed(root, frame)
        there = self._stored[root]
        shape = root.shape
        for known, stored in there:
            if known == frame or (not exactly and key(known, shape) == key(frame, shape)):
                return stored
        alike = next((stored for known, stored in there if key(known, shape) == key(frame, shape)), None)
        made = None if alike is None else self._reshaped(root, alike, frame)
        if made is None:
            made = self._transposed(root, frame)
        there.append((frame, made))
        return made

    def _reshaped(self, root: Value, stored: Value, frame: Frame) -> Value | None:
        """A tensor that has its elements in the right sequence, in the shape of a frame; None where that is unknown."""
        type = stored_type(root.type, frame)
        if stored.type == type:
            return stored
        if type.shape.count(None) > (0 if 0 in type.shape else 1):
            return None
        shape = tuple(-1 if size is None else size for size in type.shape)
        name = self._names.derived(stored.name, "reshaped")
        return self._moved(root, stored, type, lambda raw, to: Reshape([raw], {"shape": shape}, [to], [name]))

    def _moved(
        self, root: Value, stored: Value, type: TensorType, make: Callable[[Value, TensorType], Operation]
    ) -> Value:
        """What the operation that `make` makes gives, as a tensor of `type`.

        A scale per channel goes through neither transposes nor reshapes: the plain integers do.
        """
        if has_channels(stored):
            stored = self._cast(root, stored, stored.type.with_quantisation(None))
            moved = self._append(root, make(stored, type.with_quantisation(None)))
            return self._cast(root, moved, type)
        return self._append(root, make(stored, type))

    def _cast(self, root: Value, stored: Value, type: TensorType) -> Value:
        name = self._names.derived(root.name, "raw" if type.quantisation is None else "cast")
        return self._append(root, Cast([stored], {}, [type], [name]))

    def _append(self, root: Value, op: Operation) -> Value:
        """Adds an operation that comes from where a tensor comes from."""
        if op.location is None and root.producer is not None:
            op.location = root.producer.location
        self.operations.append(op)
        return op.results[0]

    def _transposed(self, root: Value, frame: Frame) -> Value:
        source_frame, source = next(
            (known, stored) for known, stored in self._stored[root] if is_complete(known, len(root.shape))
        )
        rank = len(root.shape)
        full = frame
        if not is_complete(frame, rank):
            kept = [axis for axis in frame if axis != NEW]
            full = (*(axis for axis in range(rank) if axis not in kept), *kept)
        made = self._transpose(root, source, source_frame, full)
        self._stored[root].append((full, made))
        if full == frame:
            return made
        reshaped = self._reshaped(root, made, frame)
        assert reshaped is not None
        return reshaped

    def _transpose(self, root: Value, source: Value, source_frame: Frame, frame: Frame) -> Value:
        permutation = permutation_between(source_frame, frame)
        type = stored_type(root.type, frame)
        written = self._transposes.pop((root, frame), None)
        if written is None:
            suffix = "nhwc" if frame == TO_NHWC else "nchw" if source_frame == TO_NHWC else "transposed"
            name = self._names.derived(root.name, suffix)
            attributes = {"permutation": permutation}
            return self._moved(root, source, type, lambda raw, to: Transpose([raw], attributes, [to], [name]))
        assert isinstance(written, Transpose)
        if source is not written.input or type != written.output.type or permutation != written.order():
            written = copy_operation(written, [source], {"permutation": permutation}, [type])
        return self._append(root, written)
