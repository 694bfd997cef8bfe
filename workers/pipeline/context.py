"""What the steps of a batch need to know, loaded in a constant number of queries."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from app.automation.sequences.facts import current_steps, enrollment_facts
from app.engine.models import Kind
from app.engine.rules.conditions import leaves
from app.engine.rules.lead_facts import look_up
from app.engine.rules.rules import RuleSet
from app.engine.rules.ruleset import rules_of
from app.engine.rules.vocabulary import looked_up
from app.engine.sequences.definitions import Sequences, sequences_of
from app.identity.clinic_context import ClinicContext
from app.identity.clinics import load_context
from app.identity.models import Role, User
from app.leads.assignment.coordinators import coordinator_of
from app.leads.facts.merge_fields import Names, names_of
from app.leads.pipeline.stages import Stages, stages_by_clinic
from app.messaging.contact_policy.facts import Gone
from app.messaging.contact_policy.gate import Verdict, judge
from app.messaging.models import Notification
from app.messaging.rendering.variants import Template
from app.messaging.templates.library import templates_of
from app.security.encrypted_fields import open_rows
from app.tasks.facts import facts_when_due
from app.tasks.models import Task
from workers.pipeline.claim import lead_of
from workers.pipeline.contact_context import Reach, load_reach
from workers.pipeline.gateways import NO_LINE, Line, lines_of


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
    template: Template | None
    people: Mapping[UUID, Person]  # the clinic's active users, in a stable order
    names: Names  # of its stages and sources
    more: Mapping[str, Any] = field(default_factory=dict)  # facts of the lead that its guard asks for
    stages: Stages = field(default_factory=dict)  # the clinic's; for steps that move a lead only
    reach: Reach | None = None  # of a step that writes to its lead: what the gate is asked
    line: Line = NO_LINE  # the gateway that the step goes through
    sequences: Sequences = field(default_factory=Sequences)  # the clinic's
    enrollment: Mapping[str, Any] = field(default_factory=dict)  # facts of it that a sequence's step asks for
    has_left: bool = False  # a sequence's step that its enrollment is no longer at

    @property
    def params(self) -> Mapping[str, Any]:
        """The step's own settings."""
        params: Mapping[str, Any] = self.step.params
        return params

    @property
    def rule_is_active(self) -> bool:
        """Whether the rule or sequence that planned the step still is; a step without one needs none."""
        cause = self.step.cause
        if "sequence_id" in cause:
            return UUID(cause["sequence_id"]) in self.sequences.active
        return "rule" not in cause or cause["rule"] in self.rules.slugs

    def person(self, user_id: UUID | None) -> Person | None:
        """An active user of the clinic."""
        return self.people.get(user_id) if user_id else None

    @property
    def coordinator(self) -> Person | None:
        """Whose lead it is; by rotation while it is nobody's, or somebody's who is no longer there."""
        return coordinator_of(self.lead.id, self.lead.assigned_to_id, self.people)

    def verdict(self) -> Verdict:
        """Whether the step's message may go to its lead now."""
        assert self.reach is not None  # noqa: S101  (asked of steps that write to leads)
        return judge(*self.reach, self.now)

    def after(self, gone: Sequence[Gone]) -> "StepContext":
        """The same step, after these went to its lead."""
        if self.reach is None or not gone:
            return self
        known = replace(self.reach.known, gone=[*self.reach.known.gone, *gone])
        return replace(self, reach=Reach(self.reach.touch, known))

    def with_role(self, *roles: Role) -> list[Person]:
        """The clinic's active users of these roles, in a stable order."""
        return [person for person in self.people.values() if person.role in roles]

    def facts(self) -> dict[str, dict[str, Any]]:
        """The facts that a guard is checked against, as they are now."""
        # A message that is retried later gets another step: what happened since it was written counts all the same.
        since = self.notification.created_at if self.notification else self.step.created_at
        at = self.clinic.calendar.local(self.now)
        facts = facts_when_due(self.lead, self.task, at=at, since=since, more=self.more)
        return {**facts, "enrollment": dict(self.enrollment)}


def load(session: Session, rows: Sequence[Row[Any]], *, now: datetime) -> list[StepContext]:
    """The contexts of claimed rows, in their order."""
    clinics = {row.clinic_id: load_context(session, row.clinic_id, row.rules_version) for row in rows}
    people = _people(session, clinics)
    tasks = _by_id(session, Task, _ids(rows, "task_id"))
    notifications = _by_id(session, Notification, _ids(rows, "notification_id"))
    templates = _templates(session, rows)
    reach = load_reach(session, rows, clinics, notifications, now=now)
    lines = lines_of(session, rows, notifications, now=now)
    rules = {clinic_id: rules_of(session, clinic) for clinic_id, clinic in clinics.items()}
    more = look_up(session, {row.lead_id for row in rows if row.lead_id}, asked_when_due(rows))
    sequences = {clinic_id: sequences_of(session, clinic) for clinic_id, clinic in clinics.items()}
    enrolled, left_behind = _enrolled(session, rows), _left_behind(session, rows)
    stages = _stages(session, rows)
    names = {clinic_id: names_of(session, clinic) for clinic_id, clinic in clinics.items()}
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
            more=more.get(row.lead_id, {}),
            stages=stages.get(row.clinic_id, {}),
            names=names[row.clinic_id],
            reach=reach.get(row.id),
            line=lines.get(row.id, NO_LINE),
            sequences=sequences[row.clinic_id],
            enrollment=enrolled.get(row.cause.get("enrollment_id"), {}),
            has_left=row.id in left_behind,
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
        names=nothing,
    )


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


def asked_when_due(rows: Iterable[Row[Any]]) -> frozenset[str]:
    """The facts of leads that guards and branches of these steps ask for, and that no claim brings along."""
    return looked_up(frozenset(path for row in rows for path in _asked(row)))


def _asked(row: Row[Any]) -> Iterator[str]:
    """The paths that the guard of a step asks about, and that it branches by."""
    for conditions in (*(row.guard or {}).values(), row.params.get("if", ())):
        for condition in conditions:
            yield from (leaf["field"] for leaf in leaves(condition))


def _enrolled(session: Session, rows: Iterable[Row[Any]]) -> Mapping[str, Mapping[str, Any]]:
    """By enrollment, what became of its messages, for those steps that ask."""
    of_sequences = (row for row in rows if "enrollment_id" in row.cause)
    asking = [row for row in of_sequences if any(path.startswith("enrollment.") for path in _asked(row))]
    return enrollment_facts(session, {row.cause["enrollment_id"] for row in asking}) if asking else {}


def _left_behind(session: Session, rows: Iterable[Row[Any]]) -> set[UUID]:
    """The steps that their enrollments are no longer at: one that failed, or is tried again, may outlive an end."""
    of_sequences = {row.id: row.cause["enrollment_id"] for row in rows if "enrollment_id" in row.cause}
    return of_sequences.keys() - current_steps(session, {*of_sequences.values()}) if of_sequences else set()


def _stages(session: Session, rows: Iterable[Row[Any]]) -> Mapping[UUID, Stages]:
    """All stages of the clinics whose leads are to be moved."""
    moving = {row.clinic_id for row in rows if row.kind == Kind.CHANGE_STAGE}
    return stages_by_clinic(session, moving) if moving else {}


def _by_id(session: Session, model: Any, ids: set[str]) -> dict[str, Any]:
    if not ids:
        return {}
    table = model.__table__
    found = session.execute(select(table).where(table.c.id.in_(ids)))
    return {str(row.id): row for row in open_rows(model, found)}


def _templates(session: Session, rows: Sequence[Row[Any]]) -> dict[tuple[UUID, str], Template]:
    slugs = _ids(rows, "template")
    return templates_of(session, {row.clinic_id for row in rows}, slugs) if slugs else {}


def _ids(rows: Sequence[Row[Any]], name: str) -> set[str]:
    return {row.params[name] for row in rows if name in row.params}
