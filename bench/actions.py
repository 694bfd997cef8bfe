"""Benchmark actions inside Relance, run in a separate process with Relance's settings."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from app import clock
from app.automation.playbooks.onboarding import open_clinic
from app.core.db import insert_many, new_id, transaction
from app.engine.models import BegunBy, Kind
from app.engine.service import add_steps, step_row
from app.engine.steps.publish import WakeUp, send
from app.identity.models import Role, SignIn, User
from app.identity.service import create_user
from app.identity.sign_in.tokens import write_access
from app.leads.attribution.models import LeadSource
from app.leads.models import Lead
from app.security.encrypted_fields import encrypt_row
from bench.application import COORDINATOR_PASSWORD, MINUTE, lead_rows

CHUNK = 5_000


def open_bench_clinic(params: dict[str, Any]) -> dict[str, Any]:
    """Create a clinic with a coordinator and an access token."""
    slug = params.get("slug", "bench")
    with transaction() as session:
        clinic = open_clinic(session, name="Bench", slug=slug, timezone="UTC", region="US")
        if not params["rules"]:
            session.execute(text("UPDATE rules SET active = false"))
        role = Role.TREATMENT_COORDINATOR
        user = create_user(
            session, clinic.id, email=f"ada@{slug}.example", name="Ada", role=role, password=COORDINATOR_PASSWORD
        )
        sign_in = SignIn(
            user_id=user.id, refresh_id=new_id(), created_at=clock.now(), expires_at=clock.now() + 600 * MINUTE
        )
        session.add(sign_in)
        source = session.scalars(select(LeadSource).where(LeadSource.clinic_id == clinic.id).limit(1)).one()
        session.flush()
        ids = {"clinic_id": clinic.id, "user_id": user.id, "source_id": source.id}
        return {**ids, "token": write_access(user.id, sign_in.id, new_id())}


def hire(params: dict[str, Any]) -> list[str]:
    """Create users of a clinic. Returns an access token of each."""
    at, role = clock.now(), Role.TREATMENT_COORDINATOR
    users = [
        User(clinic_id=UUID(params["clinic_id"]), email=f"{new_id()}@bench.example", name="Ada", role=role)
        for _ in range(params["users"])
    ]
    with transaction() as session:
        for user in users:
            user.password_hash, user.created_at, user.is_active = "none", at, True
        session.add_all(users)
        session.flush()
        sign_ins = [
            SignIn(user_id=user.id, refresh_id=new_id(), created_at=at, expires_at=at + 600 * MINUTE) for user in users
        ]
        session.add_all(sign_ins)
        session.flush()
        return [write_access(one.user_id, one.id, new_id()) for one in sign_ins]


def enqueue(params: dict[str, Any]) -> int:
    """Add a create_task step for each job and publish them in batches. Returns the number of messages."""
    at = clock.now()
    jobs = [(UUID(lead_id), datetime.fromisoformat(due_at)) for lead_id, due_at in params["jobs"]]
    rows = [create_task_step(params["clinic"], lead_id, due_at) for lead_id, due_at in jobs]
    for start in range(0, len(jobs), CHUNK):
        with transaction() as session:
            insert_many(
                session,
                Lead,
                [
                    encrypt_row(Lead, row)
                    for row in lead_rows([lead_id for lead_id, _ in jobs[start : start + CHUNK]], params["clinic"], at)
                ],
            )
            add_steps(session, rows[start : start + CHUNK])
            session.info.clear()  # all are published below at once, so that each run sends the same messages
    with transaction() as session:
        session.execute(text("UPDATE steps SET state = 'published', published_at = now() WHERE state = 'planned'"))
        session.info.clear()
    return send([WakeUp(row["id"], Kind.CREATE_TASK, row["name"], row["due_at"], row["clinic_id"]) for row in rows])


def create_task_step(clinic: Mapping[str, Any], lead_id: UUID, due_at: datetime) -> dict[str, Any]:
    """Return the row of a create_task step."""
    return step_row(
        UUID(clinic["clinic_id"]),
        lead_id,
        kind=Kind.CREATE_TASK,
        name="speed-to-lead",
        cause={"event": "bench"},
        begun_by=BegunBy.RULE,
        params={
            "title": "Initial Contact",
            "type": "CALL",
            "priority": "URGENT",
            "task_due_at": (due_at + 5 * MINUTE).isoformat(),
        },
        due_at=due_at,
    )
