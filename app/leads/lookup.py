"""Finding leads: one, to read or to change; and what many have to be."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, Final, NoReturn
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Text, bindparam, cast, func, select
from sqlalchemy.orm import Session, aliased
from sqlalchemy.orm.attributes import QueryableAttribute
from uuid_utils.compat import uuid7

from app.audit import audit_log
from app.core.pagination import Key
from app.errors import NotFound
from app.identity.actor import Actor
from app.identity.models import User
from app.identity.permissions import Scope
from app.leads.assignment.people import who_is
from app.leads.errors import LeadIsClosed, LeadIsLocked, LeadIsRestricted, LeadWasMerged
from app.leads.models import OPEN_STATUSES, Lead, LeadStatus
from app.leads.pipeline.rotting import is_fresh, is_rotting
from app.security.encrypted_fields import opened

SLACK: Final = timedelta(seconds=1)  # between the time in a lead's id and its `created_at`

NEWEST_FIRST: Final[list[Key]] = [(Lead.id, "desc")]

_ROWS: Final = select(Lead.__table__)


def visible_to(actor: Actor) -> tuple[ColumnElement[bool], ...]:
    """What a lead has to be for this actor to know of it: whatever looks for leads begins with this."""
    live = (Lead.clinic_id == actor.clinic.id, Lead.deleted_at.is_(None))
    return live if actor.scope is Scope.ALL else (*live, is_assigned_within(actor, Lead.assigned_to_id))


def is_assigned_within(
    actor: Actor, assignee: ColumnElement[UUID | None] | QueryableAttribute[Any]
) -> ColumnElement[bool]:
    """Whether the assignee is the actor, or (scope `team`) somebody of the actor's team."""
    if actor.scope is Scope.TEAM and actor.team_id is not None:
        return assignee.in_(select(User.id).where(User.team_id == actor.team_id))
    return assignee == actor.stands_for


def those_within(session: Session, actor: Actor) -> tuple[UUID, ...] | None:
    """The users whose leads the actor may know of, as of now; None: everybody's, and those of nobody."""
    if actor.scope is Scope.ALL:
        return None
    return tuple(session.scalars(select(User.id).where(is_assigned_within(actor, User.id))))


def ids_in_scope(session: Session, actor: Actor, ids: Collection[UUID]) -> Sequence[UUID]:
    """Those of these leads that the actor's scope holds, also after they were merged or deleted."""
    of_clinic = select(Lead.id).where(Lead.id.in_(ids), Lead.clinic_id == actor.clinic.id)
    return session.scalars(of_clinic.where(is_assigned_within(actor, Lead.assigned_to_id))).all()


def read_lead(session: Session, actor: Actor, lead_id: UUID) -> SimpleNamespace:
    """The lead's row, to look at. Raises NotFound, also for one that the actor does not know of; LeadWasMerged."""
    found = session.execute(_ROWS.where(Lead.id == lead_id, *visible_to(actor))).one_or_none()
    if found is None:
        _explain(session, actor, lead_id)
    audit_log.saw(session, "lead", [found.id])
    return opened(Lead, found)


def get_lead(session: Session, actor: Actor, lead_id: UUID, *, lock: bool = False) -> Lead:
    """The lead, locked until the end of the transaction when it is going to change.

    Raises NotFound, LeadWasMerged.
    """
    wanted = select(Lead).where(Lead.id == lead_id, *visible_to(actor))
    if lock:
        wanted = wanted.with_for_update(key_share=True).execution_options(populate_existing=True)
    found = session.scalars(wanted).one_or_none()
    if found is None:
        _explain(session, actor, lead_id)
    return found


def _explain(session: Session, actor: Actor, lead_id: UUID) -> NoReturn:
    """The actor knows of no such lead: perhaps of the one that it was merged into."""
    merged = aliased(Lead)
    survivor = select(Lead.id).join(merged, merged.merged_into_id == Lead.id)
    found = session.scalar(survivor.where(merged.id == lead_id, *visible_to(actor)))
    raise LeadWasMerged(found) if found else NotFound


def unlocked_lead(session: Session, actor: Actor, lead_id: UUID) -> Lead:
    """The lead, to be changed. Raises NotFound, LeadIsLocked."""
    lead = get_lead(session, actor, lead_id, lock=True)
    require_unlocked(lead)
    return lead


def open_lead(session: Session, actor: Actor, lead_id: UUID) -> Lead:
    """The lead, to be worked on. Raises NotFound, LeadIsLocked, LeadIsClosed."""
    lead = get_lead(session, actor, lead_id, lock=True)
    require_open(lead)
    return lead


def require_unlocked(lead: Lead) -> None:
    """Rule 7 of lead-management.md: once converted to a patient, a lead cannot be modified; nor while restricted."""
    if lead.status == LeadStatus.CONVERTED:
        raise LeadIsLocked
    require_unrestricted(lead)


def require_unrestricted(lead: Lead) -> None:
    """Nothing may be done with a lead whose person asked for that (GDPR, article 18)."""
    if lead.restricted_at is not None:
        raise LeadIsRestricted


def require_open(lead: Lead) -> None:
    """Work goes on only with leads that are neither converted nor given up."""
    require_unlocked(lead)
    if lead.status not in OPEN_STATUSES:
        raise LeadIsClosed


def tests_of(query: Mapping[str, Any], actor: Actor) -> list[ColumnElement[bool]]:
    """What a lead has to be to pass the filters in `query`. Raises Invalid."""
    tests = [test(query[name]) for name, test in _FILTERS.items() if name in query]
    if "assigned_to_id" in query:
        tests.append(Lead.assigned_to_id == who_is(query["assigned_to_id"], actor))
    return tests


def _created_from(at: datetime) -> ColumnElement[bool]:
    return (Lead.created_at >= at) & (Lead.id >= _first_id_of(at - SLACK))


def _created_to(at: datetime) -> ColumnElement[bool]:
    return (Lead.created_at < at) & (Lead.id < _first_id_of(at + SLACK))


def _first_id_of(at: datetime) -> UUID:
    """The smallest id of that millisecond: ids are ordered by time, so the list's own index finds a period."""
    milliseconds = max(int(at.timestamp() * 1000), 0)
    return UUID(int=milliseconds << 80)


def id_made_at(at: datetime) -> UUID:
    """A new lead's id. It tells the time of `created_at`, so that periods are found by it."""
    return uuid7(nanoseconds=int(at.timestamp() * 1_000_000) * 1000)


_FILTERS: Final[Mapping[str, Callable[[Any], ColumnElement[bool]]]] = {
    "status": lambda status: Lead.status == status,
    "stage": lambda stage: Lead.pipeline_stage == stage,
    "source_id": lambda source_id: Lead.source_id == source_id,
    "created_from": _created_from,
    "created_to": _created_to,
    "tag": lambda tag: Lead.tags.bool_op("@>")(cast([tag.lower()], ARRAY(Text))),
    "ids": lambda ids: Lead.id == func.any(bindparam(None, ids, type_=ARRAY(Lead.id.type))),
    "language": lambda language: Lead.language == language,
    "channel": lambda channel: Lead.capture_channel == channel,
    "external_id": lambda external_id: Lead.external_id == external_id,
    "value_from": lambda amount: Lead.value_cents >= int(amount * 100),
    "value_to": lambda amount: Lead.value_cents <= int(amount * 100),
    "rotting": lambda wanted: is_rotting() if wanted else is_fresh(),
}
