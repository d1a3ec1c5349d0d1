"""Faults in the text form and the verifier."""

from __future__ import annotations

from tests.mutation.fault import Fault

FAULTS = (
    Fault(
        "six_digits",
        "nir/text/printer.py",
        "return float32_text(float(value)) if single or not math.isfinite(value) else repr(float(value))",
        'return f"{float(value):.6g}" if single or not math.isfinite(value) else repr(float(value))',
        "float attributes are printed with six digits",
        ("tests/text/test_printer.py", "tests/text/test_round_trip.py"),
        ("round-trip",),
    ),
    Fault(
        "false_attributes",
        "nir/text/printer.py",
        "if name in given and not attribute_field.subject:",
        "if given.get(name) and not attribute_field.subject:",
        "attributes that are 0, false or empty are not printed",
        ("tests/text/test_printer.py", "tests/text/test_round_trip.py"),
        ("round-trip",),
    ),
    Fault(
        "backslash_in_names",
        "nir/text/lexical.py",
        """if c.isprintable() and c not in '"\\\\' else""",
        """if c.isprintable() and c not in '"' else""",
        "a backslash in a quoted name is printed as it is",
        ("tests/text/test_printer.py", "tests/text/test_round_trip.py"),
        ("round-trip",),
        "names that are drawn are plain; the round trip in `tests/text` draws its own",
    ),
    Fault(
        "negative_zero",
        "nir/text/elements.py",
        "return bool(bits[(-1,) * bits.ndim] == first and (bits == first).all())",
        "return bool((array == array[(0,) * array.ndim]).all())",
        "a constant of zeros of both signs is printed as one zero for all",
        ("tests/text/test_elements.py", "tests/text/test_round_trip.py"),
        ("round-trip",),
    ),
    Fault(
        "channel_axis_dropped",
        "nir/ir/quantisation.py",
        """text = f"axis={self.axis}, scales=""",
        """text = f"axis=0, scales=""",
        "scales per channel are printed along dimension 0, whatever their axis",
        ("tests/text/test_printer.py", "tests/text/test_round_trip.py"),
        ("round-trip",),
    ),
    Fault(
        "double_rounding_of_literals",
        "nir/text/literals.py",
        "if abs(double) < _SMALLEST_NORMAL or bits & 0x1FFFFFFF == 0x10000000:",
        "if abs(double) < _SMALLEST_NORMAL:",
        "a decimal just beside the middle of two float32 is rounded to float64 first, and then to the wrong one",
        ("tests/text/test_literals.py",),
        ("round-trip",),
        "printed decimals are the shortest that read back, and none of those lies next to a middle",
    ),
    Fault(
        "verifier_skips_rules",
        "nir/verify/quantisation.py",
        "found = found or list(_rule_findings(op))",
        "found = found or []",
        "the fourth layer does not compare results with their operator's rule of quantisation",
        ("tests/verify/test_quantisation.py",),
        ("round-trip",),
        "drawn modules are right, so that a verifier that says yes too often is not noticed",
    ),
    Fault(
        "verifier_remembers_mistakes",
        "nir/verify/__init__.py",
        "if not found and not calls:\n            self.clean.add(signature)",
        "if not calls:\n            self.clean.add(signature)",
        "of several operations with the same mistake of quantisation only the first is reported",
        ("tests/verify/test_repeated_mistakes.py", "tests/verify/test_report.py"),
        ("round-trip",),
        "drawn modules are right, so that a verifier that says yes too often is not noticed",
    ),
)
