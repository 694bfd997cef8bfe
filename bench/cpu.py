"""What PostgreSQL computes for those who are measured: of all figures the one that a busy machine spoils least."""

import psutil

from bench.servers import Servers


def database_seconds(servers: Servers) -> float:
    """Of all its sessions that are open. Take the difference while none of those that matter comes or goes."""
    sessions = psutil.Process(servers.postgres.pid()).children()
    return sum(sum(session.cpu_times()[:2]) for session in sessions)
