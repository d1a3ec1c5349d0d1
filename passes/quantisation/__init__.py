"""Quantisation parameters for every tensor: what some operators state, carried on to all that follows from it.

rules.py says which tensors of an operation share their parameters, propagate.py carries them along.
"""

from __future__ import annotations

from nir.passes.quantisation.propagate import propagate_quantisation

__all__ = ["propagate_quantisation"]
