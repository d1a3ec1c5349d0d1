"""A plugin for pytest: Hypothesis does not make failures small, for which it may take minutes; here one is enough."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings

settings.register_profile(
    "unshrunk",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
    phases=(Phase.explicit, Phase.generate, Phase.target),
)
