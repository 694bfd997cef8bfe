"""Contact policy settings of a clinic."""

from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.optimistic_locking import SeenVersions
from app.core.type_aliases import JsonObject
from app.identity.actor import Actor
from app.identity.contact_policy import ContactPolicy
from app.identity.models import Clinic
from app.messaging.clinic_settings import lock_settings, save_settings

_DEFAULTS: Final = ContactPolicy().to_json()


def get_contact_policy(session: Session, actor: Actor) -> JsonObject:
    """Return the policy with all defaults filled in, and its `version`."""
    columns = select(Clinic.contact_policy, Clinic.contact_policy_version).where(Clinic.id == actor.clinic.id)
    stored, version = session.execute(columns).one()
    return {**_DEFAULTS, **stored, "version": version}


def set_contact_policy(session: Session, actor: Actor, policy: JsonObject, *, seen: SeenVersions = None) -> JsonObject:
    """Replace the policy and return it with its `version`. Steps from now on follow it. Raises ChangedMeanwhile."""
    version = lock_settings(session, actor.clinic.id, Clinic.contact_policy_version, seen)
    changes = {"contact_policy": dict(policy)}
    save_settings(session, actor.clinic.id, changes | version, changes=changes)
    return {**policy, "version": version["contact_policy_version"]}
