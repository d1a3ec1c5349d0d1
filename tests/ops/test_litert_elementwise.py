"""Quantised operators against LiteRT's kernels, element by element: the `tflite` and `xnnpack` profiles."""

from __future__ import annotations

import numpy as np
import pytest
from litert_vectors import Case, recorded

from nir.ir import Value
from nir.ops import OPERATORS_BY_NAME
from nir.ops.profiles import get_profile

CASES = [pytest.param(case, results, id=case.name) for case, results in recorded()]


@pytest.mark.parametrize(("case", "results"), CASES)
def test_equal_to_litert(case: Case, results: dict[str, np.ndarray]) -> None:
    *operands, target = case.types()
    operator = OPERATORS_BY_NAME[case.operator]
    choice = {"element": target.element, "quantisation": target.quantisation}
    op = operator.create(*map(Value, operands), **choice, **case.attributes)
    assert op.results[0].type == target
    for profile, expected in results.items():
        found = op.reference(get_profile(profile), *case.arrays())
        assert np.array_equal(found, expected), (profile, int((found != expected).sum()))
