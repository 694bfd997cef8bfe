"""Routes for the settings of a clinic."""

from app.api.clinic.settings_schemas import (
    ClinicProfileIn,
    ClinicProfileOut,
    ContactPolicyIn,
    ContactPolicyOut,
    FollowUpSettingsIn,
    FollowUpSettingsOut,
    HoursIn,
    HoursOut,
    RetentionPreviewOut,
    RetentionQuery,
    SenderIn,
    SenderOut,
)
from app.core.optimistic_locking import SeenVersions
from app.core.type_aliases import JsonDict, JsonObject
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.merge_patch import MergePatch
from app.http.preconditions import if_match
from app.identity.permissions import Permission
from app.messaging.contact_policy import clinic_hours, clinic_profile
from app.messaging.contact_policy import settings as policies
from app.messaging.sending_accounts import sender_settings
from app.tasks.workload import follow_up_settings

blp = Blueprint("settings", __name__, url_prefix="/api/settings", description="Settings of the clinic.")


@blp.get("/clinic")
@allow(Permission.LEAD_READ)
@blp.response(200, ClinicProfileOut)
def get_clinic_profile() -> JsonDict:
    """Show the clinic's name, time zone, country and language."""
    with reading() as session:
        return clinic_profile.get_profile(session, actor())


@blp.patch("/clinic")
@allow(Permission.AUTOMATION_MANAGE)
@blp.merge_patch(ClinicProfileIn, ClinicProfileOut)
@blp.response(200, ClinicProfileOut)
@if_match
def change_clinic_profile(patch: MergePatch, seen: SeenVersions) -> JsonDict:
    """Change the clinic's name or time zone.

    Planned steps and tasks keep their due times. From the next call on, steps are planned in the new zone, and opening
    hours, quiet hours, daily limits, digests and reports follow it, also for messages that are already planned.
    """
    with unit_of_work() as session:
        given, seen = patch.onto(session, clinic_profile.get_profile(session, actor()), seen)
        return clinic_profile.set_profile(session, actor(), given, seen=seen)


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


@blp.get("/hours")
@allow(Permission.LEAD_READ)
@blp.response(200, HoursOut)
def get_hours() -> JsonDict:
    """Show opening hours, closed dates and quiet hours."""
    with reading() as session:
        return clinic_hours.get_hours(session, actor())


@blp.put("/hours")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(HoursIn)
@blp.response(200, HoursOut)
@if_match
def set_hours(given: JsonDict, seen: SeenVersions) -> JsonDict:
    """Replace opening hours, closed dates and quiet hours.

    Opening hours and closed dates apply to steps that are planned from now on. Planned steps keep their due times.
    Quiet hours also apply to messages that are already planned or waiting.
    """
    with unit_of_work() as session:
        return clinic_hours.set_hours(session, actor(), given, seen=seen)


@blp.patch("/hours")
@allow(Permission.AUTOMATION_MANAGE)
@blp.merge_patch(HoursIn, HoursOut)
@blp.response(200, HoursOut)
@if_match
def change_hours(patch: MergePatch, seen: SeenVersions) -> JsonDict:
    """Change opening hours, closed dates or quiet hours.

    Each given part replaces the present one, as in a PUT. Public holidays of the clinic's region are always closed.
    """
    with unit_of_work() as session:
        given, seen = patch.onto(session, clinic_hours.get_hours(session, actor()), seen)
        return clinic_hours.set_hours(session, actor(), given, seen=seen)


@blp.patch("/contact-policy")
@allow(Permission.AUTOMATION_MANAGE)
@blp.merge_patch(ContactPolicyIn, ContactPolicyOut)
@blp.response(200, ContactPolicyOut)
@if_match
def edit_contact_policy(patch: MergePatch, seen: SeenVersions) -> JsonObject:
    """Edit the contact policy.

    Given limits are replaced; others stay unchanged.
    """
    with unit_of_work() as session:
        given, seen = patch.onto(session, policies.get_contact_policy(session, actor()), seen)
        return policies.set_contact_policy(session, actor(), given, seen=seen)


@blp.get("/sender")
@allow(Permission.LEAD_READ)
@blp.response(200, SenderOut)
def get_sender() -> JsonDict:
    """Show the sender of e-mails to leads: its name and its postal address."""
    with reading() as session:
        return sender_settings.get_sender(session, actor())


@blp.put("/sender")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(SenderIn)
@blp.response(200, SenderOut)
@if_match
def set_sender(given: JsonDict, seen: SeenVersions) -> JsonDict:
    """Replace the sender of e-mails to leads.

    Every commercial e-mail from now on ends with the name, the postal address and a link for unsubscribing, also those
    that are already written and wait.
    """
    with unit_of_work() as session:
        return sender_settings.set_sender(session, actor(), given, seen=seen)


@blp.patch("/sender")
@allow(Permission.AUTOMATION_MANAGE)
@blp.merge_patch(SenderIn, SenderOut)
@blp.response(200, SenderOut)
@if_match
def change_sender(patch: MergePatch, seen: SeenVersions) -> JsonDict:
    """Change the sender's name or postal address."""
    with unit_of_work() as session:
        given, seen = patch.onto(session, sender_settings.get_sender(session, actor()), seen)
        return sender_settings.set_sender(session, actor(), given, seen=seen)


@blp.get("/follow-ups")
@allow(Permission.LEAD_READ)
@blp.response(200, FollowUpSettingsOut)
def get_follow_up_settings() -> JsonDict:
    """Show when leads are stale, how tasks for many leads are spread, and how long history is kept."""
    with reading() as session:
        return follow_up_settings.get_follow_up_settings(session, actor())


@blp.put("/follow-ups")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(FollowUpSettingsIn)
@blp.response(200, FollowUpSettingsOut)
@if_match
def set_follow_up_settings(given: JsonDict, seen: SeenVersions) -> JsonDict:
    """Replace the settings for follow-ups.

    They apply within minutes to all open leads, and to tasks that are created from now on. A lead that is flagged as
    stale stays flagged until something happens to it. Fields that are left out get their default.

    With `keep_history_days`, an hourly sweep deletes tasks that ended and activities of closed leads, once both the end
    of the lead and the task or activity are older. This cannot be undone; the preview counts them. Open leads and those
    on legal hold keep everything.
    """
    with unit_of_work() as session:
        return follow_up_settings.set_follow_up_settings(session, actor(), given, seen=seen)


@blp.patch("/follow-ups")
@allow(Permission.AUTOMATION_MANAGE)
@blp.merge_patch(FollowUpSettingsIn, FollowUpSettingsOut)
@blp.response(200, FollowUpSettingsOut)
@if_match
def change_follow_up_settings(patch: MergePatch, seen: SeenVersions) -> JsonDict:
    """Change the settings for follow-ups.

    Given fields are replaced; others stay unchanged.
    """
    with unit_of_work() as session:
        given, seen = patch.onto(session, follow_up_settings.get_follow_up_settings(session, actor()), seen)
        return follow_up_settings.set_follow_up_settings(session, actor(), given, seen=seen)


@blp.get("/follow-ups/retention-preview")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(RetentionQuery)
@blp.response(200, RetentionPreviewOut)
def preview_retention(query: JsonDict) -> JsonDict:
    """Count the tasks and activities that would be deleted today.

    By the stored number of days, or by the given one. Nothing is deleted.
    """
    with reading() as session:
        return follow_up_settings.preview_retention(session, actor(), query.get("keep_history_days"))
