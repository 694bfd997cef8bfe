"""The Django peer in the capture benchmark: what engineers would build without Relance, with the same request."""

import json
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import psycopg

from bench.application import lead_body
from bench.processes import Processes, python, run
from bench.servers import Servers
from bench.web import WebApplication, serve

MESSAGES_PER_LEAD = 2
COUNTS = """
SELECT (SELECT count(*) FROM django_rest_lead),
    (SELECT count(DISTINCT lead_id) FROM django_rest_activity), (SELECT count(*) FROM django_rest_activity),
    (SELECT count(DISTINCT object_pk) FROM auditlog_logentry), (SELECT count(*) FROM auditlog_logentry)
"""


class IncompleteLeads(Exception):
    """A lead has not exactly one timeline row, one audit row and two messages."""


def web_applications(servers: Servers) -> list[WebApplication]:
    """Return the peer if the packages of the extra `bench` are installed."""
    needed = ("rest_framework", "rest_framework_simplejwt", "auditlog")
    return [DjangoRest(servers)] if all(find_spec(name) for name in needed) else []


class DjangoRest:
    """The same request in Django: sign-in, checks, duplicates, rotation, timeline, audit log, two ETA tasks."""

    name = "Django REST framework and Celery"
    path = "/api/leads"

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._processes = Processes(servers.folder / "django_rest.log")
        self._clinic: dict[str, Any] = {}

    def start(self, *, workers: int, threads: int) -> int:
        self._servers.flush_broker()
        env = {
            "BENCH_DATABASE_URL": self._servers.fresh_database(),
            "BENCH_BROKER_URL": self._servers.broker_url,
            "WEB_WORKERS": str(workers),
            "WEB_THREADS": str(threads),
        }
        self._clinic = json.loads(run(python("-m", "bench.peers.django_rest.prepare"), env=env))
        return serve("bench.peers.django_rest.wsgi:application", self._processes, env)

    def headers(self) -> Mapping[str, str]:
        return {"Content-Type": "application/json", "Authorization": f"Bearer {self._clinic['token']}"}

    def body(self, number: int) -> str:
        return json.dumps(lead_body(number, self._clinic["source_id"]))

    def stored(self) -> int:
        """Return the number of leads. Raises IncompleteLeads unless each has all its rows and messages once."""
        with psycopg.connect(self._servers.database_url()) as connection:
            counts = connection.execute(COUNTS).fetchall()[0]
        with self._servers.valkey.client() as client:
            messages = int(client.llen("celery"))
        leads = int(counts[0])
        if set(counts) != {leads} or messages != MESSAGES_PER_LEAD * leads:
            raise IncompleteLeads(f"{counts} rows, {messages} messages")
        return leads

    def cpu_seconds(self) -> float:
        """Return the CPU seconds that its processes have used."""
        return self._processes.cpu_seconds()

    def stop(self) -> None:
        self._processes.stop()
