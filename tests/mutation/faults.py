"""All faults, in the order of the page."""

from __future__ import annotations

from tests.mutation import faults_conversion, faults_language, faults_operators, faults_passes
from tests.mutation.fault import Fault

FAULTS: tuple[Fault, ...] = (
    *faults_operators.FAULTS,
    *faults_language.FAULTS,
    *faults_passes.FAULTS,
    *faults_conversion.FAULTS,
)

UNSEEN_BEFORE: tuple[str, ...] = (
    *("pad_with_stored_zero", "xnnpack_sum_bits", "resize_negative_halves", "transposed_same_offset", "stale_bias"),
    *("verifier_remembers_mistakes", "dead_second_result", "layout_slice_masks", "folded_bias_not_scaled"),
    *("island_joins_zero_points", "propagation_into_branches", "partition_reason_lost", "relay_default"),
    *("relay_padding_of_two", "relay_depthwise_kernel", "relay_swapped_zero_point", "relax_pool_padding"),
    *("tflite_always_same", "program_weight_order"),
)
"""Faults with which the tests of their own part passed, until the tests that the page names were written."""
