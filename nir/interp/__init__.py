"""The reference interpreter: running modules, tracing values, comparing runs."""

from nir.interp.comparison import Comparison, Tolerance, ValueDifference, compare, compare_arrays
from nir.interp.explanation import Explanation, ProfileExplanation, explain
from nir.interp.inputs import check_inputs, random_inputs
from nir.interp.interpreter import Interpreter, run
from nir.interp.trace import Event, Trace, TraceRecord
from nir.ops.profiles import DEFAULT_PROFILE, PROFILES, Profile, get_profile

__all__ = [
    "DEFAULT_PROFILE",
    "PROFILES",
    "Comparison",
    "Event",
    "Explanation",
    "Interpreter",
    "Profile",
    "ProfileExplanation",
    "Tolerance",
    "Trace",
    "TraceRecord",
    "ValueDifference",
    "check_inputs",
    "compare",
    "compare_arrays",
    "explain",
    "get_profile",
    "random_inputs",
    "run",
]
