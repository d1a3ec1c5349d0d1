"""Running cases: comparison, outcomes, processes."""
