"""File tests: `.nir` files that say in their first line what to do with them, and what should come of it.

    // test: check
    func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
      %0 = relu(%y) : tensor<4xf32>  // error: there is no value %y
      return %0
    }

`nir test` runs them; `nir test --update` writes what comes of every file into it, and then one reads the difference.
Commands are in commands.py, the ways of stating expectations in expectations.py.
"""

from __future__ import annotations

from nir.filetests.commands import COMMANDS
from nir.filetests.expectations import FileTest, Outcome, differences, read
from nir.filetests.runner import failures, find, outcome_of, update

__all__ = ["COMMANDS", "FileTest", "Outcome", "differences", "failures", "find", "outcome_of", "read", "update"]
