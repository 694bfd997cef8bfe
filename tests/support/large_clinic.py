"""Fixtures for query plans: a database with 30,000 leads and 300,000 steps, a planner connection and sample rows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text, update
from sqlalchemy.orm import Session

from app.core import db
from app.core.database import row_security
from app.core.db import insert_many, new_id, transaction
from app.identity.actor import Actor
from app.identity.models import Role, SignIn, Team, User
from app.identity.sign_in.tokens import write_access
from app.leads.models import Lead
from app.ops.embedded import Postgres, Valkey
from tests.support import large_database
from tests.support.desk import Caller, the_app
from tests.support.environment import database_url
from tests.support.plans import Statement, listening
from tests.support.practice import Practice, _open_practice, _person, set_settings, settings_kept
from tests.support.servers import copy_template

# The random data may have no lead without a next action of one coordinator.
_WITHOUT_NEXT_ACTION = text(
    "WITH chosen AS (UPDATE leads SET without_next_action_since = created_at WHERE id IN (SELECT id FROM leads"
    " WHERE assigned_to_id = :coordinator AND status = 'ACTIVE' ORDER BY id LIMIT 3) RETURNING id),"
    " closed AS (UPDATE lead_tasks AS t SET status = 'CANCELLED' FROM chosen WHERE t.lead_id = chosen.id)"
    " UPDATE steps AS s SET state = 'cancelled' FROM chosen WHERE s.lead_id = chosen.id"
)


@dataclass
class LargeClinic:
    """The largest clinic of the database, one of its coordinators and ids of sample rows."""

    database: str
    practice: Practice
    actor: Actor
    lead: UUID
    other: dict[str, Any] = field(default_factory=dict)


@pytest.fixture(scope="module")
def large(postgres: Postgres, valkey: Valkey) -> Iterator[LargeClinic]:
    name = "large_database"
    copy_template(postgres, name)
    with settings_kept():
        set_settings(database_url=database_url("relance_web", name))
        db.dispose()
        with postgres.connect(name) as owner:
            owner.execute("SET session_replication_role = replica")
            practices = [_create_large_practice(owner) for _ in range(5)]
            owner.execute("RESET session_replication_role")
            large_database.fill(owner)
        yield _read_samples(name, practices[0])
        db.dispose()
    db.dispose()
    with postgres.connect() as owner:
        owner.execute("DROP DATABASE large_database WITH (FORCE)")


def _create_large_practice(owner: psycopg.Connection[Any]) -> Practice:
    practice = _open_practice(owner)
    addresses = [f"coordinator{number}@{practice.clinic_id}.example" for number in range(20)]
    with transaction() as session:
        insert_many(session, User, [_person(practice.clinic_id, Role.TREATMENT_COORDINATOR, one) for one in addresses])
    return practice


def _read_samples(database: str, practice: Practice) -> LargeClinic:
    one = (
        "SELECT l.id, l.assigned_to_id, l.source_id FROM leads l"
        " JOIN lead_tasks t ON t.lead_id = l.id AND t.status = 'PENDING'"
        " WHERE l.clinic_id = :clinic AND l.status = 'ACTIVE' LIMIT 1 OFFSET 1000"
    )
    with transaction() as session:
        lead, coordinator, practice.source_id = session.execute(text(one), {"clinic": practice.clinic_id}).one()
        note = session.scalar(
            text(
                "SELECT n.id FROM notifications n JOIN leads l ON l.id = n.lead_id AND l.deleted_at IS NULL"
                " WHERE n.clinic_id = :clinic AND n.state = 'failed' LIMIT 1"
            ),
            {"clinic": practice.clinic_id},
        )
        failed = session.scalar(
            text("SELECT id FROM steps WHERE clinic_id = :clinic AND state = 'failed' AND kind <> 'deliver' LIMIT 1"),
            {"clinic": practice.clinic_id},
        )
        task = session.scalar(
            text("SELECT id FROM lead_tasks WHERE lead_id = :lead AND status = 'PENDING' LIMIT 1"), {"lead": lead}
        )
        due = session.scalars(text("SELECT id FROM steps WHERE state = 'published' AND due_at < now() LIMIT 50")).all()
        team = Team(clinic_id=practice.clinic_id, name="North", created_at=now(), updated_at=now())
        session.add(team)
        session.flush()
        session.execute(update(User).where(User.id == coordinator).values(team_id=team.id))
        reached = session.get_one(Lead, lead)
        reached.email, reached.phone = "mia7@lead.example", "+12125550143"
        session.execute(_WITHOUT_NEXT_ACTION, {"coordinator": coordinator})
        external = session.scalar(text("SELECT external_id FROM leads WHERE id = :lead"), {"lead": lead})
        duplicate = session.scalar(
            text("SELECT id FROM leads WHERE clinic_id = :clinic AND status = 'ACTIVE' AND id <> :lead LIMIT 1"),
            {"clinic": practice.clinic_id, "lead": lead},
        )
    admin = practice.actor()
    role, held = Role.CLINIC_ADMIN, admin.permissions
    actor = Actor(admin.clinic, coordinator, "Coordinator", role, permissions=held, team_id=team.id)
    with transaction() as session:
        gateway = session.scalar(
            text("SELECT min(id::text)::uuid FROM gateways WHERE clinic_id = :c"), {"c": practice.clinic_id}
        )
        session.execute(text("UPDATE notifications SET gateway_id = :g WHERE id = :n"), {"g": gateway, "n": note})
        enrolled = session.execute(
            text("SELECT id, lead_id, sequence_id FROM enrollments WHERE clinic_id = :c AND state = 'active' LIMIT 1"),
            {"c": practice.clinic_id},
        ).one()
        account = session.scalar(
            text("SELECT id FROM sending_accounts WHERE clinic_id = :c LIMIT 1"), {"c": practice.clinic_id}
        )
    known = {
        "note": note,
        "failed": failed,
        "task": task,
        "due": list(due),
        "external": external,
        "twin": duplicate,
        "gateway": gateway,
        "account": account,
        "enrolled": enrolled,
    }
    return LargeClinic(database, practice, actor, lead, known)


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def planner(large: LargeClinic, postgres: Postgres) -> Iterator[psycopg.Connection[Any]]:
    with postgres.connect(large.database) as connection:
        yield connection


def executed_statements(
    large: LargeClinic, planner: psycopg.Connection[Any], act: Callable[[Session, LargeClinic], object], *, role: str
) -> list[Statement]:
    """Return the statements that `act` executes, then roll back. Also set the planner's role and clinic."""
    planner.execute(f"SET ROLE {role}")  # type: ignore[arg-type]
    planner.execute("SELECT set_config('relance.clinic', %s, false)", [str(large.practice.clinic_id)])
    with transaction() as session:
        if role == row_security.ROLE:
            row_security.restrict_to_clinic(session, large.practice.clinic_id)
        with listening() as heard:
            act(session, large)
        session.rollback()
    return [statement for statement in heard if statement.is_explainable]


@pytest.fixture(scope="module")
def caller(large: LargeClinic) -> Caller:
    """The sample coordinator, signed in to the API."""
    user_id, until = large.actor.user_id, now() + timedelta(days=1)
    sign_in = SignIn(user_id=user_id, refresh_id=new_id(), created_at=now(), expires_at=until)
    with transaction() as session:
        session.add(sign_in)
        session.flush()
        token = write_access(user_id, sign_in.id, new_id())
    return Caller(the_app().test_client(), token, large.actor)
