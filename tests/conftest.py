"""What all tests share: the data fixture, and a plain word where the package is not installed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Folders of tests must not stand in for packages of their names that are not installed: TVM asks for torch.
sys.modules.update({name: None for name in ("onnx", "tflite", "torch") if importlib.util.find_spec(name) is None})  # type: ignore[misc]
sys.path.insert(0, str(Path(__file__).resolve().parent))  # for `from data import ...`, whatever the import mode

from data import data_root  # noqa: E402

if importlib.util.find_spec("nir.passes") is None:
    pytest.exit(
        "NIR is not installed in this environment: run `make test`, or `pip install -e '.[test]'`", returncode=2
    )

# Slow machines are not failures: how long an example takes is nothing that a test here is about. Examples are
# the same in every run, so that a green run stays green; `--hypothesis-profile=explore` looks further.
settings.register_profile(
    "default", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], database=None
)
settings.register_profile("explore", settings.get_profile("default"), derandomize=False, max_examples=1000)
settings.load_profile("default")


@pytest.fixture(scope="session")
def nir_data() -> Path:
    """The folder of recorded data from other programs; the test is skipped where it is not there."""
    return data_root()


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository."""
    return Path(__file__).resolve().parent.parent
