"""TVM's front ends at arm's length: what they raise becomes errors, what they print and warn of becomes notes."""

from __future__ import annotations

import contextlib
import gc
import io
import time
import traceback
import warnings
from collections.abc import Iterator

from nir.errors import ConvertError, NirError
from nir.tvm.execution import summary
from nir.tvm.noise import without_log_lines


class Watch:
    """What happened while a front end ran: its remarks, and how long it took."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.seconds = 0.0


@contextlib.contextmanager
def front_end(name: str, what: str) -> Iterator[Watch]:
    """Runs the body as TVM's front end for `name` on the model `what`.

    What the body writes to standard output is dropped. Whatever it raises that is no NirError, is a ConvertError.
    """
    watch = Watch()
    started = time.perf_counter()
    failure: Exception | None = None
    with without_log_lines(), contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            yield watch
        except NirError:
            raise
        except Exception as error:  # TVM raises whatever its Python and C++ code throws
            failure = error
            _release_frames(error)
    if failure is not None:
        raise _translated(failure, name, what) from failure
    watch.seconds = time.perf_counter() - started
    relevant = (w for w in said if not issubclass(w.category, DeprecationWarning | FutureWarning))
    watch.notes += dict.fromkeys(str(warning.message).strip()[:300] for warning in relevant)


def _release_frames(error: BaseException) -> None:
    """Drops what the frames of a failure hold: TVM's builders complain when they are freed, which they may do now."""
    chain: BaseException | None = error
    while chain is not None:
        traceback.clear_frames(chain.__traceback__)
        chain = chain.__cause__ or chain.__context__
    gc.collect(1)


def _translated(error: Exception, name: str, what: str) -> ConvertError:
    if isinstance(error, RecursionError):
        return ConvertError(f"TVM's reader of {name} gives up on {what}: it is nested too deeply")
    if isinstance(error, MemoryError):
        return ConvertError(f"there is not enough memory to import {what}")
    return ConvertError(f"TVM's reader of {name} cannot import {what}", found=reason(error))


def reason(error: Exception) -> str:
    """What went wrong, in one line: the kind too where the message alone would say nothing."""
    text = summary(error)
    if isinstance(error, KeyError | IndexError | AttributeError | AssertionError | TypeError) or len(text) < 12:
        return f"{type(error).__name__}: {text}"
    return text
