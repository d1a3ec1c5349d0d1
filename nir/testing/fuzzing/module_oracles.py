"""Oracles that need nothing but NIR itself: text, verifier, interpreter, passes, NNAPI's form."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from hypothesis import strategies as st

from nir.errors import NirError, RunError
from nir.interp import Interpreter
from nir.interp.trace import Event
from nir.ir import Module, Trait, Value, first_difference, same
from nir.nnapi import Record, convert, model_of
from nir.ops import OPERATORS
from nir.ops.profiles import PROFILES, get_profile
from nir.passes import eliminate_dead_code, fold_constants, inline_regions, partition, reduce_transposes, to_nhwc
from nir.testing.difference import differ
from nir.testing.equivalence import assert_equivalent
from nir.testing.error_bounds import RULES
from nir.testing.fuzzing.oracle import ModuleOracle, Oracle, Refused
from nir.testing.strategies import modules
from nir.testing.subjects import sample_inputs
from nir.text import format_text, parse, print_module
from nir.text.files import text_and_weights
from nir.verify import check, verify

BOUNDED = tuple(
    op.name for op in OPERATORS if RULES.get(op.name) or Trait.MOVES in op.traits or Trait.CALLS in op.traits
)
"""Operators whose rounding errors have a bound."""

IMAGES = (
    *("conv_2d", "depthwise_conv_2d", "grouped_conv_2d", "transpose_conv_2d", "average_pool_2d", "max_pool_2d"),
    *("depth_to_space", "resize_nearest_neighbor", "transpose", "reshape", "add", "concatenation", "pad", "softmax"),
    *("mean", "relu", "split", "fully_connected"),
)
"""Operators between which layouts travel."""


def profile_for(seed: int) -> str:
    """The numeric profile that an example is run under."""
    return list(PROFILES)[seed % len(PROFILES)]


class RoundTrip(ModuleOracle):
    """Text that was printed reads back to the same module, and is formatted already."""

    name = "round-trip"

    def strategy(self) -> st.SearchStrategy[Any]:
        return modules(max_operators=12, allow_foreign=True)

    def examine(self, example: Module, seed: int) -> None:
        text = print_module(example)
        again = parse(text)
        if not same(example, again):
            raise AssertionError(f"the module is another one: {first_difference(example, again)}")
        if print_module(again) != text:
            raise AssertionError("printed again, the text differs")
        if format_text(text) != text:
            raise AssertionError("nir fmt changes printed text")
        outside, weights = text_and_weights(example)
        if not same(example, parse(outside, weights=weights)):
            raise AssertionError("the module with weights beside it is another one")
        verify(again)


class HostileText(Oracle):
    """Damaged text gives a module or an error for users, and formatting it is idempotent."""

    name = "hostile-text"
    suffix = ".txt"

    def strategy(self) -> st.SearchStrategy[Any]:
        return st.builds(_damaged, modules(max_operators=5, allow_foreign=True), st.integers(0, 2**32))

    def examine(self, example: str, seed: int) -> None:
        try:
            module = parse(example)
            formatted = format_text(example)
        except NirError as error:
            str(error)
            return
        if format_text(formatted) != formatted:
            raise AssertionError("formatting twice differs from formatting once")
        if check(module):
            return
        if not same(module, parse(print_module(module))):
            raise AssertionError("printed text reads back to another module")
        try:
            Interpreter(module, profile_for(seed)).run(sample_inputs(module, None, seed))
        except RunError:
            return

    def write(self, example: str, seed: int) -> str:
        return example

    def read(self, text: str) -> str:
        return text

    def smallest(self, example: str, holds: Callable[[Any], bool], seconds: float) -> str:
        lines = example.splitlines(keepends=True)
        length = len(lines)
        while length:
            start = 0
            while start < len(lines):
                fewer = lines[:start] + lines[start + length :]
                if holds("".join(fewer)):
                    lines = fewer
                else:
                    start += length
            length //= 2
        return "".join(lines)


_PIECES = ("", "%", "@", "(", ")", "{", "}", "<", ">", "[", "]", ",", "=", "x", "0", "-1", "?", '"', "//", "\n", "nan")


def _damaged(module: Module, seed: int) -> str:
    """The module's text with a few changes: characters and words lost, doubled, exchanged, or others put in."""
    choose = random.Random(seed)
    text = print_module(module)
    words = text.split(" ")
    for _ in range(choose.randrange(1, 5)):
        place, kind = choose.randrange(len(words)), choose.randrange(5)
        if kind == 0:
            words[place] = choose.choice(words)
        elif kind == 1:
            del words[place]
            words = words or [""]
        elif kind == 2:
            words.insert(place, choose.choice(words))
        else:
            at = choose.randrange(len(words[place]) + 1)
            words[place] = words[place][:at] + choose.choice(_PIECES) + words[place][at + kind - 3 :]
    return " ".join(words)


class InterpreterOracle(ModuleOracle):
    """Prepared kernels and a second run give what each operation's definition gives."""

    name = "interpreter"

    def examine(self, example: Module, seed: int) -> None:
        verify(example)
        interpreter = Interpreter(example, profile_for(seed))
        inputs = sample_inputs(example, None, seed)
        traced = _Definitions(profile_for(seed))
        try:
            first = interpreter.run(inputs, trace=traced)
            second = interpreter.run(inputs)
        except RunError as error:
            if "iterations" in str(error) or "out of" in str(error) or "range" in str(error):
                raise Refused from None
            raise
        for name, array in first.items():
            if differ(array, second[name], np.zeros(()), bits=True):
                raise AssertionError(f"a second run gives another {name}")


class _Definitions:
    """Holds each operation's integers against those of its definition, while they are computed."""

    def __init__(self, profile: str) -> None:
        self.profile = get_profile(profile)
        self.arrays: dict[tuple[tuple[str, ...], Value], Any] = {}

    def __call__(self, event: Event) -> None:
        self.arrays[event.path, event.value] = event.array
        op = event.operation
        if op is None or event.value.index or Trait.CALLS in op.traits or event.array.dtype.kind == "f":
            return
        operands = [None if value is None else self.arrays[event.path, value] for value in op.operands]
        found = op.reference(self.profile, *operands)
        array = found[0] if isinstance(found, tuple) else found
        if not np.array_equal(array, event.array):
            raise AssertionError(f"{op.name}: the prepared kernel differs from the definition")


class PassOracle(ModuleOracle):
    """A pass leaves a valid module that computes the same."""

    change: ClassVar[Callable[[Module], Any]]
    exact: ClassVar[bool] = False

    def strategy(self) -> st.SearchStrategy[Any]:
        return modules(operators=BOUNDED, max_operators=12) | modules(operators=IMAGES, max_operators=10)

    def changed(self, module: Module, seed: int) -> Module:
        """The module after the pass."""
        copied = parse(print_module(module))
        type(self).change(copied)
        return copied

    def examine(self, example: Module, seed: int) -> None:
        changed = self.changed(example, seed)
        verify(changed)
        try:
            assert_equivalent(example, changed, samples=2, seed=seed, profile=profile_for(seed), exact=self.exact)
        except RunError as error:
            raise Refused from error


class ToNhwc(PassOracle):
    """to_nhwc leaves a valid module that computes the same."""

    name = "layout"
    change = to_nhwc


class ReduceTransposes(PassOracle):
    """reduce_transposes leaves a valid module that computes the same."""

    name = "transposes"
    change = reduce_transposes


class FoldConstants(PassOracle):
    """fold_constants leaves a valid module that computes the same."""

    name = "folding"
    change = fold_constants


class DeadCode(PassOracle):
    """eliminate_dead_code leaves a valid module that gives the same bits."""

    name = "dead-code"
    change = eliminate_dead_code
    exact = True

    def strategy(self) -> st.SearchStrategy[Any]:
        return modules(max_operators=12)


_TARGETS = (("apu",), ("nnapi-1",), ("mtk-litert", "nnapi-2"))


class PartitionOracle(PassOracle):
    """A partitioned module gives the same bits, and inlined it is the same module."""

    name = "partition"
    exact = True

    def strategy(self) -> st.SearchStrategy[Any]:
        return modules(max_operators=15, allow_foreign=False)

    def changed(self, module: Module, seed: int) -> Module:
        parts = partition(module, _TARGETS[seed % len(_TARGETS)], connected=bool(seed % 2))
        verify(parts.module)
        verify(inline_regions(parts.module))
        inlined = parts.inlined()
        if not same(inlined, module, names=False):
            raise AssertionError(f"inlined, it is another module: {first_difference(inlined, module)}")
        return parts.module


class Nnapi(PassOracle):
    """Written as an NNAPI model and read again, a module gives the same bits, and the same operand lists."""

    name = "nnapi"
    exact = True

    def strategy(self) -> st.SearchStrategy[Any]:
        return modules(max_operators=8)

    def changed(self, module: Module, seed: int) -> Module:
        try:
            model = model_of(module)
        except NirError as error:
            raise Refused from error  # not every module has that form
        case = {
            "name": "drawn",
            "expect_failure": False,
            "unknown_dims": False,
            "empty_inputs": [],
            "inputs": {},
            "tolerance": {"atol": 0.0, "rtol": 0.0, "quant_lsb": 0, "quant16_lsb": 0},
            "outputs": dict.fromkeys(map(str, model["model_outputs"])),
            **model,
        }
        back = convert(Record(case, "drawn:1")).module
        again = model_of(back)
        for mine, other in zip(model["operations"], again["operations"], strict=True):
            if (mine["op"], len(mine["inputs"])) != (other["op"], len(other["inputs"])):
                raise AssertionError(f"{mine['op']}: {len(mine['inputs'])} operands become {len(other['inputs'])}")
        return back


ORACLES: tuple[Oracle, ...] = (
    RoundTrip(),
    HostileText(),
    InterpreterOracle(),
    ToNhwc(),
    ReduceTransposes(),
    FoldConstants(),
    DeadCode(),
    PartitionOracle(),
    Nnapi(),
)
"""In the order in which they are listed."""
