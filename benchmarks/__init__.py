"""Measurements of speed against peers; not part of the package and not tests."""
