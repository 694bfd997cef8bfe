"""How a clinic lets its leads be written to, as it is kept in its row."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.audit.models import Act
from app.core.optimistic_locking import Seen, require_seen
from app.identity.actor import Actor
from app.identity.clinics import count_up
from app.identity.contact_policy import ContactPolicy
from app.identity.models import Clinic

_DEFAULTS: Final = ContactPolicy().to_json()


class _Kept(NamedTuple):
    policy: Mapping[str, Any]
    version: int


def contact_policy(session: Session, actor: Actor) -> Mapping[str, Any]:
    """The policy and its version."""
    kept = _kept(session, actor)
    return {**_DEFAULTS, **kept.policy, "version": kept.version}


def set_contact_policy(
    session: Session, actor: Actor, policy: Mapping[str, Any], *, seen: Seen = None
) -> Mapping[str, Any]:
    """It holds from the next step on, which is judged by it. Raises ChangedMeanwhile."""
    count_up(session, actor.clinic.id)  # which holds the row
    kept = _kept(session, actor)
    require_seen(kept, seen)
    version = kept.version + 1
    row = update(Clinic).where(Clinic.id == actor.clinic.id)
    session.execute(row.values(contact_policy=dict(policy), contact_policy_version=version))
    audit_log.wrote(session, "clinic", [actor.clinic.id], act=Act.UPDATE, after={"contact_policy": dict(policy)})
    return {**policy, "version": version}


def _kept(session: Session, actor: Actor) -> _Kept:
    columns = select(Clinic.contact_policy, Clinic.contact_policy_version)
    return _Kept(*session.execute(columns.where(Clinic.id == actor.clinic.id)).one())
