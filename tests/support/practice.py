"""A clinic for tests of the engine: its users, leads and steps, the broker and the clock.

watch         the clock, stopped on Tuesday, 10 March 2026, 11:00 in New York: `watch.advance(hours=24)`
practice      an open clinic in New York with one person of each role: `practice.capture()`, `practice.run(Kind.REMIND)`
open_practice makes one more: `open_practice(timezone="Europe/Berlin")`
smtp          a server that the application's mail goes to, see tests/support/smtp.py
configure     sets settings for one test: `configure(smtp_timeout=0.3)`
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from types import SimpleNamespace
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest
import time_machine
from sqlalchemy import select, text

from app.clock import now
from app.config import get_settings
from app.core.db import insert_many, new_id, transaction
from app.core.telemetry import logs
from app.engine.models import PENDING, Kind, Step
from app.identity.actor import Actor
from app.identity.clinics import load_context
from app.identity.models import Role, User
from app.identity.permissions import ROLE_GRANTS
from app.leads.activities.service import log_activity
from app.leads.attribution.models import LeadSource
from app.leads.capture.capture import capture_lead
from app.leads.models import Lead
from app.leads.pipeline import closing
from app.leads.pipeline.stages import change_stage
from app.leads.privacy.models import LegalHold
from app.leads.timeline.models import Activity
from app.messaging.channels import email
from app.messaging.contact_policy import opt_outs
from app.messaging.inbound.models import InboundEmail
from app.messaging.models import Notification
from app.ops.embedded import Postgres
from app.security.encrypted_fields import decrypt_fields, encrypt_row
from app.tasks import service as tasks
from tests.support.clinics import new_clinic
from tests.support.gateway import Gateway
from tests.support.servers import connection_past_all_checks
from tests.support.smtp import SmtpServer
from workers import runner
from workers.pipeline.due_steps.low_water_mark import mark_of
from workers.pipeline.external_calls.read_ahead import read_ahead_of

NEW_YORK = ZoneInfo("America/New_York")
TUESDAY = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)  # 11:00 in New York, which has been on daylight time since Sunday
HIRED = [role for role in Role if role is not Role.SALES]  # who would take turns with the coordinator
_numbers = count(1)


def at(wall: str, zone: ZoneInfo = NEW_YORK) -> datetime:
    """Return the instant of a local time."""
    return datetime.fromisoformat(wall).replace(tzinfo=zone).astimezone(UTC)


@dataclass
class Watch:
    """A fixed clock for the whole process."""

    _traveller: time_machine.Traveller

    def set(self, instant: datetime) -> None:
        self._traveller.move_to(instant, tick=False)

    def advance(self, **by: float) -> None:
        """Advance by `seconds`, `minutes`, `hours` or `days`."""
        self._traveller.shift(timedelta(**by))


@dataclass
class Practice:
    """A clinic and its users. Each method has its own transaction."""

    clinic_id: UUID
    source_id: UUID
    people: Mapping[Role, UUID] = field(default_factory=dict)

    def actor(self, role: Role = Role.CLINIC_ADMIN) -> Actor:
        """That person, who knows the clinic as it is now."""
        with transaction() as session:
            clinic = load_context(session, self.clinic_id)
        return Actor(clinic, self.people[role], str(role), role, permissions=ROLE_GRANTS[role])

    def capture(self, **given: Any) -> UUID:
        """Create a lead of the coordinator."""
        number = next(_numbers)
        person = {"first_name": "Mia", "last_name": "Keller", "email": f"mia{number}@lead.example"}
        data = {**person, "phone": "+12125550143", "source_id": self.source_id, **given}
        with transaction() as session:
            lead_id: UUID = capture_lead(session, self.actor(), data).id
        return lead_id

    def log(self, lead_id: UUID, type: str = "PHONE_CALL", **given: Any) -> UUID:  # noqa: A002
        """Log an activity, by default an unanswered outbound call."""
        data = {"type": type, **({"outcome": "no_answer"} if type == "PHONE_CALL" else {}), **given}
        with transaction() as session:
            return log_activity(session, self.actor(), lead_id, data).id

    def fail_to_reach(self, lead_id: UUID, times: int = 3) -> None:
        for _ in range(times):
            self.log(lead_id)

    def speak_with(self, lead_id: UUID) -> None:
        self.log(lead_id, outcome="spoke")

    def hear_from(self, lead_id: UUID) -> None:
        self.log(lead_id, "EMAIL", direction="INBOUND")

    def opt_out(self, lead_id: UUID) -> None:
        with transaction() as session:
            opt_outs.opt_out(session, self.actor(), lead_id)

    def convert(self, lead_id: UUID) -> None:
        with transaction() as session:
            closing.convert(session, self.actor(), lead_id)

    def lose(self, lead_id: UUID) -> None:
        with transaction() as session:
            closing.lose(session, self.actor(), lead_id, {"reason": "NO_RESPONSE"})

    def move(self, lead_id: UUID, stage: str, **given: Any) -> None:
        with transaction() as session:
            change_stage(session, self.actor(), lead_id, {"stage": stage, **given})

    def plan(self, lead_id: UUID, due_at: datetime, **given: Any) -> UUID:
        """Create a task of the coordinator, who plans it: nobody needs a notice of it."""
        data = {"title": "Call back", "type": "CALL", "priority": "NORMAL", "due_at": due_at, **given}
        with transaction() as session:
            return tasks.create_task(session, self.actor(Role.TREATMENT_COORDINATOR), lead_id, data).id

    def retime(self, task_id: UUID, due_at: datetime) -> None:
        with transaction() as session:
            tasks.update_task(session, self.actor(), task_id, {"due_at": due_at})

    def complete(self, task_id: UUID) -> None:
        with transaction() as session:
            tasks.complete(session, self.actor(), task_id)

    def cancel(self, task_id: UUID) -> None:
        with transaction() as session:
            tasks.cancel(session, self.actor(), task_id, {})

    def steps(self, lead_id: UUID | None = None, **only: Any) -> list[Any]:
        """Return the steps of the clinic or of one lead with these values, by due time."""
        found = self.rows("steps", **({} if lead_id is None else {"lead_id": lead_id}), **only)
        return sorted(found, key=lambda step: (step.due_at, step.id))

    def step(self, lead_id: UUID | None = None, **only: Any) -> Any:
        [step] = self.steps(lead_id, **only)
        return step

    def pending(self, lead_id: UUID | None = None) -> list[Any]:
        return [step for step in self.steps(lead_id) if step.state in PENDING]

    def rows(self, table: str, *, by: str = "id", **only: Any) -> list[Any]:
        """Return the clinic's rows of a table with these values, decrypted, ordered by a column."""
        tests = "".join(f" AND {name} = :{name}" for name in only)
        statement = f"SELECT * FROM {table} WHERE clinic_id = :clinic{tests} ORDER BY {by}"
        found, model = sql(statement, clinic=self.clinic_id, **only), _SEALED.get(table)
        if model is not None:
            for row in found:
                vars(row).update(decrypt_fields(model, row.id, row.sealed))
        return found

    def row(self, table: str, **only: Any) -> Any:
        [row] = self.rows(table, **only)
        return row

    def run(self, kind: str, *steps: Any) -> int:
        """Run what a message with these steps would, as a worker does."""
        return runner.run(kind, [step.id for step in steps])

    def run_due(self) -> None:
        """Run all that is due, and what follows from it at once, as workers do; messages are left unsent."""
        while due := sql(_DUE, clinic=self.clinic_id, pending=_PENDING, now=now(), sent=_SENT):
            for kind in sorted({step.kind for step in due}):
                self.run(kind, *[step for step in due if step.kind == kind])

    def run_all(self) -> None:
        """Run all that is due as `run_due` does, and take each message as sent at once, without a provider."""
        self.run_due()
        sent = "state = 'sent', sent_at = created_at, handed_over_at = created_at"
        sql(f"UPDATE notifications SET {sent} WHERE clinic_id = :c AND state = 'pending'", c=self.clinic_id)

    def rehire(self, **columns: Any) -> None:
        """Change all its people's rows."""
        sets = ", ".join(f"{name} = :{name}" for name in columns)
        sql(f"UPDATE users SET {sets} WHERE clinic_id = :clinic", clinic=self.clinic_id, **columns)

    def change_rule(self, slug: str, **columns: Any) -> None:
        """Change a rule's row, as whoever edits rules will: from the commit on, no process uses the old ones."""
        sets = ", ".join(f"{name} = :{name}" for name in columns)
        known = {"clinic": self.clinic_id, "slug": slug}
        sql(f"UPDATE rules SET {sets} WHERE clinic_id = :clinic AND slug = :slug", **columns, **known)
        sql("UPDATE clinics SET rules_version = rules_version + 1 WHERE id = :clinic", clinic=self.clinic_id)

    def fill(self, leads: int, kind: str, *, due_at: datetime, **step: Any) -> list[UUID]:
        """Insert leads with one step each and return the ids of the steps."""
        lead_rows = [self._lead_row() for _ in range(leads)]
        step_rows = [{**_step_row(row, kind, due_at), **step} for row in lead_rows]
        with transaction() as session:
            insert_many(session, Lead, [encrypt_row(Lead, row) for row in lead_rows])
            insert_many(session, Step, step_rows)
        return [row["id"] for row in step_rows]

    def _lead_row(self) -> dict[str, Any]:
        id = new_id()  # noqa: A001
        names = {"first_name": "Mia", "last_name": "Keller"}
        return {
            **{name: now() for name in ("created_at", "updated_at", "last_activity_at", "stage_entered_at")},
            **names,
            **{f"patient_{name}": value for name, value in names.items()},
            "id": id,
            "clinic_id": self.clinic_id,
            "source_id": self.source_id,
            "assigned_to_id": self.people[Role.TREATMENT_COORDINATOR],
            "email": f"{id}@lead.example",
            "status": "NEW",
            "pipeline_stage": "new_lead",
            "patient_relationship": "SELF",
            "preferred_contact": "PHONE",
            "treatment_interest": [],
            "failed_attempts": 0,
            "version": 1,
        }


_DUE = """
SELECT id, kind FROM steps
WHERE clinic_id = :clinic AND state = ANY(:pending) AND due_at <= :now AND kind <> ALL(:sent) ORDER BY due_at, id
"""
_PENDING = sorted(map(str, PENDING))
_SENT = [str(kind) for kind in (Kind.DELIVER, Kind.DELIVER_TO_USER, Kind.DELIVER_ACCOUNT_EMAIL)]
_SEALED: Mapping[str, Any] = {
    model.__tablename__: model for model in (Lead, Activity, Notification, InboundEmail, LegalHold)
}

# What a step of a kind needs to be run, for those that are written without an event.
PARAMS: Mapping[str, Mapping[str, Any]] = {
    Kind.CREATE_TASK: {"type": "CALL", "title": "Initial Contact", "task_due_at": "2026-04-01T12:00:00+00:00"},
    Kind.ESCALATE: {"title": "No contact", "channels": ["in_app", "email"], "template": "escalation"},
    Kind.SEND_MESSAGE: {"channel": "email", "template": "break-up-email"},
    Kind.SUGGEST_LOST: {"reason": "NO_RESPONSE"},
}


def _step_row(lead: Mapping[str, Any], kind: str, due_at: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "clinic_id": lead["clinic_id"],
        "lead_id": lead["id"],
        "kind": kind,
        "name": "by-hand",
        "cause": {"event": "test"},
        "params": PARAMS.get(kind, {}),
        "guard": None,
        "stop_on": [],
        "due_at": due_at,
        "state": "published",
        "published_at": now(),
        "attempts": 0,
        "created_at": now(),
    }


def sql(statement: str, **values: Any) -> list[Any]:
    """Look into, or change, the database behind everybody's back; in a transaction of its own."""
    with transaction() as session:
        result = session.execute(text(statement), values)
        return [SimpleNamespace(**row) for row in result.mappings()] if result.returns_rows else []


@pytest.fixture
def watch() -> Iterator[Watch]:
    runner.turns_of.cache_clear()  # scans may begin at marks of another test
    mark_of.cache_clear()
    read_ahead_of.cache_clear()
    with time_machine.travel(TUESDAY, tick=False) as traveller:
        yield Watch(traveller)


@pytest.fixture
def open_practice(
    clean_database: None, clean_broker: None, postgres: Postgres, watch: Watch
) -> Callable[..., Practice]:
    logs.configure()  # as a worker does: structlog's own way to print a crash takes seconds
    return partial(_open_practice, connection_past_all_checks(postgres))


@pytest.fixture
def practice(open_practice: Callable[..., Practice]) -> Practice:
    return open_practice()


@pytest.fixture
def configure() -> Iterator[Callable[..., None]]:
    with settings_kept():
        yield set_settings


def set_settings(**settings: object) -> None:
    """Change settings of this process."""
    os.environ.update({name.upper(): str(value) for name, value in settings.items()})
    _forget_settings()


@contextmanager
def settings_kept() -> Iterator[None]:
    """Restore all settings when the context ends."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)
    _forget_settings()


@contextmanager
def no_answer(server: Gateway) -> Iterator[None]:
    """Let calls of the server time out soon until the context ends."""
    server.hang()
    with settings_kept():
        set_settings(outgoing_timeout=0.3)
        yield
    server.hang_up()


@pytest.fixture
def smtp(configure: Callable[..., None]) -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        configure(smtp_url=server.url, retry_base_seconds=10)
        yield server


def _forget_settings() -> None:
    get_settings.cache_clear()
    email.reset_connection()


def _open_practice(
    owner: psycopg.Connection[Any],
    *,
    timezone: str = "America/New_York",
    region: str = "US",
    playbook: str | None = None,
) -> Practice:
    slug = f"practice-{next(_numbers)}"
    kind = {"name": "Bright Smiles", "timezone": timezone, "region": region, "playbook_text": playbook}
    clinic_id = new_clinic(owner, slug, **kind)
    people = {role: _person(clinic_id, role, f"{role}@{slug}.example") for role in HIRED}
    with transaction() as session:
        insert_many(session, User, list(people.values()))
        source = session.scalars(select(LeadSource.id).where(LeadSource.clinic_id == clinic_id).limit(1)).one()
    return Practice(clinic_id, source, {role: user["id"] for role, user in people.items()})


def _person(clinic_id: UUID, role: Role, email: str) -> dict[str, Any]:
    # Not through the service: nobody signs in here, and its hashes take their time on purpose.
    return {
        "id": new_id(),
        "clinic_id": clinic_id,
        "email": email,
        "name": str(role).replace("_", " ").title(),
        "role": role,
        "password_hash": "none",
        "is_active": True,
        "created_at": now(),
        "version": 1,
    }
