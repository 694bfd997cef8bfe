"""Children of a worker end with their parent."""

import subprocess
import sys

import psutil
import pytest

from tests.support.processes import wait_until

PARENT = """
import os, sys, time
import workers.app
from celery import platforms

if not os.fork():
    platforms.set_pdeathsig("SIGKILL")
    print(os.getpid(), "pycparser" in sys.modules, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has death signals")
def test_child_ends_with_its_parent_and_parses_no_c() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        pid, has_parsed = parent.stdout.readline().split()
        assert has_parsed == "False"
        child = psutil.Process(int(pid))
        parent.kill()
        wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, 60, "the child's end")
