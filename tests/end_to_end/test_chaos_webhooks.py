"""The receiver of webhooks and the worker are killed during the calls. Every event arrives."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.clock import now
from app.core.db import transaction
from app.engine.service import record
from app.identity.clinics import load_context
from app.leads.events import lead_event
from app.leads.models import Lead
from app.ops.embedded import free_port
from tests.support.chaos import Scene, ready
from tests.support.environment import ROOT
from tests.support.practice import sql
from tests.support.processes import wait_until

EVENTS = 500
SECONDS_PER_CALL = "0.1"


@dataclass
class Receiver:
    """A receiver in a process of its own, which is killed without notice. `ids` are those of the calls it received."""

    file: Path
    port: int
    _process: subprocess.Popen[bytes] | None = None

    @property
    def ids(self) -> list[str]:
        return self.file.read_text().split() if self.file.exists() else []

    def start(self) -> None:
        command = [sys.executable, "-m", "bench.webhook_receiver", str(self.port), str(self.file), SECONDS_PER_CALL]
        self._process = subprocess.Popen(command, cwd=ROOT)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@pytest.fixture
def receiver(scene: Scene, tmp_path: Path) -> Iterator[Receiver]:
    receiver = Receiver(tmp_path / "received", free_port())
    scene.env |= {"OUTGOING_ALLOW": f"127.0.0.1:{receiver.port}"}
    receiver.start()
    yield receiver
    receiver.kill()


def record_events(lead_id: str) -> None:
    with transaction() as session:
        lead = session.get_one(Lead, UUID(lead_id))
        events = (lead_event("custom.tick", lead, now(), key=str(number)) for number in range(EVENTS))
        record(session, load_context(session, lead.clinic_id), *events)


def deliveries() -> list[Any]:
    return sql("SELECT id, state FROM webhook_deliveries")


def test_no_event_is_lost_when_receiver_and_worker_are_killed(scene: Scene, receiver: Receiver) -> None:
    scene.start_beat()
    scene.start_worker("steps,sweeps", concurrency=1)
    worker = scene.start_worker("webhooks")
    clinic = scene.open()
    body = {"url": f"http://127.0.0.1:{receiver.port}/hook", "events": ["custom.tick"]}
    hook = clinic.post("/api/webhooks", body).json()
    [lead] = clinic.capture(1)
    ready(worker)
    record_events(lead.id)
    wait_until(lambda: len(receiver.ids) >= 50, 60, "the first calls")
    receiver.kill()
    worker.kill()
    assert len(set(receiver.ids)) < EVENTS

    receiver.start()
    ready(scene.start_worker("webhooks"))
    answer = clinic.post(f"/api/webhooks/{hook['id']}/test")  # else the endpoint may be paused for a while
    assert answer.status_code == 202, answer.text
    wait_until(lambda: {row.state for row in deliveries()} == {"delivered"}, 90, "all deliveries")
    assert {str(row.id) for row in deliveries()} == set(receiver.ids)
    assert len(deliveries()) == EVENTS + 1
    unfinished = "SELECT id FROM steps WHERE state IN ('failed', 'unknown')"
    assert sql(unfinished) == []
