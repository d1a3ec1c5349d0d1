"""A rehearsal in a process of its own, for readers in TVM whose native code crashes on damaged input."""

from __future__ import annotations

import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable

from nir.errors import ParseError

_SECONDS = 300
"""After which a rehearsal is given up."""


def survives(action: Callable[[], object], name: str, what: str) -> None:
    """Runs `action` in a fork of this process. Raises ParseError where that dies from a signal, or hangs.

    What `action` raises is no concern of this: it will do so again here. Where processes cannot be forked, nothing is
    done.
    """
    if not hasattr(os, "fork"):
        return
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there are other threads: the child uses none of their locks
        child = os.fork()
    if child == 0:
        _rehearse(action)
    timer = threading.Timer(_SECONDS, os.kill, (child, signal.SIGKILL))
    timer.daemon = True
    timer.start()
    try:
        _, status = os.waitpid(child, 0)
    finally:
        timer.cancel()
    if os.WIFSIGNALED(status):
        raise ParseError(
            f"{name}: {what}, on which TVM's own reader crashes", found=signal.Signals(os.WTERMSIG(status)).name
        )


def _rehearse(action: Callable[[], object]) -> None:
    """The child: silent, and gone at the end without Python's own tidying up."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        action()
    except BaseException:
        os._exit(1)
    os._exit(0)
