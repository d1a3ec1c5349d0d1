"""Campaigns: drawn examples, one oracle after the other, failures made small and kept.

An oracle (oracle.py) is one property; table.py lists all. A campaign (campaign.py) hands out work (work.py) to this
process, to others, or to a Dask cluster (executors.py), and keeps failures in a folder (corpus.py).
"""

from __future__ import annotations

from nir.testing.fuzzing.campaign import Report, Row, run_campaign
from nir.testing.fuzzing.executors import Cluster, Here, Processes
from nir.testing.fuzzing.oracle import ModuleOracle, Oracle, Problem, Refused
from nir.testing.fuzzing.table import ORACLES, chosen
from nir.testing.fuzzing.work import Failure, Outcome, Task

__all__ = [
    "ORACLES",
    "Cluster",
    "Failure",
    "Here",
    "ModuleOracle",
    "Oracle",
    "Outcome",
    "Problem",
    "Processes",
    "Refused",
    "Report",
    "Row",
    "Task",
    "chosen",
    "run_campaign",
]
