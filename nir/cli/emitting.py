"""A recorded case as files that the other commands read: NAME.nir, NAME.inputs.npz, NAME.expected.npz."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

import nir.text
from nir.cli.files import write_arrays
from nir.conformance import Examination
from nir.nnapi.records import Record


def emit(record: Record, examination: Examination, folder: Path) -> None:
    """Writes the files of one case; nothing where NIR cannot express it, and no expected outputs where it must be
    rejected or did not run.

    What is expected is named like the results of a run, `output_0`, ...; an output of which nothing is expected is
    not there. Raises `NirError` where a file cannot be written.
    """
    if examination.module is None or examination.inputs is None:
        return
    stem = re.sub(r"[^\w.-]", "_", record.name)[:200].lstrip(".") or "case"
    nir.text.save(examination.module, folder / f"{stem}.nir")
    write_arrays(str(folder / f"{stem}.inputs.npz"), examination.inputs)
    if examination.outputs is not None:
        write_arrays(str(folder / f"{stem}.expected.npz"), _expected(record, examination.outputs))


def _expected(record: Record, outputs: list[np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
    found = {}
    for place, (index, actual) in enumerate(zip(record.json["model_outputs"], outputs, strict=True)):
        values = record.json["outputs"].get(str(index))
        if values is not None and len(values) == actual.size:
            found[f"output_{place}"] = np.array(values, np.float64).astype(actual.dtype).reshape(actual.shape)
    return found
