"""What the steps of a batch need to know, loaded in a constant number of queries."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from app.automation.clinic import ClinicContext
from app.automation.models import Kind
from app.automation.rules import RuleSet
from app.automation.ruleset import rules_of
from app.identity.clinics import load_context
from app.identity.models import Role, User
from app.identity.roles import TAKES_LEADS
from app.leads.facts import lead_facts
from app.notifications.library import templates_of
from app.notifications.models import Channel, Notification, Way
from app.notifications.suppression_list import Address, find_suppressed
from app.notifications.templates import Wording
from app.sealed import open_rows
from app.tasks.facts import task_facts
from app.tasks.models import Task
from workers.claim import lead_of
from workers.gateways import NO_LINE, Line, lines_of


@dataclass(frozen=True, slots=True)
class Person:
    """A user of the clinic, as far as a step may tell or burden them."""

    id: UUID
    clinic_id: UUID
    name: str
    email: str
    role: str


@dataclass(frozen=True, slots=True)
class StepContext:
    """One step and all that its guard and its handler may ask."""

    step: Row[Any]
    now: datetime
    clinic: ClinicContext
    rules: RuleSet
    lead: Any  # a LeadView; None for kinds without a lead
    task: Row[Any] | None
    notification: Any  # its row, opened
    template: Wording | None
    people: Mapping[UUID, Person]  # the clinic's active users, in a stable order
    line: Line = NO_LINE  # the gateway that the step goes through
    may_be_written_to: bool = True  # the lead: it has not opted out, and its address is not suppressed

    @property
    def params(self) -> Mapping[str, Any]:
        """The step's own settings."""
        params: Mapping[str, Any] = self.step.params
        return params

    @property
    def rule_is_active(self) -> bool:
        """Whether the rule that planned the step still is; a step without one needs none."""
        slug = self.step.cause.get("rule")
        return slug is None or slug in self.rules.slugs

    def person(self, user_id: UUID | None) -> Person | None:
        """An active user of the clinic."""
        return self.people.get(user_id) if user_id else None

    @property
    def coordinator(self) -> Person | None:
        """Whose lead it is; by rotation while it is nobody's, or somebody's who is no longer there."""
        return self.person(self.lead.assigned_to_id) or self._by_rotation()

    @property
    def zones(self) -> tuple[ZoneInfo, ...]:
        """Where the lead may be; the clinic's own zone when nothing is known."""
        return (ZoneInfo(self.lead.timezone),) if self.lead.timezone else ()

    def _by_rotation(self) -> Person | None:
        coordinators = self.with_role(*TAKES_LEADS) or self.with_role(Role.CLINIC_ADMIN)
        return coordinators[self.step.lead_id.int % len(coordinators)] if coordinators else None

    def with_role(self, *roles: Role) -> list[Person]:
        """The clinic's active users of these roles, in a stable order."""
        return [person for person in self.people.values() if person.role in roles]

    def facts(self) -> dict[str, dict[str, Any]]:
        """The facts that a guard is checked against, as they are now."""
        # A message that is retried later gets another step: what happened since it was written counts all the same.
        since = self.notification.created_at if self.notification else self.step.created_at
        return {
            "lead": lead_facts(self.lead),
            "task": task_facts(self.task) if self.task else {},
            "since": {
                "contacted": bool(self.lead.contacted_at and self.lead.contacted_at > since),
                "replied": bool(self.lead.replied_at and self.lead.replied_at > since),
            },
        }


def load(session: Session, rows: Sequence[Row[Any]], *, now: datetime) -> list[StepContext]:
    """The contexts of claimed rows, in their order."""
    clinics = {row.clinic_id: load_context(session, row.clinic_id, row.rules_version) for row in rows}
    people = _people(session, clinics)
    tasks = _by_id(session, Task, _ids(rows, "task_id"))
    notifications = _by_id(session, Notification, _ids(rows, "notification_id"))
    templates = _templates(session, rows)
    lines = lines_of(session, rows, notifications, now=now)
    addresses = {row.id: _address(row, notifications.get(row.params.get("notification_id"))) for row in rows}
    suppressed = find_suppressed(session, [found for found in addresses.values() if found])
    rules = {clinic_id: rules_of(session, clinic) for clinic_id, clinic in clinics.items()}
    return [
        StepContext(
            step=row,
            now=now,
            clinic=clinics[row.clinic_id],
            rules=rules[row.clinic_id],
            lead=lead_of(row),
            task=tasks.get(row.params.get("task_id")),
            notification=notifications.get(row.params.get("notification_id")),
            template=templates.get((row.clinic_id, row.params.get("template"))),
            people=people[row.clinic_id],
            line=lines.get(row.id, NO_LINE),
            may_be_written_to=_may_be_written_to(lead_of(row)) and addresses[row.id] not in suppressed,
        )
        for row in rows
    ]


def bare(row: Row[Any], *, now: datetime) -> StepContext:
    """The context of a step of which no more is known than its row: enough to record that it failed."""
    nothing: Any = None
    return StepContext(
        step=row,
        now=now,
        clinic=nothing,
        rules=RuleSet(),
        lead=None,
        task=None,
        notification=None,
        template=None,
        people={},
    )


_TO_LEADS = (Kind.SEND_MESSAGE, Kind.DELIVER)


def _address(row: Row[Any], note: Any) -> tuple[UUID, Address] | None:
    """Where a lead is about to be written to, on whichever list that may be; None for steps that write to none."""
    if row.kind not in _TO_LEADS:
        return None
    channel = note.channel if note is not None else row.params.get("channel")
    way, name = (Way.PHONE, "phone") if channel == Channel.HTTP else (Way.EMAIL, "email")
    address = getattr(lead_of(row), name)
    return (row.clinic_id, (way, address)) if address else None


def _may_be_written_to(lead: Any) -> bool:
    return lead is not None and not lead.opted_out_at


def _people(session: Session, clinic_ids: Iterable[UUID]) -> dict[UUID, dict[UUID, Person]]:
    people: dict[UUID, dict[UUID, Person]] = {clinic_id: {} for clinic_id in clinic_ids}
    found = session.execute(_ACTIVE_USERS, {"clinics": list(people)})
    for row in found:
        people[row.clinic_id][row.id] = Person(*row)
    return people


_ACTIVE_USERS = text(
    f"SELECT id, clinic_id, name, email, role FROM {User.__tablename__}"  # noqa: S608
    " WHERE clinic_id = ANY(:clinics) AND is_active ORDER BY id"
)


def _by_id(session: Session, model: Any, ids: set[str]) -> dict[str, Any]:
    if not ids:
        return {}
    table = model.__table__
    found = session.execute(select(table).where(table.c.id.in_(ids)))
    return {str(row.id): row for row in open_rows(model, found)}


def _templates(session: Session, rows: Sequence[Row[Any]]) -> dict[tuple[UUID, str], Wording]:
    slugs = _ids(rows, "template")
    return templates_of(session, {row.clinic_id for row in rows}, slugs) if slugs else {}


def _ids(rows: Sequence[Row[Any]], name: str) -> set[str]:
    return {row.params[name] for row in rows if name in row.params}
