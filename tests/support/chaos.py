"""A small deployment for crash tests: real processes with short times, rules with delays of seconds, calls over HTTP.

Fixture `scene`:

scene.env["HORIZON_SECONDS"] = "9"                          # for the processes that are started from now on
worker, beat = scene.start_worker("steps,sweeps"), scene.start_beat()
clinic = scene.open(call_task(), escalation("8 seconds"))   # a clinic, the API under gunicorn, its admin signed in
ready(worker)
answers = clinic.capture(100)                               # leads, by a few client threads
scene.results.wait_for({"speed-to-lead": 100});  scene.results.check()
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

import httpx
import pytest
import yaml
from sqlalchemy import select

from app.automation.playbooks.onboarding import open_clinic
from app.core.db import transaction
from app.identity.models import Role
from app.identity.service import create_user
from app.leads.attribution.models import LeadSource, SourceCategory
from app.ops.embedded import Postgres, Valkey
from tests.support.processes import Process, Processes
from tests.support.run_results import RunResults
from tests.support.smtp import SmtpServer

Rule: TypeAlias = dict[str, Any]

# The same order as in production (soft < hard < lease < visibility timeout > horizon), in seconds.
QUICK = {
    "HORIZON_SECONDS": "6",
    "REPUBLISH_AFTER_SECONDS": "2",
    "DRAIN_SECONDS": "2",
    "SMTP_TIMEOUT": "3",
    "SOFT_TIME_LIMIT": "8",
    "HARD_TIME_LIMIT": "10",
    "LEASE_SECONDS": "12",
    "VISIBILITY_TIMEOUT": "20",
    "RETRY_BASE_SECONDS": "0.5",
    "RETRY_CAP_SECONDS": "2",
}
PASSWORD = "seventeen-kites-above-lisbon"
TEMPLATES = {
    "told": {"subject": "About {{ lead.first_name }}", "body": "Hello {{ user.name }}, this is about a lead."},
    "hello": {"subject": "Hello {{ lead.first_name }}", "body": "We look forward to seeing {{ patient.first_name }}."},
}


def call_task(due: str = "2 hours") -> Rule:
    """Return a rule that creates a task at once, due after `due`."""
    task = {"type": "CALL", "title": "Initial Contact", "priority": "HIGH", "due": {"after": due}}
    return {"name": "speed-to-lead", "on": "lead.created", "do": [{"create_task": task}]}


def escalation(after: str) -> Rule:
    """Return a rule that escalates to the admins after the delay without contact: a task and an in-app message."""
    return _escalation("no-contact", "lead.created", after) | {
        "unless": [{"field": "lead.contacted_at", "exists": True}],
        "stop_on": ["lead.contacted", "lead.replied", "lead.converted", "lead.lost"],
    }


def overdue_escalation() -> Rule:
    """Return a rule that escalates when a task of `call_task` is overdue, but not an urgent task of an escalation."""
    ours = {"field": "task.priority", "equals": "HIGH"}
    return _escalation("overdue", "task.overdue", "0 seconds") | {"when": [ours]}


def reminder(before: str) -> Rule:
    """Return a rule that sends the assignee an in-app message before a task is due."""
    remind = {"remind": {"channels": ["in_app"], "template": "told"}}
    return {"name": "task-reminder", "on": "task.created", "before_due": before, "do": [remind]}


def mail_to_lead(after: str = "0 seconds") -> Rule:
    """Return a rule that sends an e-mail to the lead at any time of day."""
    message = {"channel": "email", "template": "hello", "transactional": True}
    return {"name": "welcome", "on": "lead.created", "after": after, "do": [{"send_message": message}]}


def _escalation(name: str, event: str, after: str) -> Rule:
    escalate = {"escalate": {"title": "Nobody called", "channels": ["in_app"], "template": "told"}}
    return {"name": name, "on": event, "after": after, "do": [escalate]}


@dataclass(frozen=True)
class Answer:
    """Result of a request that creates a lead. `id` is the lead's id, "" if none was created."""

    status: int
    id: str
    seconds: float


@dataclass(frozen=True)
class OpenClinic:
    """HTTP client of a clinic, with the token of its admin."""

    url: str
    token: str
    source_id: str

    def capture(self, number: int, *, threads: int = 4, start: int = 0, **more: Any) -> list[Answer]:
        """Create `number` leads, each with a numbered name and address."""
        with ThreadPoolExecutor(threads) as pool:
            shares = [range(start + thread, start + number, threads) for thread in range(threads)]
            parts = pool.map(partial(self._capture, more), shares)
            return [answer for part in parts for answer in part]

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        with self._client() as client:
            return client.post(path, json=body)

    def send(self, path: str, content: bytes, kind: str) -> httpx.Response:
        """POST a body with another content type than JSON."""
        with self._client() as client:
            return client.post(path, content=content, headers={"Content-Type": kind})

    def get(self, path: str, **query: Any) -> httpx.Response:
        with self._client() as client:
            return client.get(path, params=query)

    def lead_data(self, number: int, **more: Any) -> dict[str, Any]:
        names = {"first_name": "Ana", "last_name": f"Number {number}", "email": f"lead-{number}@example.org"}
        return {**names, "source_id": self.source_id, **more}

    def _capture(self, more: Mapping[str, Any], numbers: Iterable[int]) -> list[Answer]:
        with self._client() as client:
            return [_timed(client, self.lead_data(number, **more)) for number in numbers]

    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.token}"}, timeout=30)


@dataclass
class Scene:
    """Servers, processes and the results. `env` is added to the environment of every process."""

    postgres: Postgres
    valkey: Valkey
    processes: Processes
    env: dict[str, str] = field(default_factory=lambda: dict(QUICK))

    @property
    def results(self) -> RunResults:
        return RunResults(self.postgres)

    def open(self, *rules: Rule) -> OpenClinic:
        """Create a clinic with a coordinator and an admin, and start an API process."""
        return enter(self.processes.start_web(env=self.env).url, *rules)

    def start_worker(self, queues: str = "steps,sweeps", concurrency: int = 2, app: str = "workers.app") -> Process:
        """Start a worker without waiting. Start it before the API, then call `ready`."""
        return self.processes.start_worker(queues, concurrency=concurrency, env=self.env, wait=False, app=app)

    def start_beat(self) -> Process:
        return self.processes.start_beat(env=self.env)

    def waiting(self, queue: str = "steps") -> int:
        """Return the number of messages in a queue."""
        with self.valkey.client() as client:
            return int(client.llen(queue))  # type: ignore[arg-type]

    def held(self) -> int:
        """Return the number of messages that workers hold without acknowledgement."""
        with self.valkey.client() as client:
            return int(client.hlen("unacked"))  # type: ignore[arg-type]


def enter(url: str, *rules: Rule, name: str = "clinic", zone: str = "Europe/Madrid") -> OpenClinic:
    """Create a clinic in this process's database and sign in its admin at the API."""
    source_id = _make_clinic(rules, name, zone)
    login = {"email": f"admin@{name}.example", "password": PASSWORD}
    answer = httpx.post(f"{url}/api/auth/login", json=login, timeout=30)
    assert answer.status_code == 200, answer.text
    return OpenClinic(url, answer.json()["access_token"], source_id)


def ready(*workers: Process) -> None:
    """Wait until the workers receive messages."""
    for worker in workers:
        worker.wait_for(" ready.")


@pytest.fixture
def scene(clean_database: None, clean_broker: None, postgres: Postgres, valkey: Valkey, processes: Processes) -> Scene:
    return Scene(postgres, valkey, processes)


@pytest.fixture
def mail_server(scene: Scene) -> Iterator[SmtpServer]:
    """SMTP server of the scene's workers."""
    with SmtpServer() as server:
        scene.env["SMTP_URL"] = server.url
        yield server


def _make_clinic(rules: Iterable[Rule], name: str, zone: str) -> str:
    playbook = yaml.safe_dump({"name": "chaos", "rules": list(rules), "templates": TEMPLATES})
    with transaction() as session:
        clinic = open_clinic(session, name="A clinic", slug=name, timezone=zone, region="ES", playbook_text=playbook)
        for who, role in (("admin", Role.CLINIC_ADMIN), ("coordinator", Role.TREATMENT_COORDINATOR)):
            create_user(session, clinic.id, email=f"{who}@{name}.example", name=who, role=role, password=PASSWORD)
        unused_by_rules = LeadSource.category == SourceCategory.OTHER
        return str(session.scalar(select(LeadSource.id).where(LeadSource.clinic_id == clinic.id, unused_by_rules)))


def _timed(client: httpx.Client, lead: Mapping[str, Any]) -> Answer:
    began = time.monotonic()
    response = client.post("/api/leads", json=lead)
    seconds = time.monotonic() - began
    if response.status_code != httpx.codes.CREATED:
        time.sleep(0.05)  # before the next request
        return Answer(response.status_code, "", seconds)
    return Answer(response.status_code, response.json()["id"], seconds)
