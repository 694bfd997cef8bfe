"""A clinic with users of each role that call the API.

desk          an open clinic: `desk.coordinator.post("/api/leads", {...})`, `desk.capture()`, `desk.rows("leads")`
other_desk    another clinic, with its own users and sources
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from app import create_app
from app.clock import now
from app.core.db import insert_many, new_id, transaction
from app.identity.actor import Actor
from app.identity.clinics import load_context
from app.identity.models import Role, SignIn, User
from app.identity.permissions import ROLE_GRANTS
from app.identity.sign_in.tokens import write_access
from app.leads.models import Lead
from app.ops.embedded import Postgres
from tests.support.clinics import new_clinic
from tests.support.documented_statuses import require_documented_status
from tests.support.servers import connection_past_all_checks

_numbers = count(1)
_OWN = {"id", "sealed"}  # of each row alone
_COPIED = ", ".join(c.name for c in Lead.__table__.columns if c.name not in _OWN and c.computed is None)


@dataclass
class Answer:
    """An HTTP response."""

    status: int
    body: Any
    headers: Any

    @property
    def pointers(self) -> list[str]:
        """Return the JSON pointers of the errors of a 422."""
        assert self.status == 422, self.body
        return sorted(error["pointer"] for error in self.body["errors"])


@dataclass
class Caller:
    """A user or program that calls the API."""

    client: FlaskClient
    token: str
    actor: Actor

    @property
    def id(self) -> str:
        return str(self.actor.user_id)

    def get(self, path: str, *, seen: str | None = None, prefer: str | None = None, **query: Any) -> Answer:
        """`seen` is the ETag of what the caller has, for If-None-Match; `prefer` goes into the header Prefer."""
        given = {"If-None-Match": seen, "Prefer": prefer}
        headers = {name: value for name, value in given.items() if value is not None}
        return self._send("GET", path, headers=headers, query_string=query)

    def post(self, path: str, body: Any = None, *, key: str | None = None, seen: str | None = None) -> Answer:
        """`key` goes into the header Idempotency-Key, `seen` into If-Match."""
        given = {"Idempotency-Key": key, "If-Match": seen}
        headers = {name: value for name, value in given.items() if value is not None}
        return self._send("POST", path, headers=headers, **({} if body is None else {"json": body}))

    def put(self, path: str, body: Any, *, seen: str | None = "*") -> Answer:
        """`seen` is the ETag of what is edited, for If-Match; by default whatever it is by now."""
        return self._send("PUT", path, headers={} if seen is None else {"If-Match": seen}, json=body)

    def patch(self, path: str, body: Any, *, seen: str | None = "*") -> Answer:
        """`seen` is the ETag of what is edited, for If-Match; by default whatever it is by now."""
        return self._send("PATCH", path, headers={} if seen is None else {"If-Match": seen}, json=body)

    def delete(self, path: str, *, seen: str | None = "*") -> Answer:
        """`seen` is the ETag of what is removed, for If-Match; by default whatever it is by now."""
        return self._send("DELETE", path, headers={} if seen is None else {"If-Match": seen})

    def every(self, path: str, **query: Any) -> list[Any]:
        """Return all items of all pages."""
        items: list[Any] = []
        while True:
            answer = self.get(path, **query)
            assert answer.status == 200, answer.body
            items += answer.body["items"]
            if answer.body["next_cursor"] is None:
                return items
            query["cursor"] = answer.body["next_cursor"]

    def _send(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **what: Any) -> Answer:
        headers = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        answer = self.client.open(path, method=method, headers=headers, **what)
        require_documented_status(self.client, method, path, answer.status_code)
        body = json.loads(answer.data) if answer.data and answer.is_json else answer.data or None
        return Answer(answer.status_code, body, answer.headers)


@dataclass
class Desk:
    """A clinic, in New York."""

    clinic_id: UUID
    client: Callable[[], FlaskClient]
    callers: dict[Role, Caller] = field(default_factory=dict)
    source_id: str = ""

    @property
    def front_desk(self) -> Caller:
        return self.caller(Role.FRONT_DESK)

    @property
    def coordinator(self) -> Caller:
        return self.caller(Role.TREATMENT_COORDINATOR)

    @property
    def admin(self) -> Caller:
        return self.caller(Role.CLINIC_ADMIN)

    @property
    def doctor(self) -> Caller:
        return self.caller(Role.DOCTOR)

    def caller(self, role: Role) -> Caller:
        """Return the only user of that role, created at the first call."""
        if role not in self.callers:
            self.callers[role] = self.hire(role)
        return self.callers[role]

    def hire(self, role: Role, name: str = "", *, is_active: bool = True) -> Caller:
        """Create another user and sign in."""
        number, made_at = next(_numbers), now()
        user = {
            "id": new_id(),
            "clinic_id": self.clinic_id,
            "email": f"{role}-{number}@clinic.example",
            "name": name or f"{role} {number}",
            "role": role,
            "password_hash": "none",
            "is_active": is_active,
            "created_at": made_at,
            "version": 1,
        }
        sign_in = {"id": new_id(), "user_id": user["id"], "refresh_id": new_id(), "created_at": made_at}
        sign_in["expires_at"] = made_at + timedelta(days=1)
        with transaction() as session:
            insert_many(session, User, [user], besides=(SignIn, [sign_in]))
            clinic = load_context(session, self.clinic_id)
        token = write_access(user["id"], sign_in["id"], new_id())
        grants = ROLE_GRANTS[role]
        who = Actor(clinic, user["id"], user["name"], role, permissions=grants, sign_in_id=sign_in["id"])
        return Caller(self.client(), token, who)

    def program(self, *scopes: str) -> Caller:
        """Return a program with an API key of the admin."""
        answer = self.admin.post("/api/api-keys", {"name": "A program", "scopes": list(scopes)})
        assert answer.status == 201, answer.body
        return Caller(self.client(), answer.body["key"], self.admin.actor)

    def lead_data(self, **more: Any) -> dict[str, Any]:
        """Return the request body of a new lead."""
        return {
            "first_name": "Ana",
            "last_name": "Ruiz",
            "phone": "(212) 555-0143",
            "source_id": self.source_id,
            **more,
        }

    def capture(self, **more: Any) -> dict[str, Any]:
        """Create a lead as the admin."""
        answer = self.admin.post("/api/leads", self.lead_data(**more))
        assert answer.status == 201, answer.body
        lead: dict[str, Any] = answer.body
        return {name: value for name, value in lead.items() if name not in {"duplicates", "hidden_duplicates"}}

    def plan(self, lead: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Create a task for the lead, due tomorrow."""
        due_at = (now() + timedelta(days=1)).isoformat()
        task = {"title": "Call back", "type": "CALL", "due_at": due_at, **more}
        answer = self.admin.post(f"/api/leads/{lead['id']}/tasks", task)
        assert answer.status == 201, answer.body
        made: dict[str, Any] = answer.body
        return made

    def multiply(self, lead: dict[str, Any], times: int) -> None:
        """Copy the lead `times` times, without addresses and steps."""
        self.sql(
            f"INSERT INTO leads (id, {_COPIED}) SELECT gen_random_uuid(), {_COPIED}"
            " FROM leads, generate_series(1, :times) WHERE id = :id",
            times=times,
            id=lead["id"],
        )

    def lead(self, lead: dict[str, Any]) -> dict[str, Any]:
        """Return the current lead."""
        found: dict[str, Any] = self.admin.get(f"/api/leads/{lead['id']}").body
        return found

    def timeline(self, lead: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the lead's activities."""
        return self.admin.every(f"/api/leads/{lead['id']}/activities")

    def steps(self, lead: dict[str, Any], **only: str) -> list[dict[str, Any]]:
        """Return the lead's steps with these values, by due time."""
        found = self.admin.every(f"/api/leads/{lead['id']}/automation")
        return [step for step in found if all(step[name] == value for name, value in only.items())]

    def sql(self, statement: str, **values: Any) -> list[Any]:
        """Execute SQL in the database, past the API."""
        with transaction() as session:
            result = session.execute(text(statement), values)
            return list(result) if result.returns_rows else []


@pytest.fixture
def desk(clean_database: None, clean_broker: None, postgres: Postgres) -> Desk:
    return _open_desk(postgres, "America/New_York", "US")


@pytest.fixture
def other_desk(desk: Desk, postgres: Postgres) -> Desk:
    return _open_desk(postgres, "Europe/Madrid", "ES")


@lru_cache(maxsize=1)
def the_app() -> Flask:
    """Return the application of this test process. Its OpenAPI description takes long to build."""
    return create_app()


def _open_desk(postgres: Postgres, timezone: str, region: str) -> Desk:
    owner, slug = connection_past_all_checks(postgres), f"clinic-{next(_numbers)}"
    clinic_id = new_clinic(owner, slug, name="A clinic", timezone=timezone, region=region)
    sources = owner.execute("SELECT id FROM lead_sources WHERE clinic_id = %s LIMIT 1", [clinic_id])
    [source_id] = sources.fetchone() or [None]
    return Desk(clinic_id, the_app().test_client, source_id=str(source_id))
