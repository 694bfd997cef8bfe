"""Web applications in the benchmark. The minimal one is served exactly like Relance."""

import json
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from typing import Protocol

import psycopg

from app.ops.embedded import free_port
from bench.peers.bare_flask import SCHEMA
from bench.processes import Processes, python
from bench.servers import Servers
from bench.waiting import wait_until

HOST = "127.0.0.1"
START_SECONDS = 60.0


class WebApplication(Protocol):
    """A web application that creates leads. The methods are called in this order, once per run."""

    name: str
    path: str  # the path for creating leads, "/api/leads"

    def start(self, *, workers: int, threads: int) -> int:
        """Start without leads, serve on 127.0.0.1, and return the port when it responds."""

    def headers(self) -> Mapping[str, str]:
        """Return the headers of each request: content type, authorization."""

    def body(self, number: int) -> str:
        """Return the JSON of the lead with this number. Each number is a different person."""

    def stored(self) -> int:
        """Return the number of committed leads."""

    def cpu_seconds(self) -> float:
        """Return the CPU seconds that its processes have used."""

    def stop(self) -> None:
        """Stop it. After a failure this may be called before it was started."""


class BareFlask:
    """Flask with one INSERT and one commit: no validation, no authentication, no planning."""

    name = "bare Flask, one INSERT and commit"
    path = "/leads"

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._processes = Processes(servers.folder / "bare_flask.log")

    def start(self, *, workers: int, threads: int) -> int:
        url = self._servers.fresh_database()
        with psycopg.connect(url) as connection:
            connection.execute(SCHEMA)
        env = {"BENCH_DATABASE_URL": url, "WEB_WORKERS": str(workers), "WEB_THREADS": str(threads)}
        return serve("bench.peers.bare_flask:app", self._processes, env)

    def headers(self) -> Mapping[str, str]:
        return {"Content-Type": "application/json"}

    def body(self, number: int) -> str:
        return json.dumps(
            {
                "first_name": "Ada",
                "last_name": f"Lovelace {number}",
                "email": f"ada.{number}@example.com",
                "phone": f"+1415{number:07d}",
                "treatment_interest": "INVISALIGN",
                "notes": "Asked for an appointment in the afternoon.",
            }
        )

    def stored(self) -> int:
        with psycopg.connect(self._servers.database_url()) as connection:
            return int(connection.execute("SELECT count(*) FROM bench_leads").fetchall()[0][0])

    def cpu_seconds(self) -> float:
        return self._processes.cpu_seconds()

    def stop(self) -> None:
        self._processes.stop()


def serve(application: str, processes: Processes, env: Mapping[str, str]) -> int:
    """Serve a WSGI application with Relance's gunicorn.conf.py. Returns its port when it responds."""
    port = free_port()
    processes.start(python("-m", "gunicorn", application), {"PORT": str(port), **env})

    def answers() -> bool:
        processes.check()
        return _answers_http(port)

    wait_until(answers, application, timeout=START_SECONDS)
    return port


def _answers_http(port: int) -> bool:
    """Whether a worker responds, with any status. The port is open before any worker has started."""
    connection = HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status > 0
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
