"""The machine of the measurements, and the commit rate of its disk."""

import os
import platform
import sys
import time
import uuid
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
import psycopg

from bench.peers.catalog import PEERS
from bench.peers.effect import INSERT, SCHEMA, values_for
from bench.peers.peer import version_of
from bench.servers import Servers

COMMITS = 1_000
LIBRARIES = ("psycopg", "redis", "flask", "gunicorn")
DJANGO_LIBRARIES = ("django", "djangorestframework", "djangorestframework-simplejwt", "django-auditlog")


def describe(servers: Servers) -> dict[str, str]:
    """Return processor, memory, versions, settings, and the single-row commits per second of one connection."""
    return {
        "machine": f"{os.cpu_count()} x {_processor()}, {psutil.virtual_memory().total / 2**30:.0f} GB, "
        f"{platform.system()}",
        "python": sys.version.split()[0],
        "load average at the start": f"{os.getloadavg()[0]:.1f}",
        "commits/s on one connection": f"{_commits_per_second(servers):,.0f}",
        **servers.settings(),
        **{name: version(name) for name in LIBRARIES},
        **{name: _version_if_installed(name) for name in DJANGO_LIBRARIES},
        **{peer.package: version_of(peer) or "not installed" for peer in PEERS},
    }


def _version_if_installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _commits_per_second(servers: Servers) -> float:
    """Measure a loop without a queue: the upper limit for a worker that commits each job."""
    with psycopg.connect(servers.fresh_database(), autocommit=True) as connection:
        connection.execute(SCHEMA)
        started = time.perf_counter()
        for _ in range(COMMITS):
            connection.execute(INSERT, values_for(str(uuid.uuid4()), "2026-01-01T00:00Z"))
        return COMMITS / (time.perf_counter() - started)
