"""The peers and the commands that start their workers. The README's table of peers is generated from this module."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.figures import Row

HUEY = "from huey.bin.huey_consumer import consumer_main; consumer_main()"
OBAN = "from bench.peers.oban_pg import work; work()"
POLL_SECONDS = "0.02"


@dataclass(frozen=True)
class Peer:
    """A queue for comparison. `workers`: the Python arguments of each worker command."""

    name: str
    package: str  # the distribution, to find its version
    module: str
    workers: tuple[tuple[str, ...], ...]
    settings: str
    keeps: str  # the durability of its jobs in a crash
    env: Mapping[str, str] = field(default_factory=dict)
    python: str = sys.executable
    needs_schema: bool = False


CELERY_WORKER = (
    *("-m", "celery", "-A", "bench.peers.raw_celery", "worker", "--loglevel=WARNING"),
    *("--without-gossip", "--without-mingle", "--without-heartbeat"),
)
CELERY_KEEPS = "a killed node's jobs come back after the visibility timeout (1 h); a flushed broker loses all"
PROCRASTINATE_WORKER = (
    *("-m", "procrastinate", "--app=bench.peers.procrastinate_pg.app", "worker"),
    *("--concurrency=16", f"--fetch-job-polling-interval={POLL_SECONDS}", "--delete-jobs=successful"),
)

PEERS = (
    Peer(
        name="raw Celery, ETA",
        package="celery",
        module="bench.peers.raw_celery",
        workers=((*CELERY_WORKER, "--pool=prefork", "--concurrency=2"),),
        settings="one node, prefork with 2 processes (its default and recommended pool); late acknowledgement, no "
        "result backend, no events, prefetch 64, timer precision 0.1 s; without gossip, mingle and heartbeat",
        keeps=CELERY_KEEPS,
    ),
    Peer(
        name="raw Celery, ETA, solo",
        package="celery",
        module="bench.peers.raw_celery",
        workers=tuple((*CELERY_WORKER, "--pool=solo", "-n", f"{name}@%h") for name in ("one", "two")),
        settings="the same with two nodes of the solo pool: no hand-over between processes, but a job blocks its node",
        keeps=CELERY_KEEPS,
    ),
    Peer(
        name="huey",
        package="huey",
        module="bench.peers.huey_redis",
        workers=(("-c", HUEY, "bench.peers.huey_redis.huey", "-w", "2", "-k", "process", "-s", "1", "-n", "-q"),),
        settings="2 worker processes; no results, no periodic tasks; scheduler every 1 s (its smallest)",
        keeps="a killed worker loses the job it runs; a flushed broker loses all",
    ),
    Peer(
        name="procrastinate",
        package="procrastinate",
        module="bench.peers.procrastinate_pg",
        workers=(PROCRASTINATE_WORKER, PROCRASTINATE_WORKER),
        settings=f"2 worker processes of 16 coroutines; LISTEN/NOTIFY, polls every {POLL_SECONDS} s (default 5 s), "
        "deletes what succeeded",
        keeps="all jobs are rows; a killed worker's jobs wait for a task of one's own that retries stalled ones",
        needs_schema=True,
    ),
    Peer(
        name="dramatiq",
        package="dramatiq",
        module="bench.peers.dramatiq_redis",
        workers=(("-m", "dramatiq", "bench.peers.dramatiq_redis", "--processes", "2", "--threads", "8"),),
        env={"dramatiq_worker_timeout": "20"},
        settings="2 processes of 8 threads (its default); "
        "looks for due messages every 20 ms (default 1 s); no metrics, no results",
        keeps="a killed worker's jobs come back after its heartbeat (60 s); a flushed broker loses all",
    ),
    Peer(
        name="Oban (Python)",
        package="oban",
        module="bench.peers.oban_pg",
        workers=(("-c", OBAN), ("-c", OBAN)),
        settings="2 worker processes of 40 coroutines, uvloop; LISTEN/NOTIFY, "
        f"stages every {POLL_SECONDS} s (default 1 s)",
        keeps="all jobs are rows; a killed worker's jobs are rescued after 5 minutes",
        python=os.environ.get("OBAN_PYTHON", sys.executable),
        needs_schema=True,
    ),
)


def split(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Split rows into those of peers, with raw Celery first, and those of Relance."""
    names = {peer.name for peer in PEERS}
    return [one for one in rows if one.name in names], [one for one in rows if one.name not in names]
