"""Death signal of a worker's children: the kernel ends them when their parent ends."""

import ctypes
import sys

from celery import platforms

SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)


def use_ctypes() -> None:
    """Let Celery's children set their death signal with ctypes.

    billiard uses cffi, which parses a declaration in C for it: 7 MB and 15 ms in each child.
    """
    platforms._set_pdeathsig = _set_death_signal  # noqa: SLF001  (Celery has no setting for it)


def _set_death_signal(number: int) -> None:
    if sys.platform != "linux":
        raise OSError("only Linux has death signals")  # Celery ignores it
    ctypes.CDLL(None).prctl(SET_DEATH_SIGNAL, number)
