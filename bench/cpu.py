"""What PostgreSQL computes for those who are measured: of all figures the one that a busy machine spoils least."""

import psutil

from bench.servers import Servers


def database_seconds(servers: Servers) -> float:
    """As `seconds_of`, of the server of a benchmark."""
    return seconds_of(servers.postgres.pid())


def seconds_of(postmaster: int) -> float:
    """Of all its sessions that are open. Take the difference while none of those that matter comes or goes."""
    return sum(_seconds(session) for session in psutil.Process(postmaster).children())


def _seconds(session: psutil.Process) -> float:
    try:
        return float(sum(session.cpu_times()[:2]))
    except psutil.NoSuchProcess:  # an autovacuum that has just ended
        return 0.0
