"""Lookup of leads within the caller's scope: read, lock, and check the state."""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, Final, NoReturn
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, exists, func, select
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.orm import Session, aliased
from sqlalchemy.orm.attributes import QueryableAttribute
from uuid_utils.compat import uuid7

from app.audit import audit_log
from app.core.database.driver_sql import execute_driver_sql
from app.core.pagination import Key
from app.errors import Forbidden, NotFound
from app.identity.actor import Actor
from app.identity.models import User
from app.identity.permissions import Permission, Scope
from app.leads.enums import OPEN_STATUSES, LeadStatus
from app.leads.errors import LeadIsClosed, LeadIsLocked, LeadIsRestricted, LeadWasMerged
from app.leads.models import Lead
from app.security.encrypted_fields import decrypt_row

NEWEST_FIRST: Final[list[Key]] = [(Lead.id, "desc")]

_ROWS: Final = select(Lead.__table__)
_MERGED: Final = aliased(Lead)  # built once: its columns cost milliseconds
_DELETED: Final = aliased(Lead)
_SURVIVOR: Final = select(Lead.id).join(_MERGED, _MERGED.merged_into_id == Lead.id)


def lead_reader(actor: Actor) -> Actor:
    """Return the actor with the scope of LEAD_READ, for a call that needs another permission. Raises Forbidden."""
    if not actor.allows(Permission.LEAD_READ):
        raise Forbidden("Your role does not allow reading leads.")
    return actor.within(Permission.LEAD_READ)


def visible_to(actor: Actor) -> tuple[ColumnElement[bool], ...]:
    """Return the SQL conditions for leads visible to the actor. Every query of leads starts with them."""
    live = (Lead.clinic_id == actor.clinic.id, Lead.deleted_at.is_(None))
    return live if actor.scope is Scope.ALL else (*live, is_assigned_within(actor, Lead.assigned_to_id))


def survivors(session: Session, clinic_id: UUID, has_value: ColumnElement[bool]) -> list[UUID]:
    """Return the live leads that duplicates with a value merged into, newest first. `has_value`: SQL about `Lead`."""
    merged = select(Lead.merged_into_id).where(Lead.clinic_id == clinic_id, Lead.merged_into_id.is_not(None), has_value)
    # As an array, because PostgreSQL reads all leads for a semi-join whose size it does not know.
    is_survivor = Lead.id == func.any(func.array(merged.scalar_subquery()))
    found = session.execute(select(Lead.id, Lead.deleted_at).where(is_survivor).order_by(Lead.id.desc()))
    return [row.id for row in found if row.deleted_at is None]


def lock_lead(session: Session, clinic_id: UUID, lead_id: UUID) -> Lead | None:
    """Lock a lead that is not deleted; None if there is none."""
    wanted = select(Lead).where(Lead.id == lead_id, Lead.clinic_id == clinic_id, Lead.deleted_at.is_(None))
    locked = wanted.with_for_update(key_share=True).execution_options(populate_existing=True)
    return session.scalars(locked).one_or_none()


def is_of_deleted_lead(lead_id: Any, clinic_id: UUID) -> ColumnElement[bool]:
    """Return the SQL condition that the lead with this id is deleted.

    Where all other leads count, it is cheaper than a join with them.
    """
    return exists().where(_DELETED.id == lead_id, _DELETED.clinic_id == clinic_id, _DELETED.deleted_at.is_not(None))


def is_assigned_within(
    actor: Actor, assignee: ColumnElement[UUID | None] | QueryableAttribute[Any]
) -> ColumnElement[bool]:
    """Return the SQL condition that the assignee is the actor, or (scope `team`) in the actor's team."""
    if actor.scope is Scope.TEAM and actor.team_id is not None:
        return assignee.in_(select(User.id).where(User.team_id == actor.team_id))
    return assignee == actor.stands_for


def visible_user_ids(session: Session, actor: Actor) -> tuple[UUID, ...] | None:
    """Return the ids of the owners of leads that the actor may see. None: all leads, unassigned ones included."""
    if actor.scope is Scope.ALL:
        return None
    return tuple(session.scalars(select(User.id).where(is_assigned_within(actor, User.id))))


def ids_in_scope(session: Session, actor: Actor, ids: Collection[UUID]) -> Sequence[UUID]:
    """Return the ids that are in the actor's scope, including merged and deleted leads."""
    of_clinic = select(Lead.id).where(Lead.id.in_(ids), Lead.clinic_id == actor.clinic.id)
    return session.scalars(of_clinic.where(is_assigned_within(actor, Lead.assigned_to_id))).all()


def read_lead(session: Session, actor: Actor, lead_id: UUID) -> SimpleNamespace:
    """Return the lead's row, decrypted and read-only. Raises NotFound (also when not visible), LeadWasMerged."""
    reader = {"clinic": actor.clinic.id, "team": actor.team_id, "user": actor.stands_for}
    found = execute_driver_sql(session, _statement_for(actor), {"lead": lead_id, **reader})
    if not found:
        _raise_not_found(session, actor, lead_id)
    audit_log.note_read(session, "lead", [lead_id])
    return decrypt_row(Lead, found[0])


def _statement_for(actor: Actor) -> str:
    return _compiled(actor.scope, has_team=actor.team_id is not None, has_user=actor.stands_for is not None)


@lru_cache(maxsize=16)
def _compiled(scope: Scope, *, has_team: bool, has_user: bool) -> str:
    """Return the SQL that reads a visible lead. SQLAlchemy itself would describe its 80 columns at each call."""
    reader: Any = SimpleNamespace(
        scope=scope,
        clinic=SimpleNamespace(id=bindparam("clinic")),
        team_id=bindparam("team") if has_team else None,
        stands_for=bindparam("user") if has_user else None,
    )
    statement = _ROWS.where(Lead.id == bindparam("lead"), *visible_to(reader))
    return str(statement.compile(dialect=psycopg.dialect()))  # type: ignore[no-untyped-call]


def get_lead(session: Session, actor: Actor, lead_id: UUID, *, lock: bool = False) -> Lead:
    """Return the lead; with `lock`, its row is locked until the end of the transaction.

    Raises NotFound, LeadWasMerged.
    """
    wanted = select(Lead).where(Lead.id == lead_id, *visible_to(actor))
    if lock:
        wanted = wanted.with_for_update(key_share=True).execution_options(populate_existing=True)
    found = session.scalars(wanted).one_or_none()
    if found is None:
        _raise_not_found(session, actor, lead_id)
    return found


def _raise_not_found(session: Session, actor: Actor, lead_id: UUID) -> NoReturn:
    """Raise LeadWasMerged if the actor may see the surviving lead, else NotFound."""
    found = session.scalar(_SURVIVOR.where(_MERGED.id == lead_id, *visible_to(actor)))
    raise LeadWasMerged(found) if found else NotFound


def lock_editable_lead(session: Session, actor: Actor, lead_id: UUID) -> Lead:
    """Return the lead, locked for a change. Raises NotFound, LeadWasMerged, LeadIsLocked, LeadIsRestricted."""
    lead = get_lead(session, actor, lead_id, lock=True)
    require_unlocked(lead)
    return lead


def lock_open_lead(session: Session, actor: Actor, lead_id: UUID) -> Lead:
    """Return the open lead, locked for work on it. Raises NotFound, LeadIsLocked, LeadIsClosed."""
    lead = get_lead(session, actor, lead_id, lock=True)
    require_open(lead)
    return lead


def require_unlocked(lead: Lead) -> None:
    """Check that the lead is neither converted (lead-management.md, rule 7) nor restricted.

    Raises LeadIsLocked, LeadIsRestricted.
    """
    if lead.status == LeadStatus.CONVERTED:
        raise LeadIsLocked
    require_unrestricted(lead)


def require_unrestricted(lead: Lead) -> None:
    """Check that the use of the lead is not restricted (GDPR, article 18). Raises LeadIsRestricted."""
    if lead.restricted_at is not None:
        raise LeadIsRestricted


def require_open(lead: Lead) -> None:
    """Check that the lead is open. Raises LeadIsLocked, LeadIsRestricted, LeadIsClosed."""
    require_unlocked(lead)
    if lead.status not in OPEN_STATUSES:
        raise LeadIsClosed


def new_lead_id(at: datetime) -> UUID:
    """Return a new lead id (UUIDv7) with the time of `created_at`, so that date filters can use the primary key."""
    return uuid7(nanoseconds=int(at.timestamp() * 1_000_000) * 1000)
