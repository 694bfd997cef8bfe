"""What a clinic decides for itself."""

from collections.abc import Mapping
from typing import Any

from app.api.clinic.settings_schemas import ContactPolicyIn, ContactPolicyOut
from app.core.optimistic_locking import Seen
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.preconditions import if_match
from app.identity.permissions import Permission
from app.messaging.contact_policy import settings as policies

blp = Blueprint("settings", __name__, url_prefix="/api/settings", description="What a clinic decides for itself.")


@blp.get("/contact-policy")
@allow(Permission.LEAD_READ)
@blp.response(200, ContactPolicyOut)
def contact_policy() -> Mapping[str, Any]:
    """Show how often, and when, leads are written to.

    Across all rules and sequences.
    """
    with reading() as session:
        return policies.contact_policy(session, actor())


@blp.put("/contact-policy")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(ContactPolicyIn)
@blp.response(200, ContactPolicyOut)
@if_match
def set_contact_policy(given: dict[str, Any], seen: Seen) -> Mapping[str, Any]:
    """Say how often, and when, leads are written to.

    From the next message on, those that are planned or wait to be sent among them. The body replaces all of it: what is
    left out gets its default.
    """
    with unit_of_work() as session:
        return policies.set_contact_policy(session, actor(), given, seen=seen)
