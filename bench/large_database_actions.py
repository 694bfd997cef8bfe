"""Actions inside Relance for scenarios with large databases: signed-in users, a sweep, a batch."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.automation.playbooks.onboarding import open_clinic
from app.core.db import new_id, transaction
from app.core.telemetry import logs
from app.engine.models import BegunBy, Kind
from app.engine.service import add_steps, step_row
from app.identity.models import Role, SignIn, User
from app.identity.sign_in.tokens import write_access
from app.leads.attribution.models import LeadSource
from bench.application import MINUTE
from workers import runner
from workers.sweeps import census, run

PAUSE = 0.3  # seconds between two calls of a sweep, so that each finds something
WARM_UP = 6  # calls after which PostgreSQL uses a generic plan
ROLES = (
    *(Role.TREATMENT_COORDINATOR, Role.TREATMENT_COORDINATOR, Role.TREATMENT_COORDINATOR),
    *(Role.FRONT_DESK, Role.CLINIC_ADMIN),
)


def open_clinics(params: dict[str, Any]) -> list[dict[str, Any]]:
    """Create clinics with five signed-in users each. Returns clinic_id, source_id, users (id and token) of each."""
    with transaction() as session:
        return [_open(session, number) for number in range(params["clinics"])]


def _open(session: Session, number: int) -> dict[str, Any]:
    clinic = open_clinic(session, name=f"Bench {number}", slug=f"bench-{number}", timezone="UTC", region="US")
    source_id = session.scalars(select(LeadSource.id).where(LeadSource.clinic_id == clinic.id).limit(1)).one()
    users = [_user(session, clinic.id, number, place) for place in range(len(ROLES))]
    return {"clinic_id": clinic.id, "source_id": source_id, "users": users}


def _user(session: Session, clinic_id: UUID, number: int, place: int) -> dict[str, Any]:
    at = clock.now()
    user = User(
        id=new_id(),
        clinic_id=clinic_id,
        email=f"user{place}@bench-{number}.example.com",
        name=f"User {place}",
        role=ROLES[place],
        password_hash="none",
        created_at=at,
    )
    sign_in = SignIn(id=new_id(), user_id=user.id, refresh_id=new_id(), created_at=at, expires_at=at + 600 * MINUTE)
    session.add(user)
    session.flush()
    session.add(sign_in)
    session.flush()
    return {"id": user.id, "token": write_access(user.id, sign_in.id, new_id())}


def time_sweep(params: dict[str, Any]) -> list[float]:
    """Return the milliseconds of each call of a sweep."""
    logs.configure()
    calls = WARM_UP + params["calls"]
    return [_milliseconds(lambda: run.sweep(params["sweep"]), pause=PAUSE) for _ in range(calls)][WARM_UP:]


def time_census(params: dict[str, Any]) -> list[float]:
    """Return the milliseconds of each census of the steps, without the wait for answers of workers."""
    logs.configure()
    return [_milliseconds(_count_steps) for _ in range(WARM_UP + params["calls"])][WARM_UP:]


def _count_steps() -> None:
    with transaction() as session:
        census.take_census(session)


def roll_up(_: dict[str, Any]) -> None:
    """Count the leads and tasks of past days and months for reports."""
    logs.configure()
    while run.sweep("roll_up_leads") or run.sweep("roll_up_tasks"):
        pass


def time_batches(params: dict[str, Any]) -> list[float]:
    """Return the milliseconds for a message of a hundred create_task steps, from claim to publication."""
    logs.configure()
    calls = WARM_UP + params["calls"]
    return [_time_batch(params["steps"]) for _ in range(calls)][WARM_UP:]


def _time_batch(count: int) -> float:
    runner.run(Kind.CREATE_TASK, [])  # run the steps that came due meanwhile, which are not part of this batch
    ids = _add_due(count)
    return _milliseconds(lambda: runner.run(Kind.CREATE_TASK, ids))


def _add_due(count: int) -> list[UUID]:
    at = clock.now()
    with transaction() as session:
        leads = session.execute(text("SELECT id, clinic_id FROM leads ORDER BY random() LIMIT :n"), {"n": count}).all()
        rows = [_due_step(lead.clinic_id, lead.id, at) for lead in leads]
        add_steps(session, rows)
        session.info.clear()  # publish nothing: the steps are run and timed here
    return [row["id"] for row in rows]


def _due_step(clinic_id: UUID, lead_id: UUID, at: datetime) -> dict[str, Any]:
    return step_row(
        clinic_id,
        lead_id,
        kind=Kind.CREATE_TASK,
        name="speed-to-lead",
        cause={"event": "bench"},
        begun_by=BegunBy.RULE,
        params={
            "title": "Initial Contact",
            "type": "CALL",
            "priority": "URGENT",
            "task_due_at": (at + 5000 * MINUTE).isoformat(),
        },
        due_at=at,
    )


def _milliseconds(work: Callable[[], object], *, pause: float = 0) -> float:
    time.sleep(pause)
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000
