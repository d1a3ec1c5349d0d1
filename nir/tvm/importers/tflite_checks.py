"""Whether a TFLite file holds together. Readers of flatbuffers trust every number in it."""

from __future__ import annotations

from typing import Any

from nir.errors import ParseError

_MOST = 10_000_000


def check_structure(model: Any, size: int) -> None:
    """Raises ParseError where tensors, operators or buffers refer to what is not there. `size` is the file's, in bytes."""
    buffers, codes = _counted(model.BuffersLength(), size), _counted(model.OperatorCodesLength(), size)
    if _counted(model.SubgraphsLength(), size) == 0:
        raise ParseError("TFLite: the model has no subgraph")
    for number in range(model.SubgraphsLength()):
        subgraph = model.Subgraphs(number)
        tensors = _counted(subgraph.TensorsLength(), size)
        for index in range(tensors):
            tensor = subgraph.Tensors(index)
            if not 0 <= tensor.Buffer() < max(buffers, 1):
                raise ParseError(f"TFLite: tensor {index} has its values in a buffer that is not there")
            _counted(tensor.ShapeLength(), size)
        _check_indices([*_numbers(subgraph, "Inputs"), *_numbers(subgraph, "Outputs")], tensors, "the graph", False)
        for index in range(_counted(subgraph.OperatorsLength(), size)):
            operator = subgraph.Operators(index)
            if not 0 <= operator.OpcodeIndex() < codes:
                raise ParseError(f"TFLite: operator {index} is of a kind that is not there")
            _check_indices(_numbers(operator, "Inputs"), tensors, f"operator {index}", True)
            _check_indices(_numbers(operator, "Outputs"), tensors, f"operator {index}", False)


def _counted(length: int, size: int) -> int:
    """`length`, if a file of `size` bytes can hold as many things."""
    if length > min(size, _MOST):
        raise ParseError("TFLite: the file tells of more than it can hold", found=f"{length} entries in {size} bytes")
    return length


def _numbers(table: Any, field: str) -> list[int]:
    length = getattr(table, f"{field}Length")()
    if length > _MOST:
        raise ParseError("TFLite: a list is longer than any file")
    return [int(getattr(table, field)(index)) for index in range(length)]


def _check_indices(indices: list[int], tensors: int, what: str, optional: bool) -> None:
    for index in indices:
        if not (0 <= index < tensors or (optional and index == -1)):
            raise ParseError(f"TFLite: {what} uses tensor {index}, and there are {tensors}")
