"""Decision log of a lead: its events and enrollments, the decisions of the rules, and the resulting steps."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, literal, or_, select
from sqlalchemy.orm import Session

from app.automation.lead_view import explanations
from app.automation.lead_view.enrollment_stories import enrollment_response, load_enrollments
from app.automation.sequences.models import Enrollment
from app.core.calendar.calendar import Calendar
from app.core.db import AnyRow, AnySelect
from app.core.pagination import Key, Page, page_of_parts
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.models import EventRecord, Step
from app.engine.rules.event_log import BACKFILL
from app.engine.sequences.models import SequenceRow
from app.engine.sequences.sequence import trigger_name
from app.errors import NotFound
from app.identity.actor import Actor
from app.identity.models import User
from app.leads.search.lookup import read_lead

ENROLLED: Final = "sequence.enrolled"
BEGUN: Final = "step.begun"
_KEYS: Final[list[list[Key]]] = [[(model.id, "desc")] for model in (EventRecord, Enrollment, Step)]  # newest first

_SHOWN: Final = (
    *(Step.id, Step.kind, Step.name, Step.state, Step.reason, Step.due_at, Step.finished_at),
    *(Step.cause, Step.moves, Step.outcome, Step.created_at),
)
_EVENT, _ENROLLMENT, _WRITER = (Step.cause[name].astext for name in ("event_id", "enrollment_id", "step_id"))
_BEGUN_OTHERWISE: Final = and_(_EVENT.is_(None), _ENROLLMENT.is_(None), _WRITER.is_(None))


def why(session: Session, actor: Actor, lead_id: UUID, query: JsonObject) -> Page:
    """Return a page of the lead's stories, newest first: events, enrollments, and steps that neither of them began.

    `query` may hold `at`, `step`, `rule` and the page's parameters. Raises NotFound.
    """
    read_lead(session, actor, lead_id)
    first = _first_step(session, lead_id, query["step"]) if "step" in query else None
    parts = _stories(lead_id, actor.clinic.id, query, first)
    found = page_of_parts(session, parts, _KEYS[0], query, of_each=_KEYS)
    loaded = _Loaded(session, lead_id, [row.id for row in found.items])
    entries = [loaded.entry(row.id, actor.clinic.calendar, query.get("rule")) for row in found.items]
    return Page(entries, found.next_cursor, found.total_count)


def _first_step(session: Session, lead_id: UUID, step_id: UUID) -> AnyRow:
    """Return the step; for the delivery of a message, the step that wrote it. Raises NotFound."""
    wanted = select(*_SHOWN).where(Step.lead_id == lead_id)
    step = session.execute(wanted.where(Step.id == step_id)).one_or_none()
    if step is None:
        raise NotFound
    writer = step.cause.get("step_id")
    return (session.execute(wanted.where(Step.id == UUID(writer))).one_or_none() if writer else None) or step


def _stories(lead_id: UUID, clinic_id: UUID, query: JsonObject, first: AnyRow | None) -> list[AnySelect]:
    """Select the ids of the stories. `first` is the step that was asked for."""
    events = _ids(EventRecord).where(EventRecord.lead_id == lead_id, EventRecord.clinic_id == clinic_id)
    enrollments = _ids(Enrollment).where(Enrollment.lead_id == lead_id, Enrollment.clinic_id == clinic_id)
    steps = _ids(Step).where(Step.lead_id == lead_id, Step.clinic_id == clinic_id, _is_own_story(lead_id, first))
    if "at" in query:
        events = events.where(EventRecord.occurred_at <= query["at"])
        enrollments = enrollments.where(Enrollment.enrolled_at <= query["at"])
        steps = steps.where(Step.created_at <= query["at"])
    if "rule" in query:
        slugs = select(SequenceRow.slug).where(SequenceRow.id == Enrollment.sequence_id).scalar_subquery()
        events = events.where(EventRecord.decisions.contains([{"rule": query["rule"]}]))
        enrollments = enrollments.where(or_(slugs == query["rule"], literal(trigger_name("")) + slugs == query["rule"]))
        steps = steps.where(Step.name == query["rule"])
    if first is not None:
        began = [UUID(first.cause[name]) for name in ("event_id", "enrollment_id") if name in first.cause]
        events, enrollments = events.where(EventRecord.id.in_(began)), enrollments.where(Enrollment.id.in_(began))
        steps = steps.where(Step.id == first.id)
    return [events, enrollments, steps]


def _ids(model: type[EventRecord | Enrollment | Step]) -> AnySelect:
    return select(model.id, literal(model.__tablename__).label("table"))


def _is_own_story(lead_id: UUID, first: AnyRow | None) -> ColumnElement[bool]:
    """Whether neither a stored event nor an enrollment tells how the step began."""
    if first is None:
        return _BEGUN_OTHERWISE
    is_told = [UUID(first.cause[name]) for name in ("event_id", "enrollment_id") if name in first.cause]
    events = select(EventRecord.id).where(EventRecord.id.in_(is_told), EventRecord.lead_id == lead_id)
    enrollments = select(Enrollment.id).where(Enrollment.id.in_(is_told), Enrollment.lead_id == lead_id)
    return and_(~events.exists(), ~enrollments.exists())


class _Loaded:
    """The rows of a page of stories, by id."""

    def __init__(self, session: Session, lead_id: UUID, ids: Sequence[UUID]) -> None:
        self.events = {row.id: row for row in session.scalars(select(EventRecord).where(EventRecord.id.in_(ids)))}
        self.enrollments = load_enrollments(session, [id_ for id_ in ids if id_ not in self.events])
        self.steps = _steps_by_story(session, lead_id, ids)
        self.users = _names_of_users(session, (step for steps in self.steps.values() for step in steps))

    def entry(self, story_id: UUID, calendar: Calendar, rule: str | None) -> JsonDict:
        """Return one story as WhyOut."""
        if event := self.events.get(story_id):
            steps = [step for step in self.steps[story_id] if rule is None or step.name == rule]
            return {**_event_entry(event, calendar, rule), "steps": self._shown(steps, calendar)}
        steps = self.steps[story_id]
        if row := self.enrollments.get(story_id):
            led_by = row.Enrollment.cause.get("chain", {}).get("rules", [])
            own = {"event": ENROLLED, "occurred_at": row.Enrollment.enrolled_at, "led_by": led_by}
            shown = {**own, "enrollment": enrollment_response(row, calendar)}
        else:
            [first, *_] = steps
            shown = {"event": first.cause.get("event") or BEGUN, "occurred_at": first.created_at, "led_by": []}
        return {**_NOTHING, "id": story_id, **shown, "steps": self._shown(steps, calendar)}

    def _shown(self, steps: Sequence[AnyRow], calendar: Calendar) -> list[JsonDict]:
        return [_step(step, calendar, self.users) for step in steps]


_NOTHING: Final[JsonDict] = {"backfill_job_id": None, "enrollment": None, "decisions": []}


def _steps_by_story(session: Session, lead_id: UUID, ids: Sequence[UUID]) -> Mapping[UUID, list[AnyRow]]:
    """Return the steps of each event or enrollment, and of each story of a step itself, with their deliveries."""
    texts = [str(one) for one in ids]
    wanted = select(*_SHOWN).where(Step.lead_id == lead_id).order_by(Step.due_at, Step.id)
    began = or_(_EVENT.in_(texts), _ENROLLMENT.in_(texts), Step.id.in_(ids))
    found = session.execute(wanted.where(began)).all()
    stories: dict[UUID, list[AnyRow]] = defaultdict(list)
    by_writer: dict[str, set[UUID]] = defaultdict(set)
    for step in found:
        named = {step.cause.get("event_id"), step.cause.get("enrollment_id"), str(step.id)}
        for story in {UUID(one) for one in named if one} & set(ids):
            stories[story].append(step)
            by_writer[str(step.id)].add(story)
    for delivery in session.execute(wanted.where(_WRITER.in_(list(by_writer)))):
        for story in by_writer[delivery.cause["step_id"]]:
            stories[story].append(delivery)
    return stories


def _names_of_users(session: Session, steps: Iterable[AnyRow]) -> Mapping[str, str]:
    """Return the names of the users who changed these steps by hand, by id."""
    ids = set().union(*(explanations.users_of_step(step) for step in steps))
    found = session.execute(select(User.id, User.name).where(User.id.in_(map(UUID, ids)))) if ids else ()
    return {str(user_id): name for user_id, name in found}


def _event_entry(event: EventRecord, calendar: Calendar, rule: str | None) -> JsonDict:
    return {
        **_NOTHING,
        "id": event.id,
        "event": event.name,
        "occurred_at": event.occurred_at,
        "backfill_job_id": event.facts.get(BACKFILL, {}).get("job_id"),
        "led_by": (event.chain or {}).get("rules", []),
        "decisions": [
            _decision(decision, event.name, calendar)
            for decision in event.decisions
            if rule is None or decision["rule"] == rule
        ],
    }


def _step(step: AnyRow, calendar: Calendar, users: Mapping[str, str]) -> JsonDict:
    because = f"{step.name}: {explanations.of_step(step, calendar, users)}."
    return {**step._mapping, "begun_by": step.cause.get("begun_by"), "because": because}  # noqa: SLF001  (public)


def _decision(decision: JsonObject, event: str, calendar: Calendar) -> JsonDict:
    columns = ("rule", "rule_id", "version", "verdict")
    return {
        **{name: decision.get(name) for name in columns},
        "because": explanations.of_decision(decision, event, calendar),
        "details": {name: value for name, value in decision.items() if name not in columns},
    }
