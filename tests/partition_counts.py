"""Region counts of the networks whose Relay there is, beside those that TVM's own partitioner made.

Run as a program it prints the table of docs/partition.md.
"""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from data import data_folder

import nir.relay
from nir.passes.partition import RelayOperators, RelayPartition, partition_relay
from nir.relay import Call, Constant, Expr, Function, Module, Op, TensorType, TupleGetItem, post_order

FOLDER = data_folder()


def networks() -> Iterator[tuple[str, Path]]:
    """The networks with recorded counts whose Relay there is."""
    if FOLDER is None:
        return
    for name in sorted(counts()):
        places = ("models/{}/model.json", "models/{}/model.relay", "json/{}.json.gz")
        found = [path for place in places if (path := FOLDER / "relay" / place.format(name)).exists()]
        if found:
            yield name, found[0]


@functools.cache
def counts() -> dict[str, Any]:
    """What was recorded, by network."""
    assert FOLDER is not None
    recorded: dict[str, Any] = json.loads((FOLDER / "relay/partition/partition_counts.json").read_text("utf-8"))
    return recorded


@functools.cache
def operator_sets() -> dict[str, list[str]]:
    """The operators that each of the recorded targets runs."""
    assert FOLDER is not None
    sets: dict[str, list[str]] = json.loads((FOLDER / "relay/partition/op_sets.json").read_text("utf-8"))["sets"]
    return sets


def operators(function: Function) -> list[str]:
    """The operators that a function calls."""
    return [expr.op_name for expr in post_order(function) if isinstance(expr, Call) and expr.op_name]


def as_recorded(module: Module, wanted: dict[str, int]) -> Module:
    """The network that TVM's counts are of: those from TFLite had no bias behind matrix products then."""
    if Counter(operators(module.main))["nn.bias_add"] > wanted.get("nn.bias_add", 0):
        main = module.main
        changed = Function(main.params, _WithoutBias().visit(main.body), None, main.attrs)
        module = Module({**module.functions, "main": changed})
        nir.relay.infer_types(module)
    assert dict(Counter(operators(module.main))) == wanted
    return module


class _WithoutBias(nir.relay.ExprMutator):
    def visit_call(self, call: Call) -> Any:
        data = call.args[0] if call.args else None
        if call.op_name == "nn.bias_add" and isinstance(data, Call) and data.op_name in ("nn.dense", "qnn.dense"):
            return self.visit(data)
        return super().visit_call(call)


def with_arithmetic_norms(module: Module) -> Module:
    """What TVM's SimplifyInference makes of a network: batch norms as arithmetic, and no dropout."""
    main = module.main
    changed = Function(main.params, _Simplifying().visit(main.body), None, main.attrs)
    result = Module({**module.functions, "main": changed})
    nir.relay.infer_types(result)
    return result


class _Simplifying(nir.relay.ExprMutator):
    def visit_tuple_getitem(self, item: TupleGetItem) -> Expr:
        value = item.tuple_value
        if isinstance(value, Call) and item.index == 0 and value.op_name == "nn.batch_norm":
            return self._norm(value)
        if isinstance(value, Call) and value.op_name == "nn.dropout":
            return self.visit(value.args[0])
        return super().visit_tuple_getitem(item)

    def _norm(self, call: Call) -> Expr:
        data, gamma, beta, mean, variance = (self.visit(argument) for argument in call.args)
        kind = call.args[0].checked_type
        assert isinstance(kind, TensorType)
        root = _call("sqrt", _call("add", variance, _scalar(call.attrs["epsilon"])))
        scale = _call("divide", _scalar(1.0), root)
        if call.attrs["scale"]:
            scale = _call("multiply", scale, gamma)
        shift = _call("multiply", _call("negative", mean), scale)
        if call.attrs["center"]:
            shift = _call("add", shift, beta)
        behind = kind.rank - 1 - call.attrs["axis"] % kind.rank
        if behind:
            scale, shift = (_call("expand_dims", each, axis=1, num_newaxis=behind) for each in (scale, shift))
        return _call("add", _call("multiply", data, scale), shift)


def _call(operator: str, *arguments: Expr, **attributes: Any) -> Call:
    return Call(Op(operator), arguments, attributes)


def _scalar(value: float) -> Constant:
    return Constant(np.asarray(value, np.float32))


FORMS = {"raw": "as it is", "simplify_inference": "norms as arithmetic"}
"""The forms in which networks were counted."""


def in_form(path: Path, form: str) -> Module:
    """A network in the form that was counted."""
    module = nir.relay.load(path)
    nir.relay.infer_types(module)
    if form == "raw":
        return as_recorded(module, counts()[path_name(path)]["by_op"])
    return with_arithmetic_norms(module)


def path_name(path: Path) -> str:
    """The network that a file holds."""
    return next(name for name, found in networks() if found == path)


def cases() -> Iterator[tuple[str, Path, str]]:
    """Networks and forms of which there are counts."""
    for name, path in networks():
        for form in FORMS:
            if f"{form}/A/merged" in counts()[name]["variants"]:
                yield name, path, form


def split(module: Module, letter: str, connected: bool) -> RelayPartition:
    """A network split for a target that runs one of the recorded sets of operators."""
    target = RelayOperators.of(letter, operator_sets()[letter])
    return partition_relay(module, targets=[target], connected=connected)


def table() -> str:
    """The table of the documentation: ours, ours in one piece each, TVM's."""
    lines = ["| network | form | A | B | C | D | E |", "|---|---|---|---|---|---|---|"]
    for name, path, form in cases():
        module = in_form(path, form)
        cells = []
        for letter in operator_sets():
            ours, pieces = (len(split(module, letter, c).report.regions) for c in (False, True))
            theirs = counts()[name]["variants"][f"{form}/{letter}/merged"]["regions"]
            mark = "**" if ours < theirs else ""
            cells.append(f"{mark}{ours}{mark} / {pieces} / {theirs}")
        lines.append(f"| {name} | {FORMS[form]} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(table(), end="")
