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
    """Writes the files of one case; nothing where there is no module to run, because it was refused or rejected.

    What is expected is named like the results of a run, `output_0`, ...; an output of which nothing is expected is
    not there. Raises `NirError` where a file cannot be written.
    """
    if examination.module is None or examination.inputs is None:
        return
    stem = re.sub(r"[^\w.-]", "_", record.name)[:200].lstrip(".") or "case"
    nir.text.save(examination.module, folder / f"{stem}.nir")
    write_arrays(str(folder / f"{stem}.inputs.npz"), examination.inputs)
    write_arrays(str(folder / f"{stem}.expected.npz"), _expected(record, examination))


def _expected(record: Record, examination: Examination) -> dict[str, np.ndarray[Any, Any]]:
    found = {}
    pairs = zip(record.json["model_outputs"], examination.outputs or (), strict=True)
    for place, (index, actual) in enumerate(pairs):
        values = record.json["outputs"].get(str(index))
        if values is not None and len(values) == actual.size:
            found[f"output_{place}"] = np.array(values, np.float64).astype(actual.dtype).reshape(actual.shape)
    return found
