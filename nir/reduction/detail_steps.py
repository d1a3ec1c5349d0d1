"""Steps that simplify what operations say: attributes, elements of constants, quantisation, names, comments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from nir.ir import ConstantData, ElementType, Keyword, Module, Operation, Quantisation, Symbol, TensorType, Value, walk
from nir.ir.quantisation import as_float32
from nir.reduction.editing import NotApplicable, entry_of, function_of, retype, value_of, zeros
from nir.reduction.size import short_names
from nir.reduction.steps import Edit, Step

# --- what is no computation ---


class DropComments(Step):
    """Drop comments."""

    def find(self, module: Module) -> Sequence[Edit]:
        return ["comments"]

    def apply(self, module: Module, edits: Sequence[Edit]) -> None:
        module.comments = module.closing_comments = None
        for function in module:
            function.comments = function.return_comments = function.closing_comments = None
            for op in function.operations:
                op.comments = None


class DropFunctionAttributes(Step):
    """Drop attributes of functions."""

    def find(self, module: Module) -> Sequence[Edit]:
        return [(function.name, name) for function in module for name in function.attributes]

    def apply(self, module: Module, edits: Sequence[Edit]) -> None:
        for function, name in edits:
            function_of(module, function).attributes.pop(name, None)


class ShortenNames(Step):
    """Shorten names."""

    def find(self, module: Module) -> Sequence[Edit]:
        return ["values", "functions"]

    def apply(self, module: Module, edits: Sequence[Edit]) -> None:
        if "values" in edits:
            for function in module:
                for value, name in list(short_names(function)):
                    value.name = name
        if "functions" in edits:
            _rename_functions(module)


def _rename_functions(module: Module) -> None:
    entry = entry_of(module)
    others = [name for name in module.functions if name != entry.name]
    names = {entry.name: "main", **{name: f"f{number}" for number, name in enumerate(others)}}
    for op in walk(module):
        op.attributes = {
            key: Symbol(names.get(value, value)) if isinstance(value, Symbol) else value
            for key, value in op.attributes.items()
        }
    for function in module:
        function.name = names[function.name]
    module.functions = {function.name: function for function in module}


# --- attributes ---


class DefaultAttributes(Step):
    """Leave out attributes."""

    def find(self, module: Module) -> Sequence[Edit]:
        return [
            (function.name, str(op.results[0].name), name)
            for function in module
            for op in function.operations
            for name in op.attributes
            if op.results and _is_optional(op, name)
        ]

    def apply(self, module: Module, edits: Sequence[Edit]) -> None:
        touched = set()
        for function, result, name in edits:
            op = value_of(module, (function, result))[1].producer
            if op is not None:
                op.attributes.pop(name, None)
                touched.add(op)
        retype(module, set(), touched)


def _is_optional(op: Operation, name: str) -> bool:
    field = op.attribute_fields.get(name)
    return field is None or not field.required


class SmallerNumbers(Step):
    """Make numbers in attributes smaller."""

    together = False

    def find(self, module: Module) -> Sequence[Edit]:
        found: list[Edit] = []
        for function in module:
            for op in function.operations:
                for name, value in op.attributes.items() if op.results else ():
                    smaller = list(_smaller(value))
                    found += [(function.name, str(op.results[0].name), name, new) for new in smaller]
        return found

    def apply(self, module: Module, edits: Sequence[Edit]) -> None:
        touched = set()
        for function, result, name, new in edits:
            op = value_of(module, (function, result))[1].producer
            field = op.attribute_fields.get(name) if op is not None else None
            if op is None or name not in op.attributes:
                raise NotApplicable("gone")
            if field is not None and not field.required and new == field.default:
                del op.attributes[name]
            else:
                op.attributes[name] = new
            touched.add(op)
        retype(module, set(), touched)


def _smaller(value: Any) -> list[Any]:
    """Simpler values for an attribute, the simplest first."""
    if isinstance(value, (bool, Keyword, Symbol)):
        return []
    if isinstance(value, int):
        return [new for new in (0, 1, value // 2, value - 1) if abs(new) < abs(value)]
    if isinstance(value, float):
        return [new for new in (0.0, 1.0, float(round(value)) if abs(value) < 1e6 else 1.0) if new != value]
    if isinstance(value, tuple) and value and all(isinstance(item, int) for item in value):
        wholes = [tuple(min(item, limit) for item in value) for limit in (0, 1, 2)]
        singles = [
            (*value[:place], new, *value[place + 1 :])
            for place, item in enumerate(value)
            for new in (0, 1, item // 2)
            if 0 <= new < item
        ]
        return [new for new in dict.fromkeys([*wholes, value[:-1], value[1:], *singles]) if new != value]
    return []


# --- constants ---


class SplatConstants(Step):
    """Make all elements of constants equal."""

    fillers: ClassVar[tuple[str, ...]] = ("zero", "one", "first")

    def __init__(self, filler: str) -> None:
        self.filler = filler

    def find(self, module: Module) -> Sequence[Edit]:
        return [
            (function.name, str(op.results[0].name))
            for function in module
            for op in function.operations
            if op.results and isinstance(op.attributes.get("value"), ConstantData)
        ]

    def apply(self, module: Module, edits: Sequence[Edit]) -> None:
        for key in edits:
            _, value = value_of(module, key)
            op = value.producer
            if op is None:
                raise NotApplicable("gone")
            array = op.attributes["value"].array
            if self.filler == "zero":
                op.attributes["value"] = zeros(value.type)
                continue
            if not array.size:
                raise NotApplicable("empty")
            element = np.asarray(1 if self.filler == "one" else array.flat[0]).astype(array.dtype)
            op.attributes["value"] = ConstantData(np.broadcast_to(element, array.shape))


class RoundConstants(Step):
    """Round the elements of constants."""

    find = SplatConstants.find

    def apply(self, module: Module, edits: Sequence[Edit]) -> None:
        for key in edits:
            op = value_of(module, key)[1].producer
            if op is None:
                raise NotApplicable("gone")
            array = op.attributes["value"].array
            if array.dtype.kind == "f":
                with np.errstate(all="ignore"):
                    op.attributes["value"] = ConstantData(np.where(np.isfinite(array), np.round(array), array))


# --- quantisation ---


class PlainNumbers(Step):
    """Turn quantised tensors into plain ones."""

    def __init__(self, element: ElementType | None) -> None:
        self.element = element
        """The element type that quantised integers get, or None for their own."""

    def find(self, module: Module) -> Sequence[Edit]:
        return [
            (function.name, str(value.name))
            for function in module
            for value in function.values()
            if value.type.quantisation is not None
        ]

    def apply(self, module: Module, edits: Sequence[Edit]) -> None:
        for key in edits:
            _, value = value_of(module, key)
            type = value.type.with_quantisation(None)
            if self.element is not None:
                type = type.with_element(self.element)
                _store_as(value, type)
            value.type = type


def _store_as(value: Value, type: TensorType) -> None:
    op = value.producer
    if op is not None and isinstance(op.attributes.get("value"), ConstantData):
        op.attributes["value"] = ConstantData(op.attributes["value"].array.astype(type.element.numpy))


class SimplerQuantisation(Step):
    """Simplify scales and zero points, everywhere at once."""

    together = False

    def find(self, module: Module) -> Sequence[Edit]:
        found: dict[Edit, None] = {}
        for function in module:
            for value in function.values():
                quantisation = value.type.quantisation
                if quantisation is not None:
                    found.update(dict.fromkeys((quantisation, new) for new in _simpler(quantisation)))
        return list(found)

    def apply(self, module: Module, edits: Sequence[Edit]) -> None:
        for old, new in edits:
            for function in module:
                for value in function.values():
                    if value.type.quantisation == old:
                        value.type = value.type.with_quantisation(new)


def _simpler(old: Quantisation) -> list[Quantisation]:
    """Simpler parameters, the simplest first."""
    if old.is_per_channel:
        same = Quantisation((1.0,) * len(old.scales), (0,) * len(old.scales), old.axis)
        first = Quantisation((old.scales[0],) * len(old.scales), (old.zero_points[0],) * len(old.scales), old.axis)
        return [
            new for new in (Quantisation.per_tensor(1.0), Quantisation.per_tensor(old.scale), same, first) if new != old
        ]
    rounded = float(f"{old.scale:.1g}")
    choices = [
        Quantisation.per_tensor(scale, zero)
        for zero in dict.fromkeys((0, old.zero_point))
        for scale in dict.fromkeys((1.0, 0.5, as_float32(rounded), old.scale))
    ]
    return [new for new in choices if new != old]


STEPS: tuple[Step, ...] = (
    DropComments(),
    DropFunctionAttributes(),
    DefaultAttributes(),
    SmallerNumbers(),
    PlainNumbers(ElementType.F32),
    PlainNumbers(None),
    SimplerQuantisation(),
    *(SplatConstants(filler) for filler in SplatConstants.fillers),
    RoundConstants(),
)
"""In the order in which they are tried."""

LAST: tuple[Step, ...] = (ShortenNames(),)
