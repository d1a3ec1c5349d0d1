"""Android NNAPI at a feature level, and MediaTek's Neuron API, which has NNAPI's operators and operand types.

What NNAPI takes follows from nir.nnapi: which operators there are since which level, how operands are written, and
the operand types; what data each operator takes is in data_types.py.
"""

from __future__ import annotations

from nir.ir import Operation, TensorType, Value
from nir.nnapi.levels import DATA_OPERANDS, NAMES, feature_level, neuron_version, operator_level
from nir.nnapi.mapping import write_operands
from nir.nnapi.operand_types import PER_CHANNEL, operand_type
from nir.targets.data_types import DATA
from nir.targets.shared import known_sizes, no_calls, not_foreign, tensors
from nir.targets.target import Rule, Target, rule

HIGHEST_LEVEL = 8
"""The last feature level that was published."""


@rule("operator", decisive=True)
def operator(op: Operation) -> bool | str:
    """NNAPI has the operator."""
    return op.name in NAMES or op.name


@rule("operands", decisive=True)
def operands(op: Operation) -> bool:
    """NNAPI's operand list can say what the operation's attributes say."""
    return write_operands(op) is not None


@rule("operand-types", decisive=True)
def operand_types(op: Operation) -> bool:
    """Every tensor is of a type that NNAPI has: no u32, zero points only where there is a type for them."""
    return all(operand_type(value.type) for value in tensors(op))


@rule("scaled-bytes")
def scaled_bytes(op: Operation) -> bool | str:
    """Integers of 8 and 16 bits stand for real values: NNAPI has no plain ones, except for casts."""
    plain = [value for value in tensors(op) if _is_plain_byte(value.type)]
    return op.name == "cast" or not plain or f"%{plain[0].name} is {plain[0].type}"


def _is_plain_byte(type: TensorType) -> bool:
    return type.element.is_integer and type.element.numpy.itemsize < 4 and type.quantisation is None


@rule("data-type")
def data_type(op: Operation) -> bool | str:
    """NNAPI's operator takes data of such a type."""
    name = NAMES[op.name]
    place = DATA_OPERANDS.get(name, 0)
    if name not in DATA or place is None:
        return True
    given = [value for value in write_operands(op).operands if isinstance(value, Value)]
    if place >= len(given):
        return True
    found = operand_type(given[place].type)
    return found in DATA[name][0] or found == PER_CHANNEL or f"{found} for {name}"


@rule("rank")
def rank(op: Operation) -> bool | str:
    """Tensors have no more dimensions than NNAPI's operator takes."""
    most = DATA.get(NAMES[op.name], (None, None))[1]
    large = [value for value in tensors(op) if most is not None and value.type.rank > most]
    return not large or f"{large[0].type.rank} dimensions, where {NAMES[op.name]} takes {most}"


def _has_operator(level: int) -> Rule:
    def has(op: Operation) -> bool | str:
        since = operator_level(NAMES[op.name])
        return since <= level or f"{NAMES[op.name]} is there since feature level {since}"

    return Rule("operator-level", f"The operator is there at feature level {level}", has, decisive=True)


def _has_details(level: int) -> Rule:
    def has(op: Operation) -> bool | str:
        since = feature_level(op)
        return since <= level or f"feature level {since} is needed"

    sentence = f"Types, ranks and operands are allowed at feature level {level}"
    return Rule("feature-level", sentence, has)


def nnapi(level: int = HIGHEST_LEVEL) -> Target:
    """Android NNAPI at a feature level, 1 to 8: what any of its drivers may take, not what one chip does."""
    if not 1 <= level <= HIGHEST_LEVEL:
        raise ValueError(f"NNAPI's feature levels are 1 to {HIGHEST_LEVEL}, not {level}")
    rules = (
        not_foreign,
        no_calls,
        operator,
        _has_operator(level),
        operands,
        operand_types,
        scaled_bytes,
        data_type,
        rank,
        _has_details(level),
    )
    return Target(f"nnapi-{level}", f"Android NNAPI, feature level {level}", rules)


@rule("available", decisive=True)
def available(op: Operation) -> bool | str:
    """The operator is available in the Neuron API, by what its header says."""
    return neuron_version(NAMES[op.name]) is not None or NAMES[op.name]


NEURON = Target(
    "neuron",
    "MediaTek's Neuron API as its public header has it: what the APU's compiler may take",
    (
        not_foreign,
        no_calls,
        operator,
        available,
        operands,
        operand_types,
        scaled_bytes,
        data_type,
        rank,
        known_sizes,
    ),
)

__all__ = ["HIGHEST_LEVEL", "NEURON", "nnapi"]
