"""Constants in another layout, worked out in numpy, and their names in a weights file."""

from __future__ import annotations

import numpy as np

from nir.ir import ConstantData, Module, Operation, Value, copy_operation, walk
from nir.ops.constant import Const
from nir.passes.layout.frames import NEW, Frame, identity, stored_shape, stored_type
from nir.passes.layout.names import Names
from nir.passes.names import WeightNames

Columns = tuple[tuple[int, ...], tuple[int, ...]]
"""How the columns of a weight matrix are sorted: they are dimensions of these sizes, in this permutation."""


class Constants:
    """The constants of a function, each in all forms in which it is needed, in the place where it stood."""

    def __init__(self) -> None:
        self._forms: dict[Value, dict[tuple[Frame, Columns | None], Operation]] = {}

    def add(self, op: Operation) -> None:
        """Makes a constant known."""
        self._forms[op.results[0]] = {}

    def needed(self, value: Value, frame: Frame, columns: Columns | None = None) -> Value:
        """The constant as it is stored in a frame, with its columns sorted where they are to be."""
        forms = self._forms[value]
        op = forms.get((frame, columns))
        if op is None:
            op = value.producer
            assert op is not None
            if columns is not None or frame != identity(len(value.shape)):
                op = _changed(op, frame, columns)
            forms[frame, columns] = op
        return op.results[0]

    def forms(self, op: Operation, names: Names) -> list[Operation]:
        """All forms of a constant that are needed, each of a name of its own; itself where nobody needs any."""
        found = sorted(self._forms[op.results[0]].values(), key=lambda form: form is not op) or [op]
        for form in found[1:]:
            form.results[0].name = names.derived(op.results[0].name, "transposed")
        return found


def _changed(op: Operation, frame: Frame, columns: Columns | None) -> Operation:
    data: ConstantData = op.attributes["value"]
    array = data.array
    if columns is not None:
        sizes, permutation = columns
        split = array.reshape(array.shape[0], *sizes)
        array = split.transpose(0, *(1 + axis for axis in permutation)).reshape(array.shape)
    rest = [axis for axis in range(array.ndim) if axis not in frame]  # of size 1
    array = array.transpose([*rest, *(axis for axis in frame if axis != NEW)])
    array = array.reshape([size or 0 for size in stored_shape(frame, data.array.shape)])
    type = stored_type(op.results[0].type, frame)
    return copy_operation(
        op, attributes={"value": ConstantData(np.ascontiguousarray(array), data.name)}, result_types=[type]
    )


def name_weights(module: Module) -> None:
    """Lets constants of different elements have different names in a weights file."""
    names = WeightNames()
    for op in walk(module):
        if isinstance(op, Const) and op.value.name is not None:
            name = names.take(op.value.name, op.value.array)
            if name != op.value.name:
                op.attributes["value"] = ConstantData(op.value.array, name)
