"""The version of the package, as installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("neuron-ir")
except PackageNotFoundError:
    __version__ = "unknown"
