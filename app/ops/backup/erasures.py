"""The repetition of erasures after a restore."""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from sqlalchemy import select

from app.audit import audit_log
from app.core.db import transaction
from app.identity.actor import Actor
from app.identity.clinics import load_context
from app.identity.models import Clinic
from app.leads.privacy.erasures import remaining_leads, repeat_erasure

BY: Final = "erasures.apply"  # the operation in the audit log


def erase_again(lead_ids: Iterable[UUID]) -> int:
    """Erase these leads again, each with its entry of the audit log in a transaction. Returns how many."""
    with transaction() as session:
        actors = {one: Actor.system(load_context(session, one)) for one in session.scalars(select(Clinic.id))}
        left = remaining_leads(session, lead_ids)
    done = 0
    for lead_id, clinic_id in left:
        with transaction() as session:
            audit_log.start_notes(session)
            done += repeat_erasure(session, actors[clinic_id], lead_id)
            audit_log.write_entries(session, audit_log.Caller(clinic_id, None, None, None, None, BY))
            audit_log.stop_notes(session)
    return done
