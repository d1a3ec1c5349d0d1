"""NNAPI, and MediaTek's Neuron API after it: operand lists, operand types, feature levels, recorded cases.

Both ways: a case becomes a module (`convert`), a module a model with positional operands (`model_of`).
"""

from nir.nnapi.case import Converted, Spelling, convert, inputs_of
from nir.nnapi.mapping import Operands, read_operands, write_operands
from nir.nnapi.model import model_of
from nir.nnapi.operand_types import OPERAND_CODES, operand_type, tensor_type
from nir.nnapi.records import Record, read

__all__ = [
    "OPERAND_CODES",
    "Converted",
    "Operands",
    "Record",
    "Spelling",
    "convert",
    "inputs_of",
    "model_of",
    "operand_type",
    "read",
    "read_operands",
    "tensor_type",
    "write_operands",
]
