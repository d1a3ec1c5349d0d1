"""One case: converted, verified, run, compared."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

import numpy as np

from nir.conformance.comparison import Mismatch, mismatch
from nir.errors import ConvertError, NirError, ParseError, RunError, VerifyError
from nir.interp import DEFAULT_PROFILE, get_profile, run
from nir.ir import Module
from nir.nnapi.case import convert, inputs_of
from nir.nnapi.records import Record
from nir.verify import verify


class Status(enum.Enum):
    """What became of a case. Refused is one that NIR cannot express; it says nothing about the numbers."""

    PASSED = "passed"
    FAILED = "failed"
    REFUSED = "refused"


@dataclass(frozen=True)
class Outcome:
    """The result of one case, small enough to be sent between processes.

    `operators` are NNAPI's names. `message` says why a case failed or was refused, and of one that must be rejected
    which rule it breaks. `largest` is the largest difference in `unit`, where numbers were compared and differ.
    """

    name: str
    location: str
    operators: tuple[str, ...]
    status: Status
    message: str | None = None
    largest: float | None = None
    unit: str = ""


@dataclass(frozen=True)
class Examination:
    """An outcome with what it came from: the module where there is one, what goes in, and what came out of a run."""

    outcome: Outcome
    module: Module | None = None
    inputs: dict[str, np.ndarray[Any, Any]] | None = None
    outputs: list[np.ndarray[Any, Any]] | None = None


def outcome_of(
    record: Record, status: Status, message: str | None = None, difference: Mismatch | None = None
) -> Outcome:
    """The outcome of a case; a difference brings its message."""
    operators = tuple(sorted(record.all_operators()))
    if difference is None:
        return Outcome(record.name, record.location, operators, status, message)
    return Outcome(
        record.name, record.location, operators, status, difference.text, difference.largest, difference.unit
    )


def examine(record: Record, profile: str = DEFAULT_PROFILE) -> Examination:
    """Runs one case under a profile. A case that must be rejected passes where it breaks a rule.

    Raises `ParseError` for values that do not fit the operands they are for, `RunError` for an unknown profile.
    """
    must_fail = record.json["expect_failure"]
    numbers = get_profile(profile)
    module = inputs = None
    try:
        module = convert(record).module
        inputs = inputs_of(record)
        verify(module)
        outputs = list(run(module, inputs, numbers, "main").values())
    except ParseError:
        raise
    except ConvertError as error:
        return Examination(outcome_of(record, Status.REFUSED, _message(error)))
    except (VerifyError, RunError) as error:
        if must_fail:
            return Examination(outcome_of(record, Status.PASSED, _message(error)), module, inputs)
        text = f"rejected, and it is valid: {_message(error)}"
        return Examination(outcome_of(record, Status.FAILED, text), module, inputs)
    except Exception as error:  # a mistake in NIR costs this case, not the run
        text = f"internal error: {type(error).__name__}: {error}"
        return Examination(outcome_of(record, Status.FAILED, text), module, inputs)
    if must_fail:
        outcome = outcome_of(record, Status.FAILED, "accepted, and it must be rejected")
    else:
        indices = record.json["model_outputs"]
        found = [mismatch(record, i, array) for i, array in zip(indices, outputs, strict=True)]
        worst = max((one for one in found if one is not None), key=lambda one: one.largest or np.inf, default=None)
        outcome = outcome_of(record, Status.PASSED if worst is None else Status.FAILED, difference=worst)
    return Examination(outcome, module, inputs, outputs)


def _message(error: NirError) -> str:
    """The first thing that is wrong, in a line."""
    first = error.diagnostics[0]
    found = f" ({first.found})" if first.found and len(first.found) < 200 else ""
    return first.message + found
