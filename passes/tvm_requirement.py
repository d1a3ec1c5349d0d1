"""Which TVM the parts that use it need, and the plain words where it is absent or another one.

Imports TVM when asked, never before.
"""

from __future__ import annotations

from types import ModuleType

from nir.errors import RunError, missing_extra

TVM_SERIES = "0.27"
"""The release that names and behaviour are written for: TVM moves them with every one."""


def require_tvm(purpose: str) -> ModuleType:
    """The package tvm. `purpose` says what needs it, as the beginning of a sentence.

    Raises RunError, which names the extra that brings it, when TVM is missing, broken, or of another version.
    """
    try:
        import tvm  # noqa: PLC0415  an optional dependency
    except ModuleNotFoundError as error:
        if error.name not in ("tvm", "tvm_ffi"):
            raise _unusable(purpose, error) from error
        raise missing_extra("apache-tvm", "tvm", purpose) from error
    except (ImportError, OSError, RuntimeError) as error:  # shared libraries that do not load
        raise _unusable(purpose, error) from error
    version = str(getattr(tvm, "__version__", "unknown"))
    if version != TVM_SERIES and not version.startswith(TVM_SERIES + "."):
        raise RunError(
            f"{purpose} needs another version of TVM",
            expected=f"apache-tvm {TVM_SERIES}",
            found=version,
            hint="pip install 'neuron-ir[tvm]'",
        )
    return tvm


def _unusable(purpose: str, error: Exception) -> RunError:
    return RunError(
        f"{purpose} needs TVM, which cannot be imported here",
        found=f"{type(error).__name__}: {error}",
        hint="pip install --force-reinstall 'neuron-ir[tvm]'",
    )
