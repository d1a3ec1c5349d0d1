"""Comparison, logic and choice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tvm import tirx

from nir.ir import Operation
from nir.ops.common import Rounding
from nir.ops.comparison import (
    Equal,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
    LogicalAnd,
    LogicalNot,
    LogicalOr,
    NotEqual,
    Select,
)
from nir.passes.nir_to_relax.lowerings.binary import joining
from nir.passes.nir_to_relax.site import Lowering, Site
from nir.passes.relax_building.emitter import Value
from nir.passes.relax_building.programs import Program, Term


def _comparison(compare: Callable[[Any, Any], Any]) -> Lowering:
    def lower(site: Site) -> Value:
        program = site.program()
        sides = [_comparable(site, program, i, program.operand(site.args[i])) for i in (0, 1)]
        return program.emit(lambda: compare(sides[0](), sides[1]()), site.op.name)

    return lower


def _comparable(site: Site, program: Program, index: int, term: Term) -> Callable[[], Any]:
    """Elements in a type that compares: stored ones where parameters are equal, else real values in float64."""
    type = site.operand_type(index)
    if type.quantisation is None or site.operand_type(0).quantisation == site.operand_type(1).quantisation:
        wide = "float32" if type.element.is_float else "int64"
        return lambda: term.value.astype(wide)
    point = program.parameter(type.quantisation.zero_point, "float64")
    scale = program.parameter(type.quantisation.scale, "float64")
    return lambda: (term.value.astype("float64") - point.value) * scale.value


def _logic(combine: Callable[[Any, Any], Any]) -> Lowering:
    def lower(site: Site) -> Value:
        program = site.program()
        left, right = program.operand(site.args[0]), program.operand(site.args[1])
        return program.emit(lambda: combine(left.value, right.value), site.op.name)

    return lower


def _not(site: Site) -> Value:
    program = site.program()
    x = program.operand(site.args[0])
    return program.emit(lambda: tirx.Not(x.value), "logical_not")


def _select(site: Site) -> Value:
    program = site.program()
    condition, left, right = (program.operand(value) for value in site.args)
    sides = [joining(program, site.profile, site.operand_type(i), site.type, Rounding.UPWARD) for i in (1, 2)]
    return program.emit(lambda: tirx.Select(condition.value, sides[0](left.value), sides[1](right.value)), "select")


LOWERINGS: dict[type[Operation], Lowering] = {
    Equal: _comparison(lambda x, y: x == y),
    Greater: _comparison(lambda x, y: x > y),
    GreaterEqual: _comparison(lambda x, y: x >= y),
    Less: _comparison(lambda x, y: x < y),
    LessEqual: _comparison(lambda x, y: x <= y),
    LogicalAnd: _logic(tirx.And),
    LogicalNot: _not,
    LogicalOr: _logic(tirx.Or),
    NotEqual: _comparison(lambda x, y: x != y),
    Select: _select,
}
