"""What happened in a run: one record per value, with statistics, time, and the elements where asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from nir.ir import Operation, TensorType, Value

Array = np.ndarray[Any, Any]


class Event(NamedTuple):
    """A value has been computed (or, for a parameter, given). `array` must not be changed.

    `seconds` is the time of the whole operation, on its first result; 0 on the others and on parameters.
    `operation` is None for a parameter. `path` names the functions that are running, the outermost first.
    """

    path: tuple[str, ...]
    value: Value
    operation: Operation | None
    array: Array
    seconds: float


Tracer = Callable[[Event], None]


@dataclass(frozen=True)
class TraceRecord:
    """One value of a run. Statistics are of stored elements; None for an empty tensor. `array` None: not kept."""

    path: tuple[str, ...]
    name: str
    operator: str | None
    type: TensorType
    shape: tuple[int, ...]
    minimum: float | None
    maximum: float | None
    mean: float | None
    seconds: float
    array: Array | None = field(default=None, compare=False, repr=False)


class Trace:
    """Records every value of a run, in order: `run(module, inputs, trace=trace)`.

    `arrays` keeps the elements too, as long as they take no more than `limit` bytes in all; what comes after that has
    statistics alone. `select` chooses values (all, by default).
    """

    def __init__(
        self, arrays: bool = False, limit: int | None = None, select: Callable[[Value], bool] | None = None
    ) -> None:
        self.records: list[TraceRecord] = []
        self.kept_bytes = 0
        self._arrays = arrays
        self._limit = limit
        self._select = select

    def __call__(self, event: Event) -> None:
        if self._select is None or self._select(event.value):
            self.records.append(self._record(event))

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, name: str) -> TraceRecord:
        """The last record of the value called `name`. Raises `KeyError`."""
        for record in reversed(self.records):
            if record.name == name:
                return record
        raise KeyError(name)

    def _record(self, event: Event) -> TraceRecord:
        array = event.array
        minimum, maximum, mean = statistics(array)
        kept = None
        if self._arrays and (self._limit is None or self.kept_bytes + array.nbytes <= self._limit):
            kept = array.copy()
            self.kept_bytes += array.nbytes
        operator = None if event.operation is None else event.operation.name
        name = str(event.value.name)
        return TraceRecord(
            event.path, name, operator, event.value.type, array.shape, minimum, maximum, mean, event.seconds, kept
        )

    def seconds_by_operator(self) -> dict[str, tuple[int, float]]:
        """Operations and seconds for each operator, the slowest operator first."""
        totals: dict[str, tuple[int, float]] = {}
        for record in self.records:
            if record.operator is not None and record.seconds > 0:
                count, seconds = totals.get(record.operator, (0, 0.0))
                totals[record.operator] = count + 1, seconds + record.seconds
        return dict(sorted(totals.items(), key=lambda item: -item[1][1]))


def statistics(array: Array) -> tuple[float | None, float | None, float | None]:
    """Minimum, maximum and mean of the stored elements, without NaNs; None where there are none."""
    if array.dtype.kind == "f":
        array = array[~np.isnan(array)]
    if array.size == 0:
        return None, None, None
    with np.errstate(all="ignore"):
        return float(array.min()), float(array.max()), float(array.mean(dtype=np.float64))
