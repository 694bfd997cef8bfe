"""The repetition of erasures after a restore."""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from app.audit import audit_log
from app.core.db import transaction
from app.identity.actor import Actor
from app.identity.clinics import load_contexts
from app.leads.privacy.erasures import remaining_leads, repeat_erasure

BY: Final = "erasures.apply"  # the operation in the audit log


def erase_again(lead_ids: Iterable[UUID]) -> int:
    """Erase these leads again, each with its entry of the audit log in a transaction. Returns how many."""
    with transaction() as session:
        left = remaining_leads(session, lead_ids)
        clinics = load_contexts(session, {clinic_id for _, clinic_id in left})
    done = 0
    for lead_id, clinic_id in left:
        caller = audit_log.Caller(clinic_id, None, None, None, None, BY)
        with transaction() as session, audit_log.noting(session, caller):
            done += repeat_erasure(session, Actor.system(clinics[clinic_id]), lead_id)
    return done
