"""The CPU, as far as NIR itself goes: all that the reference interpreter computes."""

from __future__ import annotations

from nir.targets.shared import not_foreign
from nir.targets.target import Target

CPU = Target("cpu", "NIR's own interpreter: every operator but foreign ones", (not_foreign,))
