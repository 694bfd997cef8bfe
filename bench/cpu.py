"""CPU time of PostgreSQL. Other load on the machine affects it less than elapsed time."""

import psutil

from bench.servers import Servers


def database_seconds(servers: Servers) -> float:
    """Return `seconds_of` for the benchmark's server."""
    return seconds_of(servers.postgres.pid())


def seconds_of(postmaster: int) -> float:
    """Return the CPU seconds of all open sessions. Compare two values only while the same sessions are open."""
    return sum(_seconds(session) for session in psutil.Process(postmaster).children())


def _seconds(session: psutil.Process) -> float:
    try:
        return float(sum(session.cpu_times()[:2]))
    except psutil.NoSuchProcess:  # for example an autovacuum process that has just ended
        return 0.0
