"""Routes for the settings of a clinic."""

from app.api.clinic.settings_schemas import ContactPolicyIn, ContactPolicyOut
from app.core.optimistic_locking import SeenVersions
from app.core.type_aliases import JsonDict, JsonObject
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.preconditions import if_match
from app.identity.permissions import Permission
from app.messaging.contact_policy import settings as policies

blp = Blueprint("settings", __name__, url_prefix="/api/settings", description="Settings of the clinic.")


@blp.get("/contact-policy")
@allow(Permission.LEAD_READ)
@blp.response(200, ContactPolicyOut)
def contact_policy() -> JsonObject:
    """Show the contact policy.

    It limits how often and when leads get messages, over all rules and sequences.
    """
    with reading() as session:
        return policies.get_contact_policy(session, actor())


@blp.put("/contact-policy")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(ContactPolicyIn)
@blp.response(200, ContactPolicyOut)
@if_match
def set_contact_policy(given: JsonDict, seen: SeenVersions) -> JsonObject:
    """Replace the contact policy.

    It applies from the next message on, also to messages that are already planned or waiting. Fields that are left out
    get their default.
    """
    with unit_of_work() as session:
        return policies.set_contact_policy(session, actor(), given, seen=seen)
