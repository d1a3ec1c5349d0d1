"""What notebooks show: modules and functions as pictures with their text, partitions and roundings as tables, errors with a caret.

`bundle(thing)` is what the classes hand to a notebook (bundles.py). `Table` and `SideBySide` arrange results of one's own.
"""

from __future__ import annotations

from nir.display.arranged import SideBySide, Table
from nir.display.bundles import LONGEST, SHOWN, bundle, picture, reasons_of

__all__ = ["LONGEST", "SHOWN", "SideBySide", "Table", "bundle", "picture", "reasons_of"]
