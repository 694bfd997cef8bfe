"""Checks before a worker starts."""

import os
import sys
import traceback
from collections.abc import Callable


def check_in_fork(check: Callable[[], None]) -> None:
    """Run the check in a process of its own. The main process of a worker uses no database, and stays 8 MB smaller.

    Raises SystemExit (when the check fails; its message is written to standard error).
    """
    if sys.platform != "linux":  # forks of a process that has used system libraries are not safe elsewhere
        check()
        return
    if pid := os.fork():
        if code := os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
            raise SystemExit(abs(code))
        return
    code = 1
    try:
        check()
        code = 0
    except SystemExit as end:
        sys.stderr.write(f"{end}\n")
    except BaseException:  # noqa: BLE001  (a fork must not go on as the worker)
        traceback.print_exc()
    finally:
        os._exit(code)
