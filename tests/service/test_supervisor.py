"""The supervisor, with real processes: it restarts parts and stops them together."""

import asyncio
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from app.ops.embedded import free_port
from app.ops.stack.procfile import Part, parts, required_parts
from app.ops.stack.supervisor import Supervisor

PROGRAM = """
import asyncio, sys
from app.ops.stack.procfile import Part
from app.ops.stack.supervisor import Supervisor

async def announce():
    print("announced", flush=True)

probe, *commands = sys.argv[1:]
parts = [Part(f"part{n}", command) for n, command in enumerate(commands)]
write = lambda name, line: print(f"{name}: {line}", flush=True)
asyncio.run(Supervisor(parts, write, {"part0": probe} if probe else {}, patience=3).run(announce))
print("ended", flush=True)
"""


def supervise(*commands: str, probe: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", PROGRAM, probe, *commands], stdout=subprocess.PIPE, text=True)


def read_until(process: subprocess.Popen[str], pattern: str) -> str:
    return lines_until(process, pattern)[-1]


def lines_until(process: subprocess.Popen[str], pattern: str) -> list[str]:
    assert process.stdout
    seen = []
    for line in process.stdout:
        seen.append(line)
        if re.search(pattern, line):
            return seen
    pytest.fail(f"ended without {pattern!r}: {''.join(seen)}")


def pid_in(line: str) -> int:
    return int(line.rpartition(" ")[2])


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def ends(pid: int) -> bool:
    """Return whether the process ends within 30 seconds."""
    deadline = time.monotonic() + 30
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not is_running(pid)


def test_killed_part_is_restarted() -> None:
    process = supervise("sh -c 'echo pid $$; exec sleep 600'")
    first = pid_in(read_until(process, "pid"))

    os.kill(first, signal.SIGKILL)
    second = pid_in(read_until(process, r"part0: pid \d+"))

    assert second != first
    process.terminate()
    assert process.wait(60) == 0
    assert ends(second)


HEARTBEATS = """
import os, sys, time
from workers.watchdog import notify
print("pid", os.getpid(), flush=True)
for _ in range(int(sys.argv[1])):
    notify()
    time.sleep(0.5)
time.sleep(600)
"""
SERVER = """
import http.server, os, sys, time
class Hangs(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        if os.path.exists(sys.argv[2]):
            os.unlink(sys.argv[2])
            time.sleep(600)
print("pid", os.getpid(), flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Hangs).serve_forever()
"""


def python(program: str, *arguments: object) -> str:
    """The command of a part that runs this program."""
    return shlex.join([sys.executable, "-c", program, *map(str, arguments)])


def test_part_that_a_signal_has_stopped_is_named_and_restarted_and_never_runs_twice() -> None:
    process = supervise("sh -c 'echo pid $$; exec sleep 600'")
    first = pid_in(read_until(process, "pid"))

    os.kill(first, signal.SIGSTOP)

    assert f"(process {first})" in read_until(process, r"part0: is frozen: no sign of life for \d s")
    second = pid_in(read_until(process, r"part0: pid \d+"))
    assert not is_running(first)
    process.terminate()
    assert process.wait(60) == 0
    assert ends(second)


def test_part_without_heartbeats_is_restarted() -> None:
    process = supervise(python(HEARTBEATS, 4))
    first = pid_in(read_until(process, "pid"))

    read_until(process, "part0: is frozen")
    second = pid_in(read_until(process, r"part0: pid \d+"))

    assert not is_running(first)
    process.terminate()
    assert process.wait(60) == 0
    assert ends(second)


def test_part_that_sends_heartbeats_or_never_sent_one_is_left_alone() -> None:
    process = supervise(python(HEARTBEATS, 1200), "sh -c 'sleep 7; echo waited; exec sleep 600'")
    pid = pid_in(read_until(process, "pid"))

    assert "frozen" not in "".join(lines_until(process, "part1: waited"))
    assert is_running(pid)
    process.terminate()
    assert process.wait(60) == 0


def test_web_server_that_answers_no_longer_is_restarted(tmp_path: Path) -> None:
    port, hang = free_port(), tmp_path / "hang"
    process = supervise(python(SERVER, port, hang), probe=f"http://127.0.0.1:{port}/")
    first = pid_in(read_until(process, "pid"))
    read_until(process, "GET / ")
    read_until(process, "GET / ")  # the first probe was answered

    hang.touch()

    read_until(process, "part0: is frozen")
    assert pid_in(read_until(process, r"part0: pid \d+")) != first
    process.terminate()
    assert process.wait(60) == 0


def test_ctrl_c_ends_a_part_that_a_signal_has_stopped() -> None:
    process = supervise("sh -c 'echo pid $$; exec sleep 600'")
    pid = pid_in(read_until(process, "pid"))
    os.kill(pid, signal.SIGSTOP)

    process.send_signal(signal.SIGINT)

    assert process.wait(60) == 0
    assert not is_running(pid)


def test_signal_stops_all_parts_gracefully() -> None:
    slow = """sh -c 'trap "echo finished; exit 0" TERM; echo ready; while :; do sleep 0.05; done'"""
    process = supervise(slow, "sleep 600")
    read_until(process, "ready")

    process.send_signal(signal.SIGINT)

    read_until(process, "part0: finished")
    read_until(process, "ended")
    assert process.wait(60) == 0


def test_second_signal_kills_parts_that_do_not_stop() -> None:
    stubborn = """sh -c 'trap "echo no" TERM; echo pid $$; while :; do sleep 0.05; done'"""
    process = supervise(stubborn)
    pid = pid_in(read_until(process, "pid"))

    process.terminate()
    read_until(process, "part0: no")
    process.terminate()

    assert process.wait(60) == 0
    assert ends(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="only the Linux kernel tells a child of its parent's death")
def test_parts_end_when_the_supervisor_is_killed() -> None:
    process = supervise("sh -c 'echo pid $$; exec sleep 600'")
    pid = pid_in(read_until(process, "pid"))

    process.kill()

    assert ends(pid)


def test_long_output_line_is_forwarded() -> None:
    long = f"{sys.executable} -c 'print(\"x\" * 3_000_000); import time; time.sleep(600)'"
    process = supervise(long)

    assert len(read_until(process, "xxx")) > 3_000_000
    process.terminate()
    process.wait(60)


def test_restart_delay_grows() -> None:
    written: list[str] = []

    async def watch() -> None:
        supervisor = Supervisor([Part("broken", "false")], lambda _, line: written.append(line))
        run = asyncio.create_task(supervisor.run(lambda: asyncio.sleep(0)))
        while len(written) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)
        await run

    asyncio.run(watch())

    assert [re.search(r"in (\d+) s", line)[1] for line in written[:2]] == ["1", "3"]  # type: ignore[index]


def test_mailbox_runs_only_in_demos_without_a_mail_server(monkeypatch: pytest.MonkeyPatch) -> None:
    def has_mailbox() -> bool:
        return "mailbox" in {part.name for part in required_parts(parts())}

    monkeypatch.setenv("RELANCE_ENV", "demo")
    assert has_mailbox()
    assert "echo" in {part.name for part in required_parts(parts())}
    monkeypatch.setenv("SMTP_URL", "smtp://mail.example")
    assert not has_mailbox()
    monkeypatch.delenv("SMTP_URL")
    monkeypatch.setenv("RELANCE_ENV", "production")
    assert not has_mailbox()
    assert "echo" not in {part.name for part in required_parts(parts())}


def test_each_part_has_its_own_name_in_traces() -> None:
    process = supervise("sh -c 'echo service $OTEL_SERVICE_NAME; exec sleep 60'")
    try:
        assert read_until(process, "service ").strip() == "part0: service relance-part0"
    finally:
        process.terminate()
        process.communicate(timeout=60)
