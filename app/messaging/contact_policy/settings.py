"""Contact policy settings of a clinic."""

from typing import Final, NamedTuple

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.audit.models import Act
from app.core.optimistic_locking import SeenVersions, require_version
from app.core.type_aliases import JsonObject
from app.identity.actor import Actor
from app.identity.clinics import bump_rules_version
from app.identity.contact_policy import ContactPolicy
from app.identity.models import Clinic

_DEFAULTS: Final = ContactPolicy().to_json()


class _StoredPolicy(NamedTuple):
    policy: JsonObject
    version: int


def get_contact_policy(session: Session, actor: Actor) -> JsonObject:
    """Return the policy with all defaults filled in, and its `version`."""
    stored = _stored_policy(session, actor)
    return {**_DEFAULTS, **stored.policy, "version": stored.version}


def set_contact_policy(session: Session, actor: Actor, policy: JsonObject, *, seen: SeenVersions = None) -> JsonObject:
    """Replace the policy and return it with its `version`. Steps from now on follow it. Raises ChangedMeanwhile."""
    bump_rules_version(session, actor.clinic.id)  # locks the row
    stored = _stored_policy(session, actor)
    require_version(stored, seen)
    version = stored.version + 1
    row = update(Clinic).where(Clinic.id == actor.clinic.id)
    session.execute(row.values(contact_policy=dict(policy), contact_policy_version=version))
    audit_log.note_change(session, "clinic", [actor.clinic.id], act=Act.UPDATE, after={"contact_policy": dict(policy)})
    return {**policy, "version": version}


def _stored_policy(session: Session, actor: Actor) -> _StoredPolicy:
    columns = select(Clinic.contact_policy, Clinic.contact_policy_version)
    return _StoredPolicy(*session.execute(columns.where(Clinic.id == actor.clinic.id)).one())
