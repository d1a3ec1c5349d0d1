"""Tests that run TVM: skipped where it is not installed. Models are found beside the tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

pytest.importorskip("tvm", reason="TVM is not installed: pip install 'neuron-ir[tvm]'")
