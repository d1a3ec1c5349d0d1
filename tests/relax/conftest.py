"""Tests of the way from Relax need TVM."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("tvm", reason="TVM is not installed: pip install 'neuron-ir[tvm]'")

sys.path.insert(0, str(Path(__file__).resolve().parent))  # for `from relax_cases import ...`
