"""Recorded cases stored otherwise: the same numbers as i8 instead of u8."""

from __future__ import annotations

from nir.nnapi import Record

NOT_SHIFTABLE = {"PAD_V2", "CAST", "HASHTABLE_LOOKUP", "LSH_PROJECTION", "QUANTIZED_16BIT_LSTM"}
"""Operators that tell u8 from i8 by more than the zero point."""


def signed(record: Record) -> Record | None:
    """The case with every u8 tensor stored as i8, values and zero points less by 128, as the harness upstream
    derives it; None where there is none or it would mean something else.
    """
    operands = record.json["operands"]
    shifted = {operand["id"] for operand in operands if operand["type"] == "TENSOR_QUANT8_ASYMM"}
    if not shifted or record.json["subgraphs"] or NOT_SHIFTABLE & set(record.operators):
        return None

    def less(values: list[int] | None) -> list[int] | None:
        return None if values is None else [value - 128 for value in values]

    changed = {
        **record.json,
        "name": record.name + "_signed",
        "operands": [
            {
                **operand,
                "type": "TENSOR_QUANT8_ASYMM_SIGNED",
                "zero_point": operand["zero_point"] - 128,
                "value": less(operand["value"]),
            }
            if operand["id"] in shifted
            else operand
            for operand in operands
        ],
    }
    for part in ("inputs", "outputs"):
        changed[part] = {
            key: less(values) if int(key) in shifted else values for key, values in record.json[part].items()
        }
    return Record(changed)
