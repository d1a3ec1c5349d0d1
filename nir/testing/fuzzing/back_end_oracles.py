"""Oracles that hold NIR against other programs: TVM, LiteRT, and both ways from Relay."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from hypothesis import strategies as st

import nir.tflite
import nir.tvm
from nir.errors import ConvertError, NirError, RunError
from nir.interp.plan import find_function
from nir.ir import Function, Module, Symbol, Value, copy_function
from nir.ops.control import Call
from nir.passes import nir_to_relax
from nir.testing.conversion_check import assert_conversion
from nir.testing.equivalence import assert_equivalent
from nir.testing.fuzzing.module_oracles import profile_for
from nir.testing.fuzzing.oracle import ModuleOracle, Oracle, Problem, Refused, problem_of
from nir.testing.relay_agreement import disagreements
from nir.testing.relay_draft import Tensor
from nir.testing.relay_programs import RelayProgram, relay_programs
from nir.testing.strategies import modules
from nir.testing.subjects import sample_inputs
from nir.tflite.operators import ENCODERS

Array: TypeAlias = "np.ndarray[Any, Any]"

_REASONS = ("does not compile through Relax", "known only at run time", "has no elements")
"""How the conversion says that there is no such thing in Relax: no failure."""


class Tvm(ModuleOracle):
    """What nir_to_relax makes of a module, compiled by TVM, computes what the interpreter computes."""

    name = "tvm"
    needs = ("tvm",)
    batch = 16

    def strategy(self) -> st.SearchStrategy[Any]:
        return modules(max_operators=8)

    def examine(self, example: Module, seed: int) -> None:
        profile = profile_for(seed)
        inputs = sample_inputs(example, None, seed)
        try:
            nir.run(example, inputs, profile)
        except RunError as error:
            raise Refused from error

        def convert(module: Module) -> Any:
            return nir.tvm.compile(_converted(module, profile))

        _converted(example, profile)
        assert_conversion(example, convert, inputs=inputs, profile=profile)

    def check_all(self, examples: Sequence[Any], seeds: Sequence[int]) -> list[Problem | None]:
        """Compiles all that share a profile as one module, and looks closer where that fails or differs."""
        found: list[Problem | None] = [None] * len(examples)
        groups: dict[str, list[int]] = {}
        for index, seed in enumerate(seeds):
            if self._compiles(examples[index], seed):
                groups.setdefault(profile_for(seed), []).append(index)
            else:
                found[index] = self.check(examples[index], seed)
        for profile, indices in groups.items():
            results = self._results([examples[i] for i in indices], [seeds[i] for i in indices], profile)
            for place, index in enumerate(indices):
                if results is None or not self._agree(examples[index], seeds[index], results[place]):
                    found[index] = self.check(examples[index], seeds[index])
        return found

    def _compiles(self, module: Module, seed: int) -> bool:
        try:
            _converted(module, profile_for(seed))
        except Exception:  # `check` will say what it is
            return False
        return True

    def _results(self, batch: Sequence[Module], seeds: Sequence[int], profile: str) -> list[list[Array]] | None:
        arrays: dict[str, Array] = {}
        for index, (module, seed) in enumerate(zip(batch, seeds, strict=True)):
            given = sample_inputs(module, None, seed)
            arrays.update({f"m{index}_{i}": array for i, array in enumerate(given.values())})
        try:
            flat = iter(nir.tvm.compile(nir_to_relax(joined(batch), profile=profile)).run(arrays))
        except Exception:  # one of them; which one is found when they are compiled alone
            return None
        return [[next(flat) for _ in find_function(module, None).results] for module in batch]

    def _agree(self, module: Module, seed: int, results: list[Array]) -> bool:
        inputs = sample_inputs(module, None, seed)
        try:
            assert_equivalent(module, lambda given: results, inputs=inputs, profile=profile_for(seed))
        except Exception:  # `check` looks closer
            return False
        return True


def _converted(module: Module, profile: str) -> Any:
    try:
        return nir_to_relax(module, profile=profile)
    except ConvertError as error:
        if any(reason in diagnostic.message for reason in _REASONS for diagnostic in error.diagnostics):
            raise Refused from error
        raise


def joined(batch: Sequence[Module]) -> Module:
    """A module whose `main` calls the main function of each, with the parameters (m0_0, m0_1, ...) and results of all."""
    functions: list[Function] = []
    main = Function("main")
    for index, module in enumerate(batch):
        functions += [_renamed(function, f"m{index}_") for function in module]
        entry = find_function(module, None)
        arguments = [Value(p.type, f"m{index}_{i}", None, i) for i, p in enumerate(entry.parameters)]
        call = Call.create(*arguments, callee=f"m{index}_{entry.name}", types=entry.result_types)
        main.parameters += arguments
        main.operations.append(call)
        main.results += call.results
    return Module([main, *functions])


def _renamed(function: Function, prefix: str) -> Function:
    renamed = copy_function(function, prefix + function.name)
    for op in renamed.operations:
        op.attributes = {
            name: Symbol(prefix + value) if isinstance(value, Symbol) else value
            for name, value in op.attributes.items()
        }
    return renamed


class Tflite(ModuleOracle):
    """What nir.tflite writes of a module computes in LiteRT's reference kernels what the interpreter computes."""

    name = "tflite"
    needs = ("tflite", "ai_edge_litert")

    def strategy(self) -> st.SearchStrategy[Any]:
        float_and_8_bits = ["i8", "i32", "f32"]
        return modules(operators=list(ENCODERS), elements=float_and_8_bits, quantised=True, max_operators=5)

    def examine(self, example: Module, seed: int) -> None:
        try:
            content = nir.tflite.to_bytes(example)
        except NirError as error:
            raise Refused from error
        inputs = sample_inputs(example, None, seed)
        assert_equivalent(example, lambda given: _litert(content, example, given), inputs=inputs, profile="tflite")


def _litert(content: bytes, module: Module, inputs: Mapping[str, Array]) -> list[Array]:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType  # noqa: PLC0415 - an optional dependency

    try:
        runner = Interpreter(model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
        runner.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise Refused from error  # LiteRT's kernels have rules of their own
    details = {str(detail["name"]): detail["index"] for detail in runner.get_input_details()}
    for name, array in inputs.items():
        if name in details:
            runner.set_tensor(details[name], array)
    try:
        runner.invoke()
    except RuntimeError as error:
        raise Refused from error
    outputs = [runner.get_tensor(detail["index"]) for detail in runner.get_output_details()]
    if len(outputs) != len(module.main.results):
        raise Refused
    return outputs


class Relay(Oracle):
    """A Relay program as NIR in the interpreter computes what it computes as Relax on TVM."""

    name = "relay"
    needs = ("tvm",)
    batch = 16
    suffix = ".relay"

    def strategy(self) -> st.SearchStrategy[Any]:
        return relay_programs(max_operators=20)

    def check(self, example: Any, seed: int) -> Problem | None:
        return self.check_all([example], [seed])[0]

    def check_all(self, examples: Sequence[Any], seeds: Sequence[int]) -> list[Problem | None]:
        try:
            found = {id(one.program): one for one in disagreements(examples)}
        except NirError as error:
            return [problem_of(error)] * len(examples)
        problems: list[Problem | None] = []
        for example in examples:
            one = found.get(id(example))
            kind = None if one is None else "differs" if one.stage == "results" else one.stage
            place = "" if one is None else " ".join(w for w in one.message.split()[:6] if w.isalpha())
            problems.append(None if one is None or kind is None else Problem(kind, place or "?", one.message))
        return problems

    def write(self, example: RelayProgram, seed: int) -> str:
        weights = {name: [a.dtype.name, a.shape, a.reshape(-1).tolist()] for name, a in example.weights.items()}
        facts = {
            "inputs": [dataclasses.asdict(tensor) for tensor in example.inputs],
            "outputs": [dataclasses.asdict(tensor) for tensor in example.outputs],
            "operators": example.operators,
            "weights": weights,
        }
        return f"{json.dumps(facts)}\n{example.text}"

    def read(self, text: str) -> RelayProgram:
        first, _, rest = text.partition("\n")
        facts = json.loads(first)
        tensors = {
            side: tuple(Tensor(**{**tensor, "shape": tuple(tensor["shape"])}) for tensor in facts[side])
            for side in ("inputs", "outputs")
        }
        weights = {
            name: np.array(elements, dtype).reshape(shape)
            for name, (dtype, shape, elements) in facts["weights"].items()
        }
        return RelayProgram(rest, tensors["inputs"], tensors["outputs"], facts["operators"], weights)

    def smallest(self, example: Any, holds: Callable[[Any], bool], seconds: float) -> Any:
        return example  # Hypothesis makes them smaller: see relay_campaign.py


ORACLES: tuple[Oracle, ...] = (Tvm(), Tflite(), Relay())
"""In the order in which they are listed."""
