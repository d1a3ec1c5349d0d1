"""Steps that make tensors smaller: other sizes for parameters and constants, from which all other shapes follow."""

from __future__ import annotations

from collections.abc import Sequence

from nir.ir import ConstantData, Module, Quantisation, TensorType, Value
from nir.reduction.editing import NotApplicable, entry_of, is_constant, retype
from nir.reduction.steps import Edit, Step


class SmallerShapes(Step):
    """Make tensors smaller.

    All sizes of parameters and constants are cut off, or one size is replaced wherever it stands (or in one place of
    shapes, or in one parameter), and, if that is what it takes, in attributes.
    """

    together = False

    def find(self, module: Module) -> Sequence[Edit]:
        sizes: dict[int, None] = {}
        places: dict[tuple[int, int], None] = {}
        for function in module:
            for value in _sources(module, function.name):
                for place, size in enumerate(value.shape):
                    if size is not None and size > 1:
                        sizes[size] = None
                        places[size, place] = None
        ranks = range(max((place for _, place in places), default=-1) + 1)
        found: list[Edit] = [("clip", None, place, new, False) for new in (1, 2, 3) for place in (None, *ranks)]
        for size in sorted(sizes, reverse=True):
            for new in _smaller(size):
                found += [("everywhere", size, None, new, attributes) for attributes in (False, True)]
        for size, place in sorted(places, reverse=True):
            found += [("place", size, place, new, a) for new in _smaller(size) for a in (False, True)]
        entry = entry_of(module)
        for value in _sources(module, entry.name):
            found += [
                (str(value.name), size, place, new, False)
                for place, size in enumerate(value.shape)
                if size is not None and size > 1
                for new in _smaller(size)
            ]
            found += [
                (str(value.name), size, place, None, False) for place, size in enumerate(value.shape) if size == 1
            ]
        return found

    def apply(self, module: Module, edits: Sequence[Edit]) -> None:
        changed: set[Value] = set()
        touched = set()
        ((where, old, place, new, attributes),) = edits
        for function in module:
            for value in _sources(module, function.name):
                if where not in ("clip", "everywhere", "place") and (
                    function is not entry_of(module) or value.name != where
                ):
                    continue
                cuts = [
                    size is not None and (size > new if old is None else size == old) and place in (None, axis)
                    for axis, size in enumerate(value.shape)
                ]
                if any(cuts):
                    _resize(value, cuts, new)
                    changed.add(value)
            for op in function.operations if attributes else ():
                for name, item in op.attributes.items():
                    if isinstance(item, tuple) and old in item and all(isinstance(i, int) for i in item):
                        op.attributes[name] = tuple(new if i == old else i for i in item)
                        touched.add(op)
                    elif item == old and type(item) is int:
                        op.attributes[name] = new
                        touched.add(op)
        if not changed:
            raise NotApplicable("gone")
        retype(module, changed, touched)


def _smaller(size: int) -> list[int]:
    return list(dict.fromkeys(new for new in (1, 2, size // 2, size - 1) if new < size))


def _sources(module: Module, function: str) -> list[Value]:
    """What shapes begin with: parameters and constants."""
    constants = [value for op in module[function].operations if is_constant(op) for value in op.results]
    return [*module[function].parameters, *constants]


def _resize(value: Value, cuts: list[bool], new: int | None) -> None:
    """Cuts some dimensions of a parameter or constant off at a smaller size; None leaves them (of size 1) out."""
    type, op = value.type, value.producer
    shape = [new if cut else size for cut, size in zip(cuts, type.shape, strict=True) if not (cut and new is None)]
    quantisation = type.quantisation
    if quantisation is not None and quantisation.axis is not None:
        if new is None:
            raise NotApplicable("scales along a dimension")
        if cuts[quantisation.axis]:
            scales, zeros = quantisation.scales[:new], quantisation.zero_points[:new]
            quantisation = Quantisation(scales, zeros, quantisation.axis)
    if op is not None:
        array = op.attributes["value"].array
        index = tuple((slice(new) if new is not None else 0) if cut else slice(None) for cut in cuts)
        op.attributes["value"] = ConstantData(array[index])
    value.type = TensorType(type.element, shape, quantisation)


STEPS: tuple[Step, ...] = (SmallerShapes(),)
"""In the order in which they are tried."""
