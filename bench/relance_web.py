"""Relance in the capture benchmark: `POST /api/leads` with all its work, without workers."""

import json
from collections.abc import Mapping
from typing import Any

import psycopg

from bench.application import begin, environment, lead_body
from bench.processes import Processes
from bench.servers import Servers
from bench.web import WebApplication, serve


def web_applications(servers: Servers) -> list[WebApplication]:
    return [RelanceApi(servers)]


class RelanceApi:
    """Authenticated and validated requests, each stored with two follow-up steps in one commit, and published."""

    name = "Relance, POST /api/leads"
    path = "/api/leads"

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._processes = Processes(servers.folder / "relance_web.log")
        self._clinic: dict[str, Any] = {}

    def start(self, *, workers: int, threads: int) -> int:
        self._clinic = begin(self._servers, rules=True)
        env = environment(self._servers, WEB_WORKERS=str(workers), WEB_THREADS=str(threads))
        return serve("app:create_app()", self._processes, env)

    def headers(self) -> Mapping[str, str]:
        return {"Content-Type": "application/json", "Authorization": f"Bearer {self._clinic['token']}"}

    def body(self, number: int) -> str:
        return json.dumps(lead_body(number, self._clinic["source_id"]))

    def stored(self) -> int:
        with psycopg.connect(self._servers.database_url()) as connection:
            return int(connection.execute("SELECT count(*) FROM leads").fetchall()[0][0])

    def cpu_seconds(self) -> float:
        """Return the CPU seconds that its processes have used."""
        return self._processes.cpu_seconds()

    def stop(self) -> None:
        self._processes.stop()
