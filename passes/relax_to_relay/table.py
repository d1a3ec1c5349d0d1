"""The table of rows: Relax operator name, without `relax.` -> what it is in Relay. One module per family."""

from __future__ import annotations

from nir.passes.relax_to_relay import (
    rows_convolution,
    rows_elementwise,
    rows_indexing,
    rows_normalisation,
    rows_quantisation,
    rows_reduction,
    rows_shape,
)
from nir.passes.relax_to_relay.site import RowTable

FAMILIES = (
    rows_elementwise,
    rows_convolution,
    rows_normalisation,
    rows_shape,
    rows_indexing,
    rows_reduction,
    rows_quantisation,
)

ROWS: RowTable = {name: row for family in FAMILIES for name, row in family.ROWS.items()}

if len(ROWS) != sum(len(family.ROWS) for family in FAMILIES):
    raise TypeError("two rows are for one operator")
