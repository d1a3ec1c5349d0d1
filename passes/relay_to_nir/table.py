"""The table of handlers: Relay operator name -> the function that converts its calls. One module per family."""

from __future__ import annotations

from nir.passes.relay_to_nir import (
    handlers_cast,
    handlers_constant,
    handlers_convolution,
    handlers_elementwise,
    handlers_image,
    handlers_indexing,
    handlers_normalisation,
    handlers_pooling,
    handlers_qnn,
    handlers_qnn_products,
    handlers_reduction,
    handlers_shape,
)
from nir.passes.relay_to_nir.call import HandlerTable

FAMILIES = (
    handlers_convolution,
    handlers_pooling,
    handlers_normalisation,
    handlers_elementwise,
    handlers_cast,
    handlers_shape,
    handlers_indexing,
    handlers_reduction,
    handlers_image,
    handlers_constant,
    handlers_qnn,
    handlers_qnn_products,
)

HANDLERS: HandlerTable = {name: handler for family in FAMILIES for name, handler in family.HANDLERS.items()}

if len(HANDLERS) != sum(len(family.HANDLERS) for family in FAMILIES):
    raise TypeError("two handlers are for one operator")
