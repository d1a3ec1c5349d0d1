"""Making a module that shows a failure as small as can be, while it still shows it.

What "still" means is a function, or a command (command.py). What is tried is a table of steps (search.py).
"""

from __future__ import annotations

from nir.reduction.command import Command
from nir.reduction.search import NotInteresting, Progress, Reducer, reduce

__all__ = ["Command", "NotInteresting", "Progress", "Reducer", "reduce"]
