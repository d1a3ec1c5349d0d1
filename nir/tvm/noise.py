"""Keeping the log lines of TVM's native code off the user's terminal. Nothing else that is written there is lost."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator

_LOG_LINE = re.compile(rb"^\[\d\d:\d\d:\d\d\] \S+:\d+: (Warning|Info|Debug)\b|^Warning:SystemLib symbol ")
"""The second is said, without the time, for every exported library but the first that a process loads."""


@contextlib.contextmanager
def without_log_lines() -> Iterator[None]:
    """Holds back what is written to file descriptor 2, and passes it on at the end without TVM's warnings.

    TVM has no switch for them. Other threads are held back too, so keep it short. Where the process has no such descriptor, nothing is done.
    """
    try:
        sys.stderr.flush()
        original = os.dup(2)
    except (OSError, ValueError, AttributeError):
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            with contextlib.suppress(OSError, ValueError, AttributeError):
                sys.stderr.flush()
            os.dup2(original, 2)
            os.close(original)
            held.seek(0)
            kept = [line for line in held if not _LOG_LINE.match(line)]
            if kept:
                os.write(2, b"".join(kept))
