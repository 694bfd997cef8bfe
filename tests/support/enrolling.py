"""Sequences of a practice: written as a playbook, gone through by the workers' own path."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import yaml

from app.automation.sequences.enrollments.enroll import EnrollmentResult, enroll
from app.clock import now
from app.core.db import transaction
from tests.support.practice import Practice

TEMPLATES = {
    slug: {"subject": "Hello", "body": "Hello {{ lead.first_name }}. {{ clinic.name }}"} for slug in ("one", "two")
}
MAIL = {"channel": "email", "template": "one"}
CALL = {"type": "CALL", "title": "Call them"}

# As the API takes it: two steps, of which nothing comes but time.
WAITING = {"name": "x", "steps": [{"name": name, "after": "1 day", "wait": {}} for name in ("one", "two")]}


def mail(name: str, after: Any = None, **more: Any) -> dict[str, Any]:
    """Return a step that sends a mail to the lead."""
    return {"name": name, **({} if after is None else {"after": after}), "send_message": MAIL, **more}


def call(name: str, after: Any = None, **more: Any) -> dict[str, Any]:
    """Return a step that creates a task."""
    settings = {**CALL, **({"wait_for": "completion"} if more.pop("waits", False) else {})}
    return {"name": name, **({} if after is None else {"after": after}), "create_task": settings, **more}


def sequence(*steps: Mapping[str, Any], name: str = "welcome", **parts: Any) -> dict[str, Any]:
    """Return a sequence of these steps."""
    return {"name": name, **parts, "steps": list(steps)}


def playbook(*sequences: Mapping[str, Any], rules: Any = (), **parts: Any) -> str:
    """Return a playbook of these sequences."""
    document = {"name": "ours", "templates": TEMPLATES, "sequences": list(sequences), "rules": list(rules), **parts}
    return yaml.safe_dump(document)


def put(practice: Practice, *leads: UUID, into: str = "welcome") -> list[EnrollmentResult]:
    """Enroll these leads by hand; what came of each."""
    actor = practice.actor()
    with transaction() as session:
        came = enroll(session, actor.clinic, into, {lead: {} for lead in leads}, at=now(), by=actor.user_id)
    return [came[lead] for lead in leads]


def way(practice: Practice, lead: UUID) -> Any:
    """Return the lead's only enrollment."""
    return practice.row("enrollments", lead_id=lead)


def came_by(practice: Practice, lead: UUID) -> list[tuple[str, str]]:
    """Return the steps of the lead's enrollments with their outcomes."""
    mine = {row.id for row in practice.rows("enrollments", lead_id=lead)}
    found = [row for row in practice.rows("enrollment_steps") if row.enrollment_id in mine]
    return [(row.step, row.reason or row.outcome) for row in found]
