"""How many recorded conformance cases each operator has: a table made from the cases, which NIR does not contain.

`python -m nir.nnapi.case_counts FOLDER` prints the table anew.
"""

from __future__ import annotations

import collections
import json
import sys
from collections.abc import Iterable
from importlib import resources

from nir.nnapi.mapping import NAMES, OPERATORS
from nir.nnapi.records import Record, read

_FILE = "case_counts.json"


def case_count(operator: str) -> int:
    """Cases in which a NIR operator occurs, alone or among others; 0 for one that NNAPI does not have."""
    table: dict[str, int] = json.loads(resources.files("nir.nnapi").joinpath(_FILE).read_text("utf-8"))
    return table.get(NAMES.get(operator, ""), 0)


def count_cases(records: Iterable[Record]) -> dict[str, int]:
    """Cases by NNAPI's name of the operator, in the order of its codes."""
    counts = collections.Counter(name for record in records for name in record.all_operators())
    return {name: counts[name] for name in OPERATORS}


if __name__ == "__main__":
    print(json.dumps(count_cases(read(sys.argv[1:])), indent=1))
